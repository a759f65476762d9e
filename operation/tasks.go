package operation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

// TaskConfig of Tasks. The zero value of each field means the stated default.
type TaskConfig struct {
	Capacity     int           // tasks that are kept at a time; 1000
	MaxRemaining time.Duration // estimates above it are refused; 5m
	Lifetime     int           // ticks for which nobody has to read a result; 2
	Tick         time.Duration // between two collections; 1m
}

// Tasks keeps what runs longer than its request, and the answers until somebody reads them. Safe for concurrent use;
// close it.
type Tasks struct {
	config TaskConfig
	life   context.Context
	end    context.CancelFunc
	busy   sync.WaitGroup

	mu      sync.Mutex
	list    map[string]*task
	closed  bool
	started bool // the collector, with the first task
}

// task is one of them. Its fields are guarded by Tasks.mu, but for the progress.
type task struct {
	call     *Call
	progress atomic.Int64 // of the estimate, in nanoseconds
	started  time.Time
	estimate time.Duration
	done     bool
	ended    time.Time
	answer   Answer
	err      error
}

// NewTasks returns an empty store.
func NewTasks(c TaskConfig) *Tasks {
	if c.Capacity == 0 {
		c.Capacity = 1000
	}
	if c.MaxRemaining == 0 {
		c.MaxRemaining = 5 * time.Minute
	}
	if c.Lifetime == 0 {
		c.Lifetime = 2
	}
	if c.Tick == 0 {
		c.Tick = time.Minute
	}
	t := &Tasks{config: c, list: map[string]*task{}}
	t.life, t.end = context.WithCancel(context.Background())
	return t
}

// Close cuts running tasks off, waits for them, and forgets all. It is idempotent.
func (t *Tasks) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.end()
	t.busy.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.list)
}

// begin counts one more goroutine, which ends by busy.Done. Errors: outcome.Busy after Close.
func (t *Tasks) begin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return outcome.New(outcome.Busy, "no task is taken any more")
	}
	if !t.started {
		t.started = true
		t.busy.Go(t.collect)
	}
	t.busy.Add(1)
	return nil
}

// collect drops what nobody has read for too long.
func (t *Tasks) collect() {
	tick := time.NewTicker(t.config.Tick)
	defer tick.Stop()
	for {
		select {
		case <-t.life.Done():
			return
		case <-tick.C:
			t.sweep()
		}
	}
}

func (t *Tasks) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := time.Now().Add(-time.Duration(t.config.Lifetime) * t.config.Tick)
	for id, task := range t.list {
		if task.done && task.ended.Before(limit) {
			delete(t.list, id)
		}
	}
}

// admit takes a new task in. Errors: outcome.Busy when there are too many, outcome.Invalid for one that would take
// too long.
func (t *Tasks) admit(c *Call, k *task, estimate time.Duration) error {
	if estimate > t.config.MaxRemaining {
		return outcome.New(outcome.Invalid, "it would take %s, at most %s is allowed", estimate, t.config.MaxRemaining)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.list) >= t.config.Capacity {
		return outcome.After(t.config.Tick, outcome.New(outcome.Busy, "%d tasks are kept, and no more", t.config.Capacity))
	}
	k.call, k.started, k.estimate = c, time.Now(), estimate
	t.list[c.taskID] = k
	return nil
}

// newID returns one that nobody guesses.
func newID() string {
	id := make([]byte, 12)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

func (t *Tasks) finish(k *task, a Answer, err error) {
	if err == nil {
		a.Value, err = kept(a.Value)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k.done, k.answer, k.err, k.ended = true, a, err, time.Now()
}

// maxStream bounds the stream that a task may answer, in bytes.
const maxStream = 64 << 20

// kept is a value that can be read more than once. Errors: those of the stream; a plain one where it is too long.
func kept(v any) (any, error) {
	stream, ok := v.(io.Reader)
	if !ok {
		return v, nil
	}
	if c, ok := v.(io.Closer); ok {
		defer c.Close()
	}
	data, err := io.ReadAll(io.LimitReader(stream, maxStream+1))
	if err == nil && len(data) > maxStream {
		err = fmt.Errorf("the answer of the task has more than %d bytes", maxStream)
	}
	return data, err
}

// Leased is implemented by what a context carries for as long as a request runs, and must be kept for its task too.
type Leased interface {
	// Keep keeps it once more, and returns how that is ended.
	Keep() (leave func())
}

// task runs the call beyond its request.
func (c *Call) task(w http.ResponseWriter) error {
	t := c.op.options.Tasks
	long, k := c.Descriptor.LongRunning, &task{}
	c.taskID, c.job = newID(), k
	if long.Manual {
		return c.manual(w, k)
	}
	estimate := long.Estimate
	if appraise := c.op.impl.Appraise; appraise != nil {
		var err error
		if estimate, err = appraise(c.ctx, c); err != nil {
			return err
		}
	}
	if err := t.admit(c, k, estimate); err != nil {
		return err
	}
	if err := t.start(c, k); err != nil {
		return err
	}
	return c.accepted(w)
}

// start runs a task until it is done or the store is closed.
func (t *Tasks) start(c *Call, k *task) error {
	if err := t.begin(); err != nil {
		return err
	}
	ctx, _, leave := t.context(c)
	go func() {
		defer t.busy.Done()
		defer leave()
		a, err := c.guarded(ctx)
		t.finish(k, a, err)
	}()
	return nil
}

// context is that of a task: with the values of the request, and a life of its own, which cancel cuts off. leave is
// called once, when nothing runs in it any more.
func (t *Tasks) context(c *Call) (_ context.Context, cancel, leave func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.ctx))
	stop := context.AfterFunc(t.life, cancel)
	end := func() {}
	if l := LeaseOf(ctx); l != nil {
		end = l.Keep()
	}
	c.ctx, c.Request = ctx, c.Request.WithContext(ctx)
	return ctx, cancel, func() {
		stop()
		cancel()
		end()
	}
}

