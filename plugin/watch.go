package plugin

import (
	"strings"
)

// Fingerprint tells by size, time and identity of files what lies in the directories at present: it changes when
// anything of a plugin does. "" where they cannot be read.
func (s Settings) Fingerprint() string {
	units, failures, err := s.discover()
	if err != nil {
		return ""
	}
	sum := newDigest()
	for _, u := range units {
		marks, _, err := u.seen()
		if err != nil {
			return "" // somebody writes just now
		}
		sum.add(u.path, strings.Join(marks, "\n"))
	}
	for _, f := range failures {
		sum.add(f.Path, f.Error)
	}
	return sum.text()
}
