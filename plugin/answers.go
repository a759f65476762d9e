package plugin

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/lru"
)

const (
	// answerBytes is the share of one plugin in what is kept of answers to its fetch.
	answerBytes = 8 << 20
	maxAnswer   = 1 << 20 // one of them, so that it does not push everything else out
	answerTime  = 24 * time.Hour
)

// answers keeps what servers answered to the fetch of one plugin with an ETag. It saves the way of the bytes alone: a
// server is asked each time whether they are still the same. Safe for concurrent use.
type answers struct {
	kept *lru.Map[answerKey, *answer]
}

// answerKey is a digest of all that an answer may depend on.
type answerKey [sha256.Size]byte

type answer struct {
	tag      string
	response *Response
}

func newAnswers(now func() time.Time) *answers {
	return &answers{kept: lru.New[answerKey, *answer](answerBytes, now)}
}

// keyOf returns the key of a request; nil for one whose answers are not kept, because it is no plain GET, or because
// the code looks after what it has itself.
func keyOf(r *Request) *answerKey {
	if r.Method != "" && !strings.EqualFold(r.Method, http.MethodGet) || len(r.Body) > 0 {
		return nil
	}
	sum := sha256.New()
	add := func(text string) {
		_ = binary.Write(sum, binary.BigEndian, uint64(len(text))) // a hash never fails
		_, _ = sum.Write([]byte(text))
	}
	add(r.URL)
	for _, name := range sortedNames(r.Header) {
		switch canonical := http.CanonicalHeaderKey(name); {
		case strings.HasPrefix(canonical, "If-"), canonical == "Range", canonical == "Cache-Control", canonical == "Pragma":
			return nil
		default:
			add(canonical)
			add(strings.Join(r.Header[name], "\n")) // no value has a line break
		}
	}
	key := answerKey(sum.Sum(nil))
	return &key
}

// recall returns what was answered to a request before, nil: nothing, and the key to keep the next answer by, nil: it is
// not to be kept.
func (a *answers) recall(r *Request) (key *answerKey, kept *answer) {
	if a == nil {
		return nil, nil
	}
	if key = keyOf(r); key != nil {
		kept, _ = a.kept.Get(*key)
	}
	return key, kept
}

// keep notes an answer, if it may be used again.
func (a *answers) keep(key *answerKey, tag string, response *Response) {
	if key == nil || tag == "" || response.Status != http.StatusOK || strings.Contains(strings.ToLower(response.Header.Get("Cache-Control")), "no-store") {
		return
	}
	cost := cap(response.Body) + entryCost
	for name, values := range response.Header {
		cost += len(name) + len(strings.Join(values, ""))
	}
	if cost <= maxAnswer {
		a.kept.Put(*key, &answer{tag, response}, cost, answerTime)
	}
}

// holds reports whether an answer says that a kept one is still right: it must come from where that came from, because
// the tag of another place means nothing.
func (k *answer) holds(resp *fetch.Response) bool {
	return k != nil && resp.Status == http.StatusNotModified && resp.URL == k.response.URL
}
