package daemon

import (
	"github.com/prometheus/client_golang/prometheus"
)

// collected are the numbers that others count, and that are read when somebody
// asks for them.
type collected struct {
	server *Server

	lookups, work, running *prometheus.Desc
	queues                 *prometheus.Desc
	generation, applied    *prometheus.Desc
}

func newCollected(s *Server) *collected {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &collected{
		server:     s,
		lookups:    desc("registryd_cache_lookups_total", "How often a layer of the cache was asked, by what came of it.", "layer", "result"),
		work:       desc("registryd_flights_total", "Calls for work that concurrent requests share: those that started it, and those that joined.", "kind", "part"),
		running:    desc("registryd_flights_running", "Shared work under way.", "kind"),
		queues:     desc("registryd_queue_length", "What waits for its turn.", "queue"),
		generation: desc("registryd_config_generation", "How many configurations were put in force, that of the start included."),
		applied:    desc("registryd_config_applied_timestamp_seconds", "When the configuration in force was put in force."),
	}
}

// Describe is part of prometheus.Collector.
func (c *collected) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect is part of prometheus.Collector.
func (c *collected) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := c.server
	for _, l := range s.registry.Lookups() {
		counter(c.lookups, l.Count, l.Layer, l.Result)
	}
	for _, w := range s.registry.Work() {
		counter(c.work, w.Started, w.Kind, "started")
		counter(c.work, w.Joined, w.Kind, "joined")
		gauge(c.running, float64(w.Running), w.Kind)
	}
	g := s.current()
	for queue, n := range map[string]int{
		"upstream": g.client.Waiting(), "compress": s.registry.Compressions(), "delete": s.cache.Deletions(),
	} {
		gauge(c.queues, float64(n), queue)
	}
	gauge(c.generation, float64(g.number))
	gauge(c.applied, float64(g.applied.UnixMilli())/1000)
}
