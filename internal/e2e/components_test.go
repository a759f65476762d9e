package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/e2e"
)

const (
	componentPrefix = "/api/components"
	componentToken  = "e2e-component-token"
)

// componentForm is a publication as the original client sends it.
func componentForm(t *testing.T, code, peers string) (body []byte, contentType string) {
	t.Helper()
	var pack bytes.Buffer
	gz := gzip.NewWriter(&pack)
	tw := tar.NewWriter(gz)
	for _, f := range [][2]string{{"main.js", code}, {"package.json", `{"main":"main.js"}`}} {
		if err := tw.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		_, _ = tw.Write([]byte(f[1]))
	}
	tw.Close()
	gz.Close()
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	if err := form.WriteField("peerDependencies", peers); err != nil {
		t.Fatal(err)
	}
	part, err := form.CreateFormFile("package", "package.tgz")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(pack.Bytes())
	form.Close()
	return out.Bytes(), form.FormDataContentType()
}

func send(t *testing.T, s *e2e.Stack, method, path string, body []byte, header ...string) (int, http.Header, string) {
	t.Helper()
	a, err := s.Send(method, s.URL+componentPrefix+path, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a.Status, a.Header, string(a.Body)
}

func publishComponent(t *testing.T, s *e2e.Stack, path, code, peers string) {
	t.Helper()
	form, kind := componentForm(t, code, peers)
	if code, _, body := send(t, s, "POST", path, form, "Content-Type", kind, "Authorization", "Bearer "+componentToken); code != 200 {
		t.Fatalf("publish %s: %d %s", path, code, body)
	}
}

func registerHost(t *testing.T, s *e2e.Stack, deps string) (id string) {
	t.Helper()
	code, _, body := send(t, s, "POST", "/host/register", []byte(deps), "Content-Type", "application/json")
	var out struct{ ID json.Number }
	if err := json.Unmarshal([]byte(body), &out); err != nil || code != 200 {
		t.Fatalf("register: %d %s", code, body)
	}
	return out.ID.String()
}

// TestComponents_CN1_CG3_CG6_CH5_N6_N9 registers, publishes and fetches through both forms of
// nginx's configuration and without nginx.
func TestComponents_CN1_CG3_CG6_CH5_N6_N9(t *testing.T) {
	t.Parallel()
	for _, front := range []e2e.Front{e2e.Full, e2e.Include, e2e.Direct} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			s := e2e.Start(t, e2e.Options{Front: front, Config: "components: {token: " + componentToken + "}\n"})
			id := registerHost(t, s, `{"react":"^16.8.0"}`)
			publishComponent(t, s, "/widget/1.0.0", "one\n", `{"react":"^16.8.0"}`)
			publishComponent(t, s, "/@acme/button/2.0.0", "two\n", `{}`)
			for path, want := range map[string]string{"/widget?hostId=" + id: "one\n", "/@acme%2Fbutton?hostId=" + id: "two\n", "/@acme/button?componentVersion=2.0.0": "two\n"} {
				checkComponent(t, s, path, want)
			}
			checkDirect(t, s, front)
			form, kind := componentForm(t, "x", "{}")
			for name, c := range map[string]struct {
				token string
				want  int
			}{"none": {"", 401}, "wrong": {"Bearer x", 403}, "again": {"Bearer " + componentToken, 409}} {
				code, header, body := send(t, s, "POST", "/widget/1.0.0", form, "Content-Type", kind, "Authorization", c.token)
				if code != c.want || header.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("%s: %d %s %v", name, code, body, header)
				}
			}
			checkAudit(t, s, form)
			if code, _, _ := send(t, s, "GET", "/host/register", nil); code != 404 {
				t.Errorf("C-H5: %d", code)
			}
			if code, h, _ := send(t, s, "OPTIONS", "/host/register", nil, "Origin", "http://a.test"); code != 204 || h.Get("Access-Control-Allow-Methods") == "" {
				t.Errorf("preflight: %d %v", code, h)
			}
		})
	}
}

func checkComponent(t *testing.T, s *e2e.Stack, path, want string) {
	t.Helper()
	code, h, body := send(t, s, "GET", path, nil)
	if code != 200 || body != want {
		t.Errorf("%s: %d %q", path, code, body)
		return
	}
	if h.Get("Dynamico-Component-Version") == "" || !strings.HasPrefix(h.Get("X-Integrity"), "sha256-") || h.Get("Cache-Control") != "no-cache" ||
		!strings.Contains(h.Get("Content-Type"), "javascript") || len(h.Values("Access-Control-Allow-Origin")) != 1 ||
		!strings.Contains(h.Get("Access-Control-Expose-Headers"), "Dynamico-Component-Version") || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("%s: %v", path, h)
	}
	if code, _, body := send(t, s, "GET", path, nil, "If-None-Match", h.Get("ETag")); h.Get("ETag") == "" || code != 304 || body != "" {
		t.Errorf("C-G3 %s with %q: %d %q", path, h.Get("ETag"), code, body)
	}
	if code, _, body := send(t, s, "HEAD", path, nil); code != 200 || body != "" {
		t.Errorf("C-G3 HEAD %s: %d", path, code)
	}
}

