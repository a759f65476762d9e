package quantity_test

import (
	"testing"
	"time"

	"github.com/registryd/registryd/internal/quantity"
)

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "4096": 4096, "1kB": 1000, "32MiB": 32 << 20, "2 GiB": 2 << 30, "9000000TiB": -1,
	} {
		if got, ok := quantity.Size(text); !ok || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "1XB", "0x10", "1  MiB"} {
		if got, ok := quantity.Size(text); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
	for n, want := range map[int64]string{0: "0", 1 << 20: "1MiB", 1000: "1000", 3 << 41: "6TiB"} {
		if got := quantity.FormatSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestRoughSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 5 << 29: "2.5 GiB", 1 << 60: "1048576.0 TiB",
	} {
		if got := quantity.RoughSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0s": 0, "500ms": 500 * time.Millisecond, "1m30s": 90 * time.Second, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour,
	} {
		if got, ok := quantity.Duration(text); !ok || got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "5", "-1s", "d", "1d-1h", "99999999999d"} {
		if got, ok := quantity.Duration(text); ok {
			t.Errorf("%q is %s", text, got)
		}
	}
	if got := quantity.FormatDuration(time.Hour); got != "1h" {
		t.Errorf("an hour is %s", got)
	}
}
