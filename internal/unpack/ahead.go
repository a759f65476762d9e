package unpack

import "io"

const (
	firstChunk = 64 << 10  // bytes; archives up to there need no goroutine
	chunkSize  = 128 << 10 // bytes
	chunks     = 3         // one is read, one waits, one is filled
)

// ahead reads from another reader ahead of its own, in a goroutine that is
// started when the first chunk was not all of it. Inflating is the most
// expensive part of the work by far, and gets a processor for itself so.
type ahead struct {
	r    io.Reader // the goroutine's, once that is started
	cur  chunk
	pos  int // in cur
	full chan chunk
	free chan []byte // nil stands for a buffer that is not made yet
	quit chan struct{}
	done chan struct{} // nil before the start
}

// chunk is what was read, and the error that ended it, if any.
type chunk struct {
	data []byte
	err  error
}

// newAhead reads the first chunk.
func newAhead(r io.Reader) *ahead {
	return &ahead{r: r, cur: fill(r, make([]byte, firstChunk))}
}

// Read passes on bytes and the error that came after them.
func (a *ahead) Read(p []byte) (int, error) {
	for a.pos == len(a.cur.data) {
		if a.cur.err != nil {
			return 0, a.cur.err
		}
		if a.done == nil {
			a.start()
		} else {
			a.free <- a.cur.data
		}
		a.cur, a.pos = <-a.full, 0
	}
	n := copy(p, a.cur.data[a.pos:])
	a.pos += n
	return n, nil
}

// start starts the goroutine. Neither channel ever blocks a sender: there are
// no more buffers than places.
func (a *ahead) start() {
	a.full, a.free = make(chan chunk, chunks), make(chan []byte, chunks)
	a.quit, a.done = make(chan struct{}), make(chan struct{})
	for range chunks {
		a.free <- nil
	}
	go a.work()
}

func (a *ahead) work() {
	defer close(a.done)
	for {
		var buf []byte
		select {
		case <-a.quit:
			return
		case buf = <-a.free:
		}
		if buf == nil {
			buf = make([]byte, chunkSize)
		}
		c := fill(a.r, buf[:cap(buf)])
		a.full <- c
		if c.err != nil {
			return
		}
	}
}

// stop ends the goroutine, after the read that it may be in.
func (a *ahead) stop() {
	if a.done != nil {
		close(a.quit)
		<-a.done
	}
}

// fill reads until buf is full or the reader fails.
func fill(r io.Reader, buf []byte) chunk {
	n := 0
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if err != nil {
			return chunk{buf[:n], err}
		}
	}
	return chunk{data: buf}
}
