// Package quantity reads and writes sizes and durations as people put them into configuration: 256MiB, 1m30s, 7d.
package quantity

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Digits reads decimal digits alone: no sign, no other base, no underscores. ok is false for anything else, and for
// what does not fit.
func Digits(text string) (n int64, ok bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// Size reads bytes, with a decimal or binary unit where wanted. ok is false for what is no size; a size that no
// integer holds is -1.
func Size(text string) (bytes int64, ok bool) {
	end := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, ok := Digits(text[:end])
	factor := unit(strings.TrimPrefix(text[end:], " "))
	if !ok || factor == 0 {
		return 0, false
	}
	high, low := bits.Mul64(uint64(n), factor)
	if high != 0 || low > math.MaxInt64 {
		return -1, true
	}
	return int64(low), true
}

// unit returns the bytes of a unit of sizes; 0 for none.
func unit(name string) uint64 {
	switch name {
	case "", "B":
		return 1
	case "kB", "KB":
		return 1e3
	case "MB":
		return 1e6
	case "GB":
		return 1e9
	case "TB":
		return 1e12
	case "KiB":
		return 1 << 10
	case "MiB":
		return 1 << 20
	case "GiB":
		return 1 << 30
	case "TiB":
		return 1 << 40
	}
	return 0
}

// FormatSize writes bytes in the largest binary unit that divides them.
func FormatSize(n int64) string {
	units := []string{"", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for n != 0 && n%1024 == 0 && i < len(units)-1 {
		n /= 1024
		i++
	}
	return strconv.FormatInt(n, 10) + units[i]
}

// Duration reads Go's durations, with days in front where wanted. ok is false for what is no duration, or negative.
func Duration(text string) (d time.Duration, ok bool) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		d, err := time.ParseDuration(text)
		return d, err == nil && d >= 0
	}
	n, ok := Digits(days)
	if !ok || n > int64(math.MaxInt64/(24*time.Hour))/2 {
		return 0, false
	}
	whole := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return whole, true
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > math.MaxInt64-whole {
		return 0, false
	}
	return whole + d, true
}

// FormatDuration is time.Duration.String without trailing zero units.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// RoughSize writes a size for a person to read, with one decimal: "1.5 MiB".
func RoughSize(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	size := float64(n) / (1 << 10)
	for size >= 1<<10 && len(units) > 1 {
		size, units = size/(1<<10), units[1:]
	}
	return fmt.Sprintf("%.1f %s", size, units[0])
}
