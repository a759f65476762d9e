package bench_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// table collects what is printed at the end.
type table struct{ lines []line }

type line struct{ what, measured, budget, holds string }

// atMost adds a value that must not be larger than its budget. unit goes
// behind both, "×" for a ratio.
func (t *table) atMost(what string, value, budget float64, unit string) {
	t.add(what, number(value, unit), "≤ "+number(budget, unit), value <= budget)
}

// atLeast adds a value that must not be smaller than its budget.
func (t *table) atLeast(what string, value, budget float64, unit string) {
	t.add(what, number(value, unit), "≥ "+number(budget, unit), value >= budget)
}

func (t *table) add(what, measured, budget string, holds bool) {
	word := "NO"
	if holds {
		word = "yes"
	}
	t.lines = append(t.lines, line{what, measured, budget, word})
}

// info adds a line without a budget.
func (t *table) info(what string, value float64, unit string) { t.word(what, number(value, unit)) }

// word adds a line that is no number.
func (t *table) word(what, text string) {
	t.lines = append(t.lines, line{what: what, measured: text, budget: "-", holds: "-"})
}

// String formats the table.
func (t *table) String() string {
	if len(t.lines) == 0 {
		return ""
	}
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nWHAT\tMEASURED\tBUDGET\tHOLDS")
	for _, l := range t.lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.what, l.measured, l.budget, l.holds)
	}
	w.Flush() // into memory: cannot fail
	return out.String()
}

func number(v float64, unit string) string {
	switch {
	case v == float64(int(v)) || v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v < 0.1:
		return fmt.Sprintf("%.3f %s", v, unit)
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}

// median returns the middle of values, which must not be none.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratios divides pair by pair.
func ratios(over, under []float64) []float64 {
	out := make([]float64, len(over))
	for i := range over {
		out[i] = over[i] / under[i]
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func TestMedian(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		values []float64
		want   float64
	}{
		"odd":  {[]float64{9, 1, 2}, 2},
		"even": {[]float64{4, 1, 9, 2}, 3},
		"one":  {[]float64{7}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := median(tt.values); got != tt.want {
				t.Errorf("median is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var tab table
	tab.atMost("within", 0.4, 0.5, "×")
	tab.atMost("beyond", 0.6, 0.5, "×")
	tab.atLeast("enough", 0.5, 0.5, "×")
	tab.info("known", 12, "ms")
	got := strings.Fields(strings.ReplaceAll(tab.String(), "\n", " "))
	want := strings.Fields("WHAT MEASURED BUDGET HOLDS within 0.40 × ≤ 0.50 × yes beyond 0.60 × ≤ 0.50 × NO" +
		" enough 0.50 × ≥ 0.50 × yes known 12 ms - -")
	if !slices.Equal(got, want) {
		t.Errorf("table is %q, want %q", got, want)
	}
}
