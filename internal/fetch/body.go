package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/registryd/registryd/internal/outcome"
)

// maxDiscard is how much of a body that nobody wants is read, so that its
// connection can be used again.
const maxDiscard = 16 << 10

// body reads a response as it is on the wire, within its limits of time and
// size.
type body struct {
	ctx   context.Context // of the exchange: its cause tells why a read failed
	x     *exchange
	rc    io.ReadCloser
	where string
	stall time.Duration
	timer *time.Timer
	limit int64
	want  int64 // announced length; -1: unknown
	read  int64
	err   error // of the last read, returned for ever
	// unwanted is set while a body is read that nobody is given.
	unwanted bool
	close    func()
}

// body takes over the body of resp. Closing it does not end the exchange yet.
func (x *exchange) body(ctx context.Context, resp *http.Response) *body {
	b := &body{
		ctx:   ctx,
		x:     x,
		rc:    resp.Body,
		where: clean(x.url),
		stall: x.client.config.StallTimeout,
		timer: time.AfterFunc(time.Hour, func() { x.cancel(errStall) }),
		limit: x.request.Limit,
		want:  resp.ContentLength,
	}
	b.timer.Stop()
	b.close = sync.OnceFunc(func() { x.end(ctx) })
	if resp.StatusCode == http.StatusNotModified || x.method == http.MethodHead {
		b.want = -1 // announces the length of what it does not send
	}
	return b
}

// Read fails with outcome.TooSlow, outcome.Unavailable or outcome.Refused.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	left := b.limit - b.read
	if int64(len(p))-1 > left {
		p = p[:left+1] // the one byte more tells "just fits" from "too large"
	}
	b.timer.Reset(b.stall)
	n, err := b.rc.Read(p)
	b.timer.Stop()
	b.read += int64(n)
	b.x.bytes.Add(int64(n))
	if int64(n) > left {
		n, err = int(left), outcome.New(outcome.Refused, "get %s: body is larger than %d bytes", b.where, b.limit)
	}
	b.err = b.judge(err)
	if !b.unwanted {
		b.x.fail(b.err)
	}
	if b.err != nil && !b.unwanted && !b.x.request.Compress { // else the decoder has the last word
		b.close() // its place is free, also where nobody closes it
	}
	return n, b.err
}

// judge turns the end of the stream, or what cut it off, into the error to return.
func (b *body) judge(err error) error {
	switch {
	case err == nil, errors.Is(err, outcome.Refused):
		return err
	case err == io.EOF: //nolint:errorlint // the stream's own end, never wrapped
		if b.want >= 0 && b.read != b.want {
			return outcome.New(outcome.Unavailable, "get %s: body of %d bytes, %d announced", b.where, b.read, b.want)
		}
		return io.EOF
	}
	return failure(b.ctx, b.where, err)
}

// Close ends the exchange. It may be called more than once.
func (b *body) Close() error {
	b.timer.Stop()
	err := b.rc.Close()
	b.close()
	return err
}

// abandon closes a body whose response is not handed out.
func (b *body) abandon() {
	b.timer.Stop()
	_ = b.rc.Close() // nothing of it was used
}

// discard reads a little of a body that nobody asked for and closes it. It
// returns the beginning.
func (b *body) discard() string {
	defer b.abandon()
	b.limit, b.want, b.unwanted = maxDiscard, -1, true
	var text strings.Builder
	_, _ = io.CopyN(&text, b, maxSnippet) // the status is the error to report
	_, _ = io.Copy(io.Discard, b)
	return text.String()
}

// decode undoes the compression that was asked for.
func (x *exchange) decode(resp *http.Response, b *body) (io.ReadCloser, error) {
	encoding := strings.ToLower(resp.Header.Get("Content-Encoding"))
	if !x.request.Compress || resp.StatusCode != http.StatusOK || encoding == "" || encoding == "identity" {
		return b, nil
	}
	if encoding != "gzip" && encoding != "x-gzip" {
		return nil, outcome.New(outcome.Unavailable, "get %s: Content-Encoding %.20q was not asked for", b.where, encoding)
	}
	d := &decoded{wire: b}
	zr, err := gzip.NewReader(b)
	if err != nil {
		return nil, d.judge(err)
	}
	d.zr = zr
	return d, nil
}

// decoded is a body that travelled compressed.
type decoded struct {
	wire *body
	zr   *gzip.Reader
	read int64
	err  error
}

// Read fails like body.Read.
func (d *decoded) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	left := d.wire.limit - d.read
	if int64(len(p))-1 > left {
		p = p[:left+1]
	}
	n, err := d.zr.Read(p)
	d.read += int64(n)
	if int64(n) > left {
		n, err = int(left), outcome.New(outcome.Refused, "get %s: decoded body is larger than %d bytes", d.wire.where, d.wire.limit)
	}
	d.err = d.judge(err)
	d.wire.x.fail(d.err)
	return n, d.err
}

// judge blames the wire where it failed, else the encoding.
func (d *decoded) judge(err error) error {
	switch {
	case err == nil, outcome.Known(err):
		return err
	case d.wire.err != nil && d.wire.err != io.EOF: //nolint:errorlint // see body.judge
		return d.wire.err
	case err == io.EOF && d.zr != nil: //nolint:errorlint // see body.judge
		return io.EOF
	}
	return outcome.Wrap(outcome.Unavailable, err, "get %s: gzip", d.wire.where)
}

// Close ends the exchange.
func (d *decoded) Close() error { return d.wire.Close() }
