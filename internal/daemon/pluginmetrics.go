package daemon

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/registryd/registryd/plugin"
)

// pluginMetrics reads the numbers of the plugins when somebody asks for them.
type pluginMetrics struct {
	status func() []plugin.Status
	rows   []pluginRow
}

// pluginRow is one number of a plugin.
type pluginRow struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*plugin.Status) float64
}

func (m *metrics) watchPlugins(status func() []plugin.Status) {
	row := func(name, help string, kind prometheus.ValueType, value func(*plugin.Status) float64) pluginRow {
		return pluginRow{prometheus.NewDesc(name, help, []string{"plugin"}, nil), kind, value}
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	m.registry.MustRegister(&pluginMetrics{status, []pluginRow{
		row("registryd_plugin_generation", "Generation of the plugin in force, 0 for none.", gauge, func(s *plugin.Status) float64 { return float64(s.Generation) }),
		row("registryd_plugin_age_seconds", "Age of the generation in force.", gauge, func(s *plugin.Status) float64 { return float64(s.AgeSeconds) }),
		row("registryd_plugin_in_flight", "Calls under way.", gauge, func(s *plugin.Status) float64 { return float64(s.InFlight) }),
		row("registryd_plugin_leases", "Requests that are bound to the generation in force.", gauge, func(s *plugin.Status) float64 { return float64(s.Leases) }),
		row("registryd_plugin_instances", "Instances of the generation in force.", gauge, func(s *plugin.Status) float64 { return float64(s.Instances) }),
		row("registryd_plugin_calls_total", "Calls.", counter, func(s *plugin.Status) float64 { return float64(s.Calls) }),
		row("registryd_plugin_failures_total", "Calls that failed otherwise than as the plugin meant to.", counter, func(s *plugin.Status) float64 { return float64(s.Failures) }),
		row("registryd_plugin_limits_total", "Calls that were stopped by a limit.", counter, func(s *plugin.Status) float64 { return float64(s.Limits) }),
		row("registryd_plugin_drained_total", "Generations that ended.", counter, func(s *plugin.Status) float64 { return float64(s.Drained) }),
		row("registryd_plugin_forced_total", "Generations whose calls were cut off.", counter, func(s *plugin.Status) float64 { return float64(s.Forced) }),
		row("registryd_plugin_drain_seconds", "How long the last generation took to end.", gauge, func(s *plugin.Status) float64 { return float64(s.DrainMS) / 1000 }),
	}})
}

// Describe is part of prometheus.Collector.
func (p *pluginMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, r := range p.rows {
		ch <- r.desc
	}
}

// Collect is part of prometheus.Collector.
func (p *pluginMetrics) Collect(ch chan<- prometheus.Metric) {
	seen := map[string]bool{}
	for _, s := range p.status() {
		if seen[s.Name] {
			continue // one that failed beside one of its name that did not
		}
		seen[s.Name] = true
		for _, r := range p.rows {
			ch <- prometheus.MustNewConstMetric(r.desc, r.kind, r.value(&s), s.Name)
		}
	}
}
