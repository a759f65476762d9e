package status

import (
	"fmt"
	"strings"
	"time"
)

// The room of a picture, in its own units; the page scales it.
const (
	width, height = 720.0, 160.0
	ceiling       = 6.0 // above the line of 100 %, so that it is not cut off
)

// picture is the hit rate of each layer over time.
type picture struct {
	Title string
	Lines []line
	Marks []mark // of time
	Empty bool   // nothing was asked in this time
}

// line is one layer's.
type line struct {
	Name, Path string
	Sum        Layer // of the whole picture
}

// mark is a moment below the picture.
type mark struct {
	X    float64
	Text string
}

// newPicture draws what happened in the span before now. A time in which nobody
// asked is a gap.
func newPicture(title string, samples []Sample, now time.Time, span time.Duration) picture {
	p := picture{Title: title, Empty: true}
	for i := range 5 {
		at := now.Add(-span * time.Duration(4-i) / 4)
		p.Marks = append(p.Marks, mark{width * float64(i) / 4, at.UTC().Format("15:04")})
	}
	if len(samples) == 0 {
		return p
	}
	for i, l := range samples[len(samples)-1].Layers {
		one := draw(samples, i, now, span)
		one.Name = l.Name
		one.Sum.Name = l.Name
		p.Empty = p.Empty && one.Path == ""
		p.Lines = append(p.Lines, one)
	}
	return p
}

// draw makes the line of the layer at index i.
func draw(samples []Sample, i int, now time.Time, span time.Duration) line {
	var l line
	var path strings.Builder
	gap := true
	for _, s := range samples {
		before := now.Sub(s.At)
		if before > span || before < 0 || i >= len(s.Layers) {
			continue
		}
		l.Sum.Hits += s.Layers[i].Hits
		l.Sum.Misses += s.Layers[i].Misses
		rate, ok := s.Layers[i].Rate()
		if !ok {
			gap = true
			continue
		}
		x := width * (1 - float64(before)/float64(span))
		y := ceiling + (height-ceiling)*(1-rate/100)
		if gap {
			fmt.Fprintf(&path, "M%.1f %.1fh6", x-6, y) // so that it shows where it stays alone
		} else {
			fmt.Fprintf(&path, "L%.1f %.1f", x, y)
		}
		gap = false
	}
	l.Path = path.String()
	return l
}
