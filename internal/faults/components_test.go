package faults_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
	"github.com/registryd/registryd/store/storetest"
)

// keeping is a component store that can be away.
type keeping struct {
	config     string // YAML below components:
	dir        string // where it keeps its files
	away, back func()
	unread     int // status for what was published and never asked for, while it is away
	unknown    int // status for what nobody has published, meanwhile
}

func directoryStore(t *testing.T) keeping {
	disk := mounted(t, "size=8m")
	return keeping{
		config: fmt.Sprintf("store: {path: %q}", disk+"/components"), dir: disk + "/components",
		away:   func() { remount(t, disk, "size=8m", syscall.MS_RDONLY) },
		back:   func() { remount(t, disk, "size=8m", 0) },
		unread: http.StatusOK, unknown: http.StatusNotFound, // reading goes on
	}
}

func bucketStore(t *testing.T) keeping {
	g := storetest.NewGateway(t)
	w := newWire(t, strings.TrimPrefix(g.Endpoint, "http://"))
	return keeping{
		config: fmt.Sprintf("store: {type: s3, bucket: %s, endpoint: 'http://%s', path_style: true, access_key: %s, secret_key: %s}", g.Bucket, w.Addr(), g.Access, g.Secret),
		dir:    g.Dir, away: func() { w.cut(true) }, back: func() { w.cut(false) },
		unread: http.StatusServiceUnavailable, unknown: http.StatusServiceUnavailable, // another daemon may have published it
	}
}

// wire leads to a server, and can be cut.
type wire struct {
	net.Listener
	to string

	mu   sync.Mutex
	off  bool
	ends map[net.Conn]bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, to: to, ends: map[net.Conn]bool{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.join(conn)
		}
	}()
	t.Cleanup(func() { l.Close(); w.cut(true) })
	return w
}

// join passes on what comes from one client, and what it is answered.
func (w *wire) join(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer server.Close()
	if !w.hold(conn, server) {
		return
	}
	go func() {
		_, _ = io.Copy(server, conn) // cut, or over
		server.Close()
	}()
	_, _ = io.Copy(conn, server) // cut, or over
}

func (w *wire) hold(ends ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range ends {
		w.ends[c] = true
	}
	return !w.off
}

// cut ends all connections, and lets no others live, or mends the wire.
func (w *wire) cut(off bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = off
	for c := range w.ends {
		c.Close()
	}
	clear(w.ends)
}

// startComponents starts a stack with a component store.
func startComponents(t *testing.T, k keeping) uploads {
	t.Helper()
	r := start(t, e2e.Options{LogLevel: "info", Timeouts: quick, Config: "components: {prefix: /c/, token: " + uploadToken + ", " + k.config + "}\n"})
	return uploads{r, e2e.Full, r.URL + "/c/"}
}

// publish publishes a component of one file.
func (u uploads) publish(at, says string) (status int, text string) {
	u.t.Helper()
	body, kind := form(u.t, part{"package", "package.tgz", component(says)}, part{name: "peerDependencies", data: []byte(`{"react":"16"}`)})
	return u.send(at, body, kind, uploadToken)
}

// register registers a host, and returns its id.
func (u uploads) register(dependencies string) (status int, id string) {
	u.t.Helper()
	status, text := u.send("host/register", []byte(dependencies), "application/json", "")
	var out struct{ ID json.Number }
	_ = json.Unmarshal([]byte(text), &out) // no id: not registered
	return status, out.ID.String()
}

