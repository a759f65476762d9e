package bench_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.bench"); f == nil || f.Value.String() == "" {
		os.Exit(m.Run()) // builds no binaries
	}
	os.Exit(e2e.Main(m))
}

// BenchmarkBudgets measures every row and prints them as one table.
func BenchmarkBudgets(b *testing.B) {
	for _, tool := range []string{"curl", "tar", "wrk"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Fatalf("%s is needed: %v", tool, err)
		}
	}
	var t table
	for _, row := range []struct {
		name    string
		measure func(*testing.B, *table)
	}{
		{"cold", cold},
		{"touch", touch},
		{"daemon", daemon},
		{"herd", herd},
		{"memory", memory},
		{"start", start},
		{"plugins", plugins},
		{"hits", hits},
		{"operations", operations},
	} {
		b.Run(row.name, func(b *testing.B) {
			defer func() {
				if b.Skipped() {
					b.Error("what cannot be measured is a failure")
				}
			}()
			testenv.Nginx(b)
			row.measure(b, &t)
		})
	}
	fmt.Print(t.String())
}
