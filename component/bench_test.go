package component_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/registryd/registryd/component"
)

// The size that must stay usable (C-N4).
const (
	benchHosts      = 10_000
	benchComponents = 1_000
)

// fullIndex is an index of that size: hosts differ in what they provide, and
// components in what they need.
func fullIndex(b *testing.B) *component.Index {
	b.Helper()
	x := component.NewIndex()
	for i := range benchComponents {
		for minor := range 3 {
			x.Load(name(b, fmt.Sprint("component-", i)), version(b, fmt.Sprintf("1.%d.0", minor)), component.Dependencies{
				"react": fmt.Sprintf("^%d.%d.0", 14+i%4, minor), "moment": ">=2",
			})
		}
	}
	for i := range benchHosts {
		addHost(b, x, provided(i))
	}
	return x
}

// provided is what a host of that number provides.
func provided(i int) component.Dependencies {
	return component.Dependencies{
		"react": fmt.Sprintf("^%d.%d.0", 14+i%4, i/4%10), "moment": fmt.Sprintf("^2.%d.%d", i/40%20, i/800), "lodash": "^4.0.0",
	}
}

func someHost(i int) uint32 { return component.HostID(provided(i % benchHosts)) }

// BenchmarkLookup_CN4 asks for the version of a component for a host: the first
// question about each component is part of it, and the rest is constant.
func BenchmarkLookup_CN4(b *testing.B) {
	x := fullIndex(b)
	ids, names := make([]uint32, 1000), make([]component.Name, benchComponents)
	for i := range ids {
		ids[i] = someHost(i * 7)
	}
	for i := range names {
		names[i] = name(b, fmt.Sprint("component-", i))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, n := range names {
		_, _ = x.Lookup(ids[0], n)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	i := 0
	for b.Loop() {
		_, _ = x.Lookup(ids[i%len(ids)], names[i%len(names)])
		i++
	}
	b.ReportMetric(float64(after.HeapAlloc)/1e6, "MB-heap")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-chosen")
}

// BenchmarkPublish_CN4 makes one more version known to all hosts.
func BenchmarkPublish_CN4(b *testing.B) {
	x := fullIndex(b)
	n, i := name(b, "component-1"), 0
	for b.Loop() {
		i++
		x.AddVersion(n, version(b, fmt.Sprintf("2.%d.0", i)), component.Dependencies{"react": "^15.2.0", "moment": ">=2"})
	}
}

// BenchmarkRegister_CN4 makes one more host known, and tells it all it gets.
func BenchmarkRegister_CN4(b *testing.B) {
	x, i := fullIndex(b), 0
	for b.Loop() {
		i++
		id := addHost(b, x, component.Dependencies{"react": "^15.2.0", "moment": "^2.24.0", "n": fmt.Sprint(i)})
		if _, err := x.Choices(id); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad_CN4 is what a start does with the index.
func BenchmarkLoad_CN4(b *testing.B) {
	for b.Loop() {
		fullIndex(b)
	}
}