// TestComponentStoreAway_CN5 takes the store away and gives it back: who asks for
// what was asked for before notices nothing, who publishes or registers is told to
// come back, and nothing of that is left.
func TestComponentStoreAway_CN5(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) keeping{"directory": directoryStore, "bucket": bucketStore} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := open(t)
			u := startComponents(t, k)
			const host = `{"react":"^16.0.0"}`
			eventually(t, "nobody can register", func() bool { status, _ := u.register(host); return status == http.StatusOK })
			_, id := u.register(host)
			for _, at := range []string{"widget/1.0.0", "unread/1.0.0"} {
				if got, text := u.publish(at, at); got != http.StatusOK {
					t.Fatalf("%s: %d %s", at, got, text)
				}
			}
			known := []string{"/c/widget?hostId=" + id, "/c/widget?componentVersion=1.0.0", "/c/widget/1.0.0/index.js"}
			u.serves(known, "widget/1.0.0")
			before := files(k.dir)
			k.away()
			u.serves(known, "widget/1.0.0")
			u.withoutStore(k, host)
			if name == "bucket" { // a daemon that starts now knows what the last one did
				u.StopDaemon()
				u.StartDaemon()
				eventually(t, "nobody gets what was known", func() bool { return u.Get(known[0]).Status == http.StatusOK })
				u.serves(known, "widget/1.0.0")
				u.withoutStore(k, host)
			}
			if diff := cmp.Diff(before, files(k.dir)); diff != "" {
				t.Errorf("what was refused left something (-before +after):\n%s", diff)
			}
			k.back()
			eventually(t, "nobody can publish again", func() bool { got, _ := u.publish("widget/2.0.0", "widget/2.0.0"); return got == http.StatusOK })
			u.serves(known[:1], "widget/2.0.0")
			u.serves(known[1:], "widget/1.0.0")
			if got, _ := u.register(`{"react":"^16.1.0"}`); got != http.StatusOK {
				t.Errorf("a new host: %d", got)
			}
		})
	}
}

// serves wants the same of each path.
func (u uploads) serves(paths []string, want string) {
	u.t.Helper()
	for _, path := range paths {
		if a := u.Get(path); a.Status != http.StatusOK || string(a.Body) != want {
			u.t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

// withoutStore asks for what needs the store while it is away.
func (u uploads) withoutStore(k keeping, host string) {
	u.t.Helper()
	if got, _ := u.register(host); got != http.StatusOK {
		u.t.Errorf("a known host: %d", got)
	}
	if got, text := u.publish("widget/2.0.0", "widget/2.0.0"); got != http.StatusServiceUnavailable || !strings.Contains(text, "storageError") {
		u.t.Errorf("publish: %d %s", got, text)
	}
	if got, _ := u.register(`{"react":"^16.1.0"}`); got != http.StatusServiceUnavailable {
		u.t.Errorf("a new host: %d", got)
	}
	for path, want := range map[string]int{
		"/c/unread/1.0.0/index.js": k.unread, "/c/nobody/1.0.0/index.js": k.unknown, "/c/widget?componentVersion=2.0.0": k.unknown,
	} {
		a := u.Get(path)
		if a.Status != want || want == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
			u.t.Errorf("%s: %d %s, want %d", path, a.Status, a.Body, want)
		}
	}
}

// TestComponentStoreFull_CP10 publishes more files than the disk has room for:
// those that were written are taken away.
func TestComponentStoreFull_CP10(t *testing.T) {
	t.Parallel()
	disk := mounted(t, "size=300k")
	u := startComponents(t, keeping{config: fmt.Sprintf("store: {path: %q}", disk+"/components")})
	var entries []unpacktest.Entry
	for i, data := range []byte("abcdef") {
		entries = append(entries, unpacktest.File(fmt.Sprintf("part%d.js", i), strings.Repeat(string(data), 80<<10)))
	}
	entries = append(entries, unpacktest.File("index.js", "1"), unpacktest.File("package.json", "{}"))
	body, kind := form(t, part{"package", "package.tgz", unpacktest.Tgz(entries...)})
	for range 3 {
		if got, text := u.send("big/1.0.0", body, kind, uploadToken); got != http.StatusServiceUnavailable || !strings.Contains(text, "storageError") {
			t.Errorf("%d %s", got, text)
		}
		if left := files(filepath.Join(disk, "components")); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
	if got, text := u.publish("small/1.0.0", "small"); got != http.StatusOK {
		t.Errorf("a small one: %d %s", got, text)
	}
	u.serves([]string{"/c/small/1.0.0/index.js"}, "small")
}
