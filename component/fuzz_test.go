package component_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// FuzzPublish_CP1_AnyBody posts any bytes as a form: they are refused with a
// reason, or the version is there.
func FuzzPublish_CP1_AnyBody(f *testing.F) {
	peers := `{"react":"16"}`
	body, kind := uploadForm(f, tgz(f, map[string]string{"package.json": `{"main":"m.js"}`, "m.js": "1"}), &peers)
	_, boundary, _ := strings.Cut(kind, "boundary=")
	f.Add(bytes.ReplaceAll(body, []byte(boundary), []byte("x")))
	f.Add(bytes.ReplaceAll(body[:len(body)/2], []byte(boundary), []byte("x")))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"peerDependencies\"\r\n\r\n{\"a\":\"1\"}\r\n--x--\r\n"))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"package\"; filename=\"../../a\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=1f=8b\r\n--x--\r\n"))
	f.Add([]byte("--x--"))
	s := newSite(f, options{})
	var count atomic.Int64
	f.Fuzz(func(t *testing.T, body []byte) {
		mine := *s
		mine.t = t
		name := fmt.Sprint("/w", count.Add(1))
		a := mine.do("POST", name+"/1.0.0", bytes.NewReader(body), map[string]string{"Content-Type": "multipart/form-data; boundary=x"})
		got := mine.get(name + "?componentVersion=1.0.0")
		switch a.status {
		case http.StatusOK:
			if got.status != http.StatusOK {
				t.Errorf("published, and %d %s", got.status, got.body)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			if a.kind() == "" || got.status != http.StatusNotFound {
				t.Errorf("refused: %s; and %d %s", a.body, got.status, got.body)
			}
		default:
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}