// checkAudit looks for a line about each attempt to publish, and for what must not
// be in any.
func checkAudit(t *testing.T, s *e2e.Stack, again []byte) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Data, "state", "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range bytes.Lines(data) {
		var l struct {
			Time                             time.Time
			Action, By, What, SHA256, Result string
			Size                             int
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if l.Action != "publish" {
			continue
		}
		got = append(got, l.What+" by "+l.By+": "+l.Result)
		if l.Time.IsZero() || len(l.SHA256) != 64 || l.Size < 50 || l.Size > len(again) {
			t.Errorf("%s", line)
		}
	}
	want := []string{"widget@1.0.0 by token: ok", "@acme/button@2.0.0 by token: ok", "widget@1.0.0 by token: conflict"}
	if diff := cmp.Diff(want, got); diff != "" || bytes.Contains(data, []byte(componentToken)) {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
}

// checkDirect asks for the immutable URL: nginx has the file, even where the
// daemon is gone.
func checkDirect(t *testing.T, s *e2e.Stack, front e2e.Front) {
	t.Helper()
	const path = "/@acme/button/2.0.0/main.js"
	code, h, body := send(t, s, "GET", path, nil)
	if code != 200 || body != "two\n" || !strings.Contains(h.Get("Cache-Control"), "immutable") {
		t.Errorf("direct: %d %q %v", code, body, h)
	}
	if want := map[e2e.Front]string{e2e.Direct: ""}; front != e2e.Direct && h.Get("X-Registryd-Cache") != "view" {
		t.Errorf("direct: by %q, want the view %v", h.Get("X-Registryd-Cache"), want)
	}
	exposed := h.Get("Access-Control-Expose-Headers")
	if !strings.Contains(exposed, "ETag") || !strings.Contains(exposed, "X-Integrity") || !strings.Contains(exposed, "Dynamico-Component-Version") {
		t.Errorf("N9 direct: a page may read %q", exposed)
	}
	if code, _, body := send(t, s, "GET", path, nil, "If-None-Match", h.Get("ETag")); code != 304 || body != "" {
		t.Errorf("C-G3 direct with %q: %d %q", h.Get("ETag"), code, body)
	}
	for _, hostile := range []string{"/@acme/button/2.0.0/%2e%2e/2.0.0/main.js", "/../lib/x", "/..%2f..%2fstate/format"} {
		if code, _, body := send(t, s, "GET", hostile, nil); code < 400 {
			t.Errorf("%s: %d %s", hostile, code, body)
		}
	}
}

// TestComponents_CP10_KilledDaemonLosesNothing kills the daemon while hosts
// register and components are published.
func TestComponents_CP10_KilledDaemonLosesNothing(t *testing.T) {
	t.Parallel()
	s := e2e.Start(t, e2e.Options{Config: "components: {token: " + componentToken + "}\n"})
	first := registerHost(t, s, `{"react":"^16.0.0"}`)
	done := make(chan int)
	go func() { // until it fails
		n := 0
		defer func() { done <- n }()
		for i := range 1000 {
			form, kind := componentForm(t, fmt.Sprint("code ", i), `{"react":"*"}`)
			a, err := s.Send("POST", fmt.Sprintf("%s%s/widget/1.%d.0", s.Daemon, componentPrefix, i), form, "Content-Type", kind, "Authorization", "Bearer "+componentToken)
			if err != nil || a.Status != 200 {
				return
			}
			n = i + 1
		}
	}()
	eventually(t, func() bool {
		code, _, body := send(t, s, "GET", "/widget?componentVersion=1.5.0", nil)
		return code == 200 && body == "code 5"
	})
	s.KillDaemon()
	acknowledged := <-done
	s.StartDaemon()
	for i := range acknowledged {
		if code, _, body := send(t, s, "GET", fmt.Sprintf("/widget?componentVersion=1.%d.0", i), nil); code != 200 || body != fmt.Sprint("code ", i) {
			t.Errorf("1.%d.0 of %d is lost: %d %s", i, acknowledged, code, body)
		}
	}
	code, h, _ := send(t, s, "GET", "/widget?hostId="+first, nil)
	if v := h.Get("Dynamico-Component-Version"); code != 200 || v != fmt.Sprintf("1.%d.0", acknowledged-1) && v != fmt.Sprintf("1.%d.0", acknowledged) {
		t.Errorf("the host of before gets %s (%d) after %d versions", v, code, acknowledged)
	}
}
