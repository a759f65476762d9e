package faults_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
)

const uploadToken = "upload-token-of-a-test"

// uploads is a stack to which components are published.
type uploads struct {
	*recorder
	front e2e.Front
	base  string // URL of components
}

func startUploads(t *testing.T, front e2e.Front) uploads {
	t.Helper()
	r := start(t, e2e.Options{
		Front: front, LogLevel: "info", Timeouts: quick,
		Config: "components: {prefix: /c/, token: " + uploadToken + "}\nlimits: {body: 3MiB}\n",
	})
	return uploads{r, front, r.URL + "/c/"}
}

// component is the archive of a component that says what it is.
func component(says string) []byte {
	return unpacktest.Tgz(unpacktest.File("package.json", "{}"), unpacktest.File("index.js", says))
}

// part is one part of a form; a file where it has a file name.
type part struct {
	name, file string
	data       []byte
}

// form writes parts as they are.
func form(t *testing.T, parts ...part) (body []byte, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, p := range parts {
		disposition := fmt.Sprintf(`form-data; name="%s"`, p.name)
		if p.file != "" {
			disposition += fmt.Sprintf(`; filename="%s"`, p.file)
		}
		into, err := w.CreatePart(map[string][]string{"Content-Disposition": {disposition}})
		if err != nil {
			t.Fatal(err)
		}
		into.Write(p.data)
	}
	w.Close()
	return out.Bytes(), w.FormDataContentType()
}

// send publishes a body; status 0 where the connection broke.
func (u uploads) send(what string, body []byte, contentType, token string) (status int, text string) {
	u.t.Helper()
	a, err := u.Send(http.MethodPost, u.base+what, body, "Content-Type", contentType, "Authorization", "Bearer "+token)
	if err != nil {
		return 0, err.Error()
	}
	return a.Status, string(a.Body)
}

// begin sends the head of a publication that promises length bytes, and some of
// them. Whoever calls it closes the connection.
func (u uploads) begin(token, contentType string, length int, some []byte) *net.TCPConn {
	u.t.Helper()
	address := strings.TrimPrefix(u.URL, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		u.t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST /c/half/1.0.0 HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		address, token, contentType, length, some)
	if err != nil {
		u.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// answer reads the status of what conn is told; 0 where it breaks.
func answer(conn net.Conn) int {
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// nothing waits until nobody sees a component, and there is no file of one.
func (u uploads) nothing() {
	u.t.Helper()
	a := u.Get("/c/")
	if a.Status != http.StatusOK || !strings.Contains(string(a.Body), `"components":[]`) {
		u.t.Errorf("there is something to see: %d %s", a.Status, a.Body)
	}
	var left []string
	eventually(u.t, "a file stays", func() bool {
		left = append(files(filepath.Join(u.Data, "state", "components")), files(filepath.Join(u.Data, "www", "c"))...)
		return len(left) == 0
	})
	u.nothingStaged()
}

// files are those of a tree, but for locks.
func files(dir string) (found []string) {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error { // not there, or gone meanwhile: none
		if err == nil && !e.IsDir() && !strings.HasSuffix(path, ".lock") {
			found = append(found, path)
		}
		return nil
	})
	return found
}

// TestUpload_Fault35 publishes wrongly in every way: each gets its answer, and
// nothing of it is ever seen.
func TestUpload_Fault35(t *testing.T) {
	t.Parallel()
	for _, front := range []e2e.Front{e2e.Full, e2e.Direct} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			u := startUploads(t, front)
			u.refuses(t)
			u.stops(t)
			u.nothing()
			u.publishesOnce(t)
		})
	}
}

// refuses sends whole requests that are wrong.
func (u uploads) refuses(t *testing.T) {
	t.Helper()
	good := part{"package", "package.tgz", component("1")}
	peers := func(text string) part { return part{name: "peerDependencies", data: []byte(text)} }
	outside := unpacktest.Tgz(unpacktest.File("package.json", "{}"), unpacktest.File("index.js", "1"), unpacktest.File("../../../outside.js", "1"))
	for name, test := range map[string]struct {
		parts  []part
		status int
	}{
		"two files":             {[]part{good, good}, http.StatusBadRequest},
		"no file":               {[]part{peers("{}")}, http.StatusBadRequest},
		"a file that is none":   {[]part{{"package", "package.tgz", []byte("no archive")}}, http.StatusBadRequest},
		"a path that leads out": {[]part{{"package", "package.tgz", outside}}, http.StatusBadRequest},
		"a huge field":          {[]part{peers(`{"a":"` + strings.Repeat("1", 1<<20) + `"}`), good}, http.StatusRequestEntityTooLarge},
		"a field after all":     {[]part{good, peers("[]")}, http.StatusBadRequest},
	} {
		body, kind := form(t, test.parts...)
		if got, text := u.send("wrong/1.0.0", body, kind, uploadToken); got != test.status {
			t.Errorf("%s: %d %s", name, got, text)
		}
	}
	body, kind := form(t, good)
	if got, text := u.send("wrong/1.0.0", body, kind+"-another", uploadToken); got != http.StatusBadRequest {
		t.Errorf("a wrong boundary: %d %s", got, text)
	}
	if got, text := u.send("wrong/1.0.0", body, kind, "no"+uploadToken); got != http.StatusForbidden {
		t.Errorf("a wrong token: %d %s", got, text)
	}
}

