package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/accesslog"
	"github.com/registryd/registryd/internal/quantity"
)

// The data directory is counted now and then, which reads all its directories:
// what people remove by hand is seen by that alone. Without a budget only the
// metrics want to know, and the start has better things to do.
const (
	countEvery   = time.Hour
	countUnasked = 6 * time.Hour
	firstCount   = 0
	firstUnasked = time.Minute
)

// count counts what is held now and then, until ctx ends.
func (s *Server) count(ctx context.Context) {
	wait := func(asked, unasked time.Duration) bool {
		d := unasked
		if budgetOf(s.current().config) != (cache.Amount{}) {
			d = asked
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(d):
			return true
		}
	}
	for on := wait(firstCount, firstUnasked); on; on = wait(countEvery, countUnasked) {
		if _, err := s.cache.Count(ctx); err != nil {
			return
		}
	}
}

// holding are the metrics of what the last count found.
type holding struct {
	cache               *cache.Cache
	bytes, files        *prometheus.Desc
	releases, evictions *prometheus.Desc
	counts              *prometheus.Desc
}

func newHolding(c *cache.Cache) *holding {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &holding{
		cache:     c,
		bytes:     desc("registryd_held_bytes", "Bytes on disk in whole blocks, by kind, when they were counted last.", "kind"),
		files:     desc("registryd_held_files", "Files and directories on disk, by kind, when they were counted last.", "kind"),
		releases:  desc("registryd_held_releases", "Releases that take room on the disk, when they were counted last."),
		evictions: desc("registryd_evictions_total", "Releases evicted because of the budget."),
		counts:    desc("registryd_held_counted_timestamp_seconds", "When what is held was counted last."),
	}
}

// Describe is part of prometheus.Collector.
func (h *holding) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(h, ch) }

// Collect is part of prometheus.Collector.
func (h *holding) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(h.evictions, prometheus.CounterValue, float64(h.cache.Evictions()))
	held := h.cache.Holding()
	if held == nil {
		held = &cache.Holding{}
	}
	for kind, a := range map[string]cache.Amount{"view": held.View, "tarballs": held.Blobs, "packs": held.Packs} {
		ch <- prometheus.MustNewConstMetric(h.bytes, prometheus.GaugeValue, float64(a.Bytes), kind)
		ch <- prometheus.MustNewConstMetric(h.files, prometheus.GaugeValue, float64(a.Files), kind)
	}
	if !held.At.IsZero() {
		ch <- prometheus.MustNewConstMetric(h.counts, prometheus.GaugeValue, float64(held.At.Unix()))
	}
	ch <- prometheus.MustNewConstMetric(h.releases, prometheus.GaugeValue, float64(held.Releases))
}

// setBudget puts the budget of a configuration in force.
func (s *Server) setBudget(c *config.Config) {
	limit := budgetOf(c)
	if c.Offline {
		limit = cache.Amount{} // what goes could not come back
	}
	s.cache.SetBudget(limit)
	switch {
	case c.Cache.AccessLog == "" || s.cache.NotesUse():
		s.cache.SetUses(nil)
		s.closeUses()
	case s.uses == nil || s.uses.file != c.Cache.AccessLog:
		s.closeUses()
		s.uses = &logUses{accesslog.New(c.Cache.AccessLog, c.Root.Pub, nil), c.Cache.AccessLog}
		s.cache.SetUses(s.uses)
	}
}

// closeUses gives up the access log that was read so far.
func (s *Server) closeUses() {
	if s.uses != nil {
		_ = s.uses.Close() // it was only read
		s.uses = nil
	}
}

// logUses is an access log that is read, and which one.
type logUses struct {
	*accesslog.Tail
	file string
}

// budgetLine says how much may be kept, and how last use is known; "" without a
// budget.
func (s *Server) budgetLine(c *config.Config) string {
	var limits []string
	if n := c.Cache.MaxBytes; n > 0 {
		limits = append(limits, quantity.RoughSize(n))
	}
	if n := c.Cache.MaxFiles; n > 0 {
		limits = append(limits, fmt.Sprintf("%d files", n))
	}
	if len(limits) == 0 {
		return ""
	}
	if c.Offline {
		return strings.Join(limits, " and ") + "; not kept to while offline, since nothing could come back"
	}
	known := "last use is the access time of files, nginx's hits included"
	switch {
	case s.cache.NotesUse():
	case c.Cache.AccessLog != "":
		known = "last use is read from " + c.Cache.AccessLog
	default:
		known = "the file system is mounted with noatime: hits in nginx do not count as use; give cache.access_log"
	}
	return strings.Join(limits, " and ") + "; " + known
}
