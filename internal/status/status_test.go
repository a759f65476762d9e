package status_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/status"
)

var epoch = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func view(hits, misses uint64) []status.Layer {
	return []status.Layer{{Name: "view", Hits: hits, Misses: misses}}
}

// TestHistory_PA5: samples are what was counted between them, the present is
// one more, and both rings are bounded.
func TestHistory_PA5(t *testing.T) {
	t.Parallel()
	var h status.History
	if hour, day := h.Samples(epoch, view(1, 1)); len(hour) != 0 || len(day) != 0 || hour == nil || day == nil {
		t.Errorf("before the first: %v %v", hour, day)
	}
	h.Add(epoch, view(10, 1))
	h.Add(epoch.Add(15*time.Second), view(30, 2))
	h.Add(epoch.Add(30*time.Second), view(3, 1)) // began anew
	hour, day := h.Samples(epoch.Add(40*time.Second), view(4, 5))
	want := []status.Sample{
		{At: epoch.Add(15 * time.Second), Layers: view(20, 1)}, {At: epoch.Add(30 * time.Second), Layers: view(3, 1)}, {At: epoch.Add(40 * time.Second), Layers: view(1, 4)},
	}
	if d := cmp.Diff(want, hour); d != "" {
		t.Errorf("hour (-want +got):\n%s", d)
	}
	if len(day) != 1 {
		t.Errorf("day: %v", day)
	}
	now := epoch.Add(time.Minute)
	for i := range uint64(6000) { // 25 hours
		now = now.Add(status.HourStep)
		h.Add(now, view(1000+i, 0))
	}
	hour, day = h.Samples(now, view(6999, 0))
	if len(hour) != 241 || len(day) != 241 {
		t.Errorf("%d and %d samples", len(hour), len(day))
	}
	if first, last := now.Sub(hour[0].At), now.Sub(day[0].At); first > time.Hour || last > 24*time.Hour || last < 23*time.Hour {
		t.Errorf("they go back %v and %v", first, last)
	}
	if n := day[100].Layers[0].Hits; n != 24 {
		t.Errorf("a sample of the day counts %d, want 24", n)
	}
}

func TestRefusals_PA5(t *testing.T) {
	t.Parallel()
	var r status.Refusals
	if r.Latest() == nil {
		t.Error("none is nil")
	}
	add := func(what string, at int) {
		r.Add(status.Refusal{What: what, Outcome: "forbidden", At: epoch.Add(time.Duration(at))})
	}
	add("/first", 0)
	add("/other", 1)
	for i := range 500 {
		add("/first", 2+i)
	}
	got := r.Latest()
	if len(got) != 2 || got[0].What != "/first" || got[0].Count != 501 || !got[0].At.Equal(epoch.Add(501)) {
		t.Errorf("%+v", got)
	}
	for i := range 200 {
		add(fmt.Sprintf("/%d", i), 1000+i)
	}
	if got = r.Latest(); len(got) != 50 || got[0].What != "/199" || got[49].What != "/150" {
		t.Errorf("%d, from %+v", len(got), got[0])
	}
}

func TestWaits_PA5(t *testing.T) {
	t.Parallel()
	var w status.Waits
	for i := range 1000 {
		w.Add("old.test", i%10 == 0, time.Hour)
	}
	for i := range 128 {
		w.Add("old.test", false, time.Duration(i+1)*time.Millisecond)
		w.Add("fast.test", false, 1500*time.Microsecond)
	}
	want := []status.Upstream{
		{Host: "old.test", Requests: 1128, Failures: 100, Median: 65, Slow: 122}, {Host: "fast.test", Requests: 128, Median: 1.5, Slow: 1.5},
	}
	if d := cmp.Diff(want, w.Upstreams()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for i := range 500 {
		w.Add(fmt.Sprintf("%d.test", i), false, time.Second)
	}
	if n := len(w.Upstreams()); n != 65 {
		t.Errorf("%d hosts are told apart", n)
	}
}

// hostile is a report with texts of other people in it.
func hostile() *status.Report {
	const bad = `"><script>alert(1)</script>`
	return &status.Report{
		Version: bad, Now: epoch, Started: epoch.Add(-25 * time.Hour), Providers: []string{bad}, Layers: view(3, 1),
		Hour: []status.Sample{
			{At: epoch.Add(-2 * time.Hour), Layers: view(9, 9)}, {At: epoch.Add(-30 * time.Minute), Layers: view(1, 1)}, {At: epoch.Add(-15 * time.Minute), Layers: view(3, 1)},
			{At: epoch.Add(-10 * time.Minute), Layers: view(0, 0)}, {At: epoch, Layers: view(1, 0)},
		},
		Held:      status.Held{Packages: 7, Budget: status.Amount{Bytes: 1 << 30}, View: status.Amount{Bytes: 1 << 29}, Counted: epoch, DiskFree: 1, DiskSize: 4},
		Upstreams: []status.Upstream{{Host: bad, State: "open", LastError: bad, Requests: 2, Slow: 12345, Median: 7}},
		Refusals:  []status.Refusal{{What: bad, Reason: bad, Outcome: bad, At: epoch.Add(-time.Minute), Count: 4}},
		Pins:      []status.Pin{{Name: bad, By: bad, Version: "1.0.0"}}, MorePins: 3,
		Components: &status.Components{Store: bad, Hosts: 11, MaxHosts: 12, Names: 13, Versions: 14},
	}
}

// TestHTML_PA5: a page without a script, whatever stands in the report, and with
// a picture that has a gap where nobody asked.
func TestHTML_PA5(t *testing.T) {
	t.Parallel()
	data, err := hostile().HTML()
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, part := range []string{
		"up 1 d 1 h", `d="M354.0 83.0h6L540.0 44.5M714.0 6.0h6"`, "view 71.4 % (5 hits, 2 misses)", "512.0 MiB of a budget of 1.0 GiB (50 %)", "25 % of 4 B", "12.3 s", "7.0 ms",
		"left alone", "1 min 0 s ago", "3 more are not shown", "The last day</h3>\n<p>Nobody asked for anything.", "11:00", "75 %", "11<small>of at most 12</small>",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	for _, part := range []string{"<script", "style=", "ZgotmplZ", " onload", "http://", "https://"} {
		if strings.Contains(text, part) {
			t.Errorf("the page holds %q", part)
		}
	}
	empty, err := (&status.Report{Now: epoch, Started: epoch}).HTML()
	if err != nil || !strings.Contains(string(empty), "None was asked since the start.") || !strings.Contains(string(empty), "Not counted yet") {
		t.Errorf("an empty report: %v", err)
	}
}

// TestJSON_PA5: lists are never null, and nothing but what is documented is in it.
func TestJSON_PA5(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(hostile())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"version", "started", "now", "providers", "held", "layers", "hour", "upstreams", "refusals", "pins", "more_pins"} {
		if got[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}
}