// stops sends requests whose length lies, or that end on the way.
func (u uploads) stops(t *testing.T) {
	t.Helper()
	body, kind := form(t, part{"package", "package.tgz", component("1")})
	short := u.begin(uploadToken, kind, len(body)/2, body)
	if got := answer(short); got != http.StatusBadRequest {
		t.Errorf("more than was promised: %d", got)
	}
	short.Close()
	long := u.begin(uploadToken, kind, len(body)+1000, body[:len(body)-10])
	if err := long.CloseWrite(); err != nil {
		t.Error(err)
	}
	if got := answer(long); got != http.StatusBadRequest && got != 0 {
		t.Errorf("less than was promised: %d", got)
	}
	long.Close()
	u.begin(uploadToken, kind, len(body), body[:len(body)/2]).Close()
	huge := u.begin(uploadToken, kind, 4<<20, nil)
	if got := answer(huge); got != http.StatusRequestEntityTooLarge {
		t.Errorf("too much, before the body: %d", got)
	}
	huge.Close()
	if u.front != e2e.Direct {
		return // it may wait for the body before it asks
	}
	early := u.begin("no"+uploadToken, kind, len(body), nil)
	if got := answer(early); got != http.StatusForbidden {
		t.Errorf("a wrong token, before the body: %d", got)
	}
	early.Close()
}

// publishesOnce publishes one version from many sides at once, under names of
// files that lead out.
func (u uploads) publishesOnce(t *testing.T) {
	t.Helper()
	const at = "once/1.0.0"
	var all sync.WaitGroup
	var mu sync.Mutex
	won, statuses := "", map[int]int{}
	for i := range 6 {
		all.Go(func() {
			says := fmt.Sprint("upload ", i)
			body, kind := form(t, part{"package", "../../../../outside.tgz", component(says)})
			got, _ := u.send(at, body, kind, uploadToken)
			mu.Lock()
			defer mu.Unlock()
			if statuses[got]++; got == http.StatusOK {
				won = says
			}
		})
	}
	all.Wait()
	if statuses[http.StatusOK] != 1 || statuses[http.StatusConflict] != 5 {
		t.Errorf("the answers are %v", statuses)
	}
	for range 2 { // from the store, then from the view
		if a := u.Get("/c/" + at + "/index.js"); a.Status != http.StatusOK || string(a.Body) != won {
			t.Errorf("%d %q, want %q", a.Status, a.Body, won)
		}
	}
	u.nothingStaged()
	body, kind := form(t, part{"package", "package.tgz", component("again")})
	if got, text := u.send(at, body, kind, uploadToken); got != http.StatusConflict {
		t.Errorf("again: %d %s", got, text)
	}
	if outside, err := filepath.Glob(filepath.Join(u.Data, "..", "outside*")); err != nil || len(outside) > 0 {
		t.Errorf("outside: %q %v", outside, err)
	}
}

// TestUploadKilled_Fault35: a daemon that dies while a package comes leaves
// nothing of it.
func TestUploadKilled_Fault35(t *testing.T) {
	t.Parallel()
	u := startUploads(t, e2e.Direct)
	body, kind := form(t, part{"package", "package.tgz", component("1")})
	for range 4 {
		conn := u.begin(uploadToken, kind, len(body), body[:len(body)-20])
		u.KillDaemon()
		conn.Close()
		u.StartDaemon()
		u.nothing()
	}
	if got, text := u.send("half/1.0.0", body, kind, uploadToken); got != http.StatusOK {
		t.Errorf("%d %s", got, text)
	}
	u.KillDaemon()
	u.StartDaemon()
	if a := u.Get("/c/half/1.0.0/index.js"); a.Status != http.StatusOK || string(a.Body) != "1" {
		t.Errorf("what was acknowledged: %d %s", a.Status, a.Body)
	}
	if _, err := os.Stat(filepath.Join(u.Data, "state", "components", "half", "1.0.0", "package.json")); err != nil {
		t.Error(err)
	}
}
