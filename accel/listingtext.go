package accel

import (
	"time"

	"github.com/registryd/registryd/internal/quantity"
)

// sizeText writes a size for people.
func sizeText(bytes int64) string {
	if bytes < 0 {
		return "–"
	}
	return quantity.RoughSize(bytes)
}

// day writes a time for people, "" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
