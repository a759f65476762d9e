package daemon

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// operations are the instruments of operations.
type operations struct {
	answers   *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

func (m *metrics) watchModules() {
	m.operations = &operations{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "registryd_operation_requests_total", Help: "Answers of operations, by module, operation and outcome.",
		}, []string{"module", "operation", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "registryd_operation_duration_seconds", Help: "Time until the answer of an operation was complete.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, []string{"module", "operation"}),
	}
	m.registry.MustRegister(m.operations.answers, m.operations.durations)
}

// operated counts and times one answer of an operation.
func (m *metrics) operated(module, operation, outcome string, d time.Duration) {
	m.operations.answers.WithLabelValues(module, operation, outcome).Inc()
	m.operations.durations.WithLabelValues(module, operation).Observe(d.Seconds())
}