// manual runs the handler while the request waits, until it is done or detaches itself.
func (c *Call) manual(w http.ResponseWriter, k *task) error {
	t := c.op.options.Tasks
	type end struct {
		a   Answer
		err error
	}
	ended, detached := make(chan end, 1), make(chan time.Duration, 1)
	var first sync.Once // that the handler ends, or that it detaches itself
	c.detach = func(d time.Duration) { first.Do(func() { detached <- d }) }
	if err := t.begin(); err != nil {
		return err
	}
	gone := c.Request.Context().Done()
	ctx, cancel, leave := t.context(c)
	fate := make(chan func(Answer, error), 1) // of the answer, once the handler has ended
	go func() {
		defer t.busy.Done()
		defer leave()
		a, err := c.guarded(ctx)
		first.Do(func() { ended <- end{a, err} })
		(<-fate)(a, err)
	}()
	select {
	case e := <-ended:
		defer func() { fate <- func(Answer, error) {} }() // until then its context lives
		if e.err != nil {
			return e.err
		}
		return c.write(w, e.a, true)
	case d := <-detached:
		if err := t.admit(c, k, d); err != nil {
			fate <- drop
			cancel()
			return err
		}
		fate <- func(a Answer, err error) { t.finish(k, a, err) } // somebody will ask for it later
		return c.accepted(w)
	case <-gone:
		fate <- drop
		cancel()
		return context.Canceled
	}
}

// drop closes what an answer has open that nobody takes.
func drop(a Answer, _ error) {
	if closer, ok := a.Value.(io.Closer); ok {
		closer.Close()
	}
}

// guarded runs the handler; a panic becomes an error.
func (c *Call) guarded(ctx context.Context) (a Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			c.op.options.Logger.Error("task failed", "operation", c.op.Name(), "error", err)
		}
	}()
	return c.handle(ctx)
}

// accepted answers where the task can be asked after.
func (c *Call) accepted(w http.ResponseWriter) error {
	url := "/tasks/" + c.taskID
	if f := c.op.options.TaskURL; f != nil {
		url = f(c.Request, c.taskID)
	}

	w.Header()["Content-Type"] = textType
	w.Header().Set("Location", url)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusAccepted)
	if c.Request.Method != http.MethodHead {
		_, _ = w.Write([]byte(url)) // the client may have left
	}
	return nil
}

// Serve answers who asks after a task: GET looks, DELETE takes the answer away. A task that runs is 204, with
// Retry-After where its end is known. Errors: outcome.NotFound for one that is not there; outcome.MethodNotAllowed;
// what the task ended by.
func (t *Tasks) Serve(w http.ResponseWriter, r *http.Request, id string) error {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodDelete {
		w.Header().Set("Allow", "DELETE, GET, HEAD")
		return outcome.New(outcome.MethodNotAllowed, "a task answers GET and DELETE")
	}
	t.mu.Lock()
	k := t.list[id]
	if k == nil {
		t.mu.Unlock()
		return outcome.New(outcome.Declined, "there is no such task")
	}
	if !k.done {
		passed := max(time.Since(k.started), time.Duration(k.progress.Load()))
		if left := k.estimate - passed; k.estimate > 0 && left > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(left.Seconds()))))
		}
		t.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if r.Method == http.MethodDelete {
		delete(t.list, id)
	}
	t.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	c := *k.call
	c.Request = r
	return c.write(w, k.answer, true)
}
