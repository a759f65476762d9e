package httpx

import (
	"net/http"
	"strconv"
	"strings"
)

// Accepts reports whether the client takes a body in a content coding, by
// RFC 9110 section 12.5.3: it names the coding, or all with a star, and not with
// a quality of zero. A client that says nothing takes none.
func Accepts(r *http.Request, coding string) bool {
	accepted := false
	for _, value := range r.Header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(value, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, coding):
				return !refuses(parameters)
			case name == "*":
				accepted = !refuses(parameters)
			}
		}
	}
	return accepted
}

// refuses reports whether the parameters say q=0.
func refuses(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return err != nil || q <= 0
		}
	}
	return false
}
