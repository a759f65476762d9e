package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
)

// TestComponents_CP1_CP6_CorpusByPost publishes every archive of the corpus as a
// component, several at once. What the unpacker of packages refuses is refused,
// nobody sees anything of it, and nothing is left behind.
func TestComponents_CP1_CP6_CorpusByPost(t *testing.T) {
	t.Parallel()
	s := e2e.Start(t, e2e.Options{Front: e2e.Direct, LogLevel: "info", Config: "components: {token: " + componentToken + "}\n"})
	placeVictims(t, s.Dir)
	before := bystanders(t, s)
	idle := e2e.Memory(t, s.Pid(), "VmHWM")
	cases := slices.Concat(unpacktest.Aimed(s.Dir), unpacktest.Cases())
	queue := make(chan unpacktest.Case)
	var all sync.WaitGroup
	var mu sync.Mutex
	var published []string
	for range corpusClients {
		all.Go(func() {
			for c := range queue {
				if publishCase(t, s, c) {
					mu.Lock()
					published = append(published, c.Package())
					mu.Unlock()
				}
			}
		})
	}
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	all.Wait()
	grown := e2e.Memory(t, s.Pid(), "VmHWM") - idle
	t.Logf("%d archives: the daemon has %d MiB more than idle", len(cases), grown>>10)
	if grown > maxGrowth {
		t.Errorf("refusals cost %d MiB of memory", grown>>10)
	}
	checkPublished(t, s, published)
	if diff := cmp.Diff(before, bystanders(t, s)); diff != "" {
		t.Errorf("something outside the data directory changed: %s", diff)
	}
	if strings.ContainsAny(s.Log(), "\x00\x1b\x7f") {
		t.Error("the log has control bytes")
	}
}

// publishCase publishes one archive, and reports whether it was taken.
func publishCase(t *testing.T, s *e2e.Stack, c unpacktest.Case) bool {
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	part, err := form.CreateFormFile("package", "package.tgz")
	if err == nil {
		_, err = part.Write(c.Archive)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		t.Error(err)
		return false
	}
	a, err := s.Send(http.MethodPost, s.URL+componentPrefix+"/"+c.Package()+"/1.0.0", out.Bytes(),
		"Content-Type", form.FormDataContentType(), "Authorization", "Bearer "+componentToken)
	if err != nil {
		t.Errorf("%s: %v", c.Name, err)
		return false
	}
	var told struct{ Type, Error string }
	err = json.Unmarshal(a.Body, &told)
	switch a.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		if err != nil || told.Type == "" || told.Error == "" {
			t.Errorf("%s: %d without a reason: %v", c.Name, a.Status, err)
		}
		return false
	case http.StatusOK:
		if c.Reason != "" {
			t.Errorf("%s is published", c.Name)
		}
		return true
	}
	t.Errorf("%s: %d %+v", c.Name, a.Status, told)
	return false
}

// checkPublished looks for what is there besides what was taken.
func checkPublished(t *testing.T, s *e2e.Stack, published []string) {
	t.Helper()
	var list struct{ Components []struct{ Name string } }
	if _, _, body := send(t, s, "GET", "/", nil); json.Unmarshal([]byte(body), &list) != nil {
		t.Fatalf("no list: %.500s", body)
	}
	var listed []string
	for _, c := range list.Components {
		listed = append(listed, c.Name)
	}
	slices.Sort(listed)
	slices.Sort(published)
	if diff := cmp.Diff(published, listed); diff != "" {
		t.Errorf("what was taken and what is listed (-want +got):\n%s", diff)
	}
	for _, dir := range []string{"state/components", "www" + componentPrefix, "tmp"} {
		walk(t, filepath.Join(s.Data, dir), func(path string, info fs.FileInfo) {
			name, _, _ := strings.Cut(path, "/")
			if info.Mode().IsRegular() && !strings.HasSuffix(name, ".lock") && !slices.Contains(published, name) {
				t.Errorf("left behind: %s/%s", dir, path)
			}
		})
	}
}
