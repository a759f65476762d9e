package daemon

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/registry"
)

// metrics are the instruments of one server.
type metrics struct {
	registry  *prometheus.Registry
	page      http.Handler // all metrics
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	upstream  *prometheus.CounterVec
	waits     *prometheus.HistogramVec
	events    *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	items     *prometheus.CounterVec
	took      *prometheus.HistogramVec
	sentBytes *prometheus.CounterVec
	reloads   *prometheus.CounterVec
	// publications of components, by outcome.
	publications *prometheus.CounterVec
	operations   *prometheus.CounterVec
	operating    *prometheus.HistogramVec

	mu    sync.Mutex
	hosts map[string]bool // that have series of their own

	reading sync.RWMutex
	answers map[answerLabels]answerSeries
}

// answerLabels are those of an answer; there are few different ones.
type answerLabels struct {
	route  string
	status int
	label  string
}

// answerSeries spare every request the search for them by text.
type answerSeries struct {
	requests  prometheus.Counter
	durations prometheus.Observer
}

// breakerState is the one metric that is read when it is asked for.
const breakerState = "registryd_upstream_breaker_state"

// maxHosts bounds the hosts with series of their own: a document from upstream
// names the host of its tarball, and it may name another one each time.
const maxHosts = 64

// host is the label of a host.
func (m *metrics) host(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hosts[name] && len(m.hosts) >= maxHosts {
		return "other"
	}
	m.hosts[name] = true
	return name
}

func newMetrics(version string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), hosts: map[string]bool{}, answers: map[answerLabels]answerSeries{}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, labels)
		m.registry.MustRegister(h)
		return h
	}
	m.page = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	m.requests = counter("registryd_http_requests_total", "Answers, by route, status and outcome.", "route", "status", "outcome")
	m.durations = histogram("registryd_http_request_duration_seconds", "Time until an answer was complete.", "route")
	m.upstream = counter("registryd_upstream_requests_total", "Requests that went out, by host and status.", "host", "status")
	m.waits = histogram("registryd_upstream_request_duration_seconds", "Time until the header of an answer from upstream.", "host")
	m.events = counter("registryd_registry_events_total", "What the registry did, by kind, provider and outcome.", "kind", "provider", "outcome")
	m.bytes = counter("registryd_registry_bytes_total", "Bytes fetched or put into the view, by kind; unpacked: those of the files of fetched tarballs.", "kind")
	m.items = counter("registryd_registry_items_total", "Files of fetched releases, and releases that sweeps took out of the view, by kind.", "kind")
	m.took = histogram("registryd_registry_event_duration_seconds", "How long what the registry does took, by kind.", "kind")
	m.sentBytes = counter("registryd_upstream_bytes_total", "Bytes of bodies that came from upstream, as they are on the wire, by provider.", "provider")
	m.reloads = counter("registryd_reloads_total", "Reloads of the configuration, by result.", "result")
	m.publications = counter("registryd_components_publications_total", "Attempts to publish a component, by outcome.", "outcome")
	m.operations = counter("registryd_operation_requests_total", "Answers of operations, by module, operation and outcome.", "module", "operation", "outcome")
	m.operating = histogram("registryd_operation_duration_seconds", "Time until the answer of an operation was complete.", "module", "operation")
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "registryd_build_info", Help: "Always 1; the label says what runs."}, []string{"version"})
	info.WithLabelValues(version).Set(1)
	m.registry.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) answered(route string, status int, label string, d time.Duration) {
	s := m.series(answerLabels{route, status, label})
	s.requests.Inc()
	s.durations.Observe(d.Seconds())
}

func (m *metrics) series(l answerLabels) answerSeries {
	m.reading.RLock()
	s, ok := m.answers[l]
	m.reading.RUnlock()
	if ok {
		return s
	}
	s = answerSeries{m.requests.WithLabelValues(l.route, strconv.Itoa(l.status), l.label), m.durations.WithLabelValues(l.route)}
	m.reading.Lock()
	defer m.reading.Unlock()
	m.answers[l] = s
	return s
}

func (m *metrics) fetched(host string, status int, err error, d time.Duration) {
	text := strconv.Itoa(status)
	if status == 0 {
		text = httpx.Label(err)
	}
	host = m.host(host)
	m.upstream.WithLabelValues(host, text).Inc()
	m.waits.WithLabelValues(host).Observe(d.Seconds())
}

func (m *metrics) event(e registry.Event) {
	m.events.WithLabelValues(string(e.Kind), e.Provider, httpx.Label(e.Err)).Inc()
	if e.Duration > 0 {
		m.took.WithLabelValues(string(e.Kind)).Observe(e.Duration.Seconds())
	}
	if e.Err == nil && e.Bytes > 0 {
		m.bytes.WithLabelValues(string(e.Kind)).Add(float64(e.Bytes))
	}
	if e.Unpacked > 0 {
		m.bytes.WithLabelValues("unpacked").Add(float64(e.Unpacked))
	}
	if e.Items > 0 {
		m.items.WithLabelValues(string(e.Kind)).Add(float64(e.Items))
	}
}

// operated counts and times one answer of an operation.
func (m *metrics) operated(module, operation, outcome string, d time.Duration) {
	m.operations.WithLabelValues(module, operation, outcome).Inc()
	m.operating.WithLabelValues(module, operation).Observe(d.Seconds())
}

func (m *metrics) sent(e fetch.Ended) {
	m.sentBytes.WithLabelValues(e.Provider).Add(float64(e.Bytes))
}

// serve answers with all metrics.
func (m *metrics) serve(w http.ResponseWriter, r *http.Request) error {
	m.page.ServeHTTP(w, r)
	return nil
}
