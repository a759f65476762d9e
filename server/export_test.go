package server

// HostLabel returns the metric label of each host, asked in order.
func HostLabel(hosts []string) []string {
	m := newMetrics("")
	labels := make([]string, len(hosts))
	for i, h := range hosts {
		labels[i] = m.host(h)
	}
	return labels
}
