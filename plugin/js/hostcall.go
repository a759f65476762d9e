package js

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/registryd/registryd/plugin"
)

// maxPending bounds what one call waits for at a time, timers included.
const maxPending = 1000

// ask is the one function that the runtime has of the daemon. The first argument says what it wants.
func (i *instance) ask(args []any) (any, error) {
	c := i.call
	if c == nil || len(args) == 0 {
		return nil, errors.New("no call")
	}
	switch what := word(args, 0); what {
	case "done":
		c.done(word(args, 1), word(args, 2))
		return nil, nil
	case "log":
		c.log(word(args, 1), word(args, 2))
		return nil, nil
	case "start":
		return nil, c.begin(count(args, 1), word(args, 2), word(args, 3))
	case "cancel":
		if stop, ok := c.stops[count(args, 1)]; ok {
			stop()
			delete(c.stops, count(args, 1))
		}
		return nil, nil
	default:
		v, err := c.answer(what, args)
		if err != nil {
			return "!" + told(err), nil
		}
		return "=" + v, nil
	}
}

func word(args []any, n int) string {
	if n < len(args) {
		if s, ok := args[n].(string); ok {
			return s
		}
	}
	return ""
}

func count(args []any, n int) int {
	if n < len(args) {
		switch v := args[n].(type) {
		case int:
			return v
		case int32:
			return int(v)
		case int64:
			return int(v)
		case float64:
			return int(v)
		}
	}
	return 0
}

// told is how an error of the host is made one of the code.
func told(err error) string {
	t := struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		ID      int    `json:"id,omitempty"`
	}{Name: "Error", Message: err.Error()}
	if r, ok := errors.AsType[*plugin.Rejection](err); ok {
		t.Name, t.Message, t.ID = r.Name, r.Message, r.ID
	}
	data, _ := json.Marshal(t) // texts and a number
	return string(data)
}

func (c *call) log(level, text string) {
	if c.ctx.Err() != nil {
		return
	}
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "warn": slog.LevelWarn, "error": slog.LevelError}
	c.i.p.host.Log(c.ctx, levels[level], c.i.p.mapped(text)) // info is zero
}

// maxNotice bounds the time that a notice may name, in milliseconds.
const maxNotice = 1 << 40

// answer is what needs no waiting.
func (c *call) answer(what string, args []any) (string, error) {
	switch what {
	case "semver":
		return semverCall(word(args, 1), word(args, 2))
	case "sri":
		data, err := base64.StdEncoding.DecodeString(word(args, 2))
		if err != nil {
			return "", err
		}
		ok, err := c.i.p.host.VerifySRI(word(args, 1), data)
		return fmt.Sprint(ok), err
	case "utf8":
		return base64.StdEncoding.EncodeToString([]byte(word(args, 1))), nil
	case "text":
		return decodeText(word(args, 1), word(args, 2) == "fatal")
	case "notice":
		plugin.Notice(c.ctx, word(args, 1), time.Duration(min(max(count(args, 2), 0), maxNotice))*time.Millisecond)
		return "", nil
	case "random":
		data := make([]byte, min(max(count(args, 1), 0), 1<<16))
		_, _ = rand.Read(data) // never fails
		return base64.StdEncoding.EncodeToString(data), nil
	case "ip6":
		return ip6(word(args, 1)), nil
	case "body":
		return c.body(count(args, 1), word(args, 2))
	}
	return "", fmt.Errorf("the daemon has no %q", what)
}

func decodeText(b64 string, fatal bool) (string, error) {
	data, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		return "", err
	}
	if fatal && !utf8.Valid(data) {
		return "", &plugin.Rejection{Name: "TypeError", Message: "the bytes are no UTF-8"}
	}
	return string(data), nil
}

// ip6 returns the usual spelling of an address, or nothing.
func ip6(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is6() || a.Zone() != "" {
		return ""
	}
	if a.Is4In6() {
		b := a.As16()
		return fmt.Sprintf("::ffff:%x:%x", int(b[12])<<8|int(b[13]), int(b[14])<<8|int(b[15]))
	}
	return a.String()
}

// body hands the body of an answer over, once.
func (c *call) body(id int, form string) (string, error) {
	data, ok := c.bodies[id]
	if !ok {
		return "", &plugin.Rejection{Name: "TypeError", Message: "the body belongs to a call that is over"}
	}
	delete(c.bodies, id)
	if form == "text" {
		return string(data), nil
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

// begin starts what takes time, on a goroutine that ends with the call.
func (c *call) begin(id int, what, data string) error {
	if len(c.stops) >= maxPending {
		return fmt.Errorf("more than %d requests and timers at a time", maxPending)
	}
	ctx, stop := context.WithCancel(c.ctx)
	c.stops[id] = stop
	c.busy.Go(func() {
		e := c.work(ctx, what, data)
		e.id = id
		select {
		case c.events <- e:
		case <-ctx.Done():
		}
	})
	return nil
}

// work does what the code began.
func (c *call) work(ctx context.Context, what, data string) event {
	var q struct {
		MS      float64     `json:"ms"`
		Key     string      `json:"key"`
		Value   string      `json:"value"`
		TTL     float64     `json:"ttl"`
		URL     string      `json:"url"`
		Method  string      `json:"method"`
		Headers [][2]string `json:"headers"`
		Body    []byte      `json:"body"`
	}
	if err := json.Unmarshal([]byte(data), &q); err != nil {
		return event{err: err}
	}
	host := c.i.p.host
	switch what {
	case "timer":
		return sleep(ctx, milliseconds(q.MS))
	case "cache.get":
		v, err := host.CacheGet(ctx, q.Key)
		return event{data: string(v), err: err}
	case "cache.set":
		return event{err: host.CacheSet(ctx, q.Key, json.RawMessage(q.Value), milliseconds(q.TTL))}
	case "cache.delete":
		return event{err: host.CacheDelete(ctx, q.Key)}
	}
	r := &plugin.Request{URL: q.URL, Method: q.Method, Header: http.Header{}, Body: q.Body}
	for _, h := range q.Headers {
		r.Header.Add(h[0], h[1])
	}
	if what == "open" {
		handle, err := host.Open(ctx, r)
		text, _ := json.Marshal(handle)
		return event{data: string(text), err: err}
	}
	return fetched(host.Fetch(ctx, r))
}

func milliseconds(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

func sleep(ctx context.Context, d time.Duration) event {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return event{}
}

// fetched tells the code of an answer; its body waits until it is asked for.
func fetched(r *plugin.Response, err error) event {
	if err != nil {
		return event{err: err}
	}
	headers := [][2]string{}
	for k, values := range r.Header {
		for _, v := range values {
			headers = append(headers, [2]string{k, v})
		}
	}
	slices.SortStableFunc(headers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	data, err := json.Marshal(map[string]any{
		"status": r.Status, "statusText": http.StatusText(r.Status), "url": r.URL, "headers": headers,
	})
	body := r.Body
	if body == nil {
		body = []byte{} // what nobody has read yet
	}
	return event{data: string(data), err: err, body: body}
}
