package component_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/internal/syncbuf"
)

// notes is a memory.
type notes struct{ kept sync.Map }

func (n *notes) Note(key string) string {
	text, _ := n.kept.Load(key)
	s, _ := text.(string)
	return s
}

func (n *notes) PutNote(key, text string) error {
	n.kept.Store(key, text)
	return nil
}

// A process that starts while a shared store is away serves what the one before
// it knew, says no to nobody for want of the store, and catches up.
func TestStart_CN5_WhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	memory := &notes{}
	f := &failing{Store: openFile(t, t.TempDir())}
	const host = `{"react":"^16.0.0"}`
	first := newSite(t, options{store: f, shared: true, memory: memory})
	first.register(host)
	id := fmt.Sprint(component.HostID(component.Dependencies{"react": "^16.0.0"}))
	first.publish("@Acme%2FWidget", "1.0.0", `{"react":"16"}`)
	first.publish("unread", "1.0.0", `{"react":"16"}`)
	first.get("/@acme/widget?hostId=" + id)
	first.registry.Close()

	f.away.Store(true)
	s := newSite(t, options{store: f, shared: true, memory: memory, view: first.view})
	for _, path := range []string{"/@acme/widget?hostId=" + id, "/@acme/widget?componentVersion=1.0.0", "/@acme/widget/1.0.0/main.js"} {
		if a := s.get(path); a.status != 200 || a.body != codeOf("@Acme%2FWidget", "1.0.0") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.register(host); a.status != 200 || !strings.Contains(a.body, `"@Acme/Widget":"1.0.0"`) {
		t.Errorf("a known host: %d %s", a.status, a.body)
	}
	for what, a := range map[string]answer{
		"publish": s.publish("widget", "2.0.0", `{}`), "register": s.register(`{"react":"^17.0.0"}`), "an unknown host": s.get("/unread?hostId=17"),
		"never read": s.get("/unread?hostId=" + id), "unknown": s.get("/nobody?hostId=" + id), "another version": s.get("/@acme/widget?componentVersion=3.0.0"),
	} {
		if a.status != 503 || a.kind() != "storageError" {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	f.away.Store(false)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		a := s.publish("@acme%2fwidget", "2.0.0", `{"react":"16"}`)
		if a.status == 200 && strings.Contains(a.body, id) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody can publish again: %d %s", a.status, a.body)
		}
	}
	if a := s.get("/unread?hostId=" + id); a.status != 200 {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

// A copy that is damaged, or of another store, is none.
func TestStart_CN5_WithoutACopy(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"none": "", "damaged": `{"hosts":[{`, "nonsense": `{"hosts":[null],"versions":[{"name":"../x","dir":"../x/1.0.0/","main":"m"},{"name":"x","dir":"x/1.0.0/","main":"gone.js"},{}]}`,
	} {
		memory := &notes{}
		f := &failing{Store: openFile(t, t.TempDir())}
		s := newSite(t, options{store: f, shared: true, memory: memory})
		s.publish("widget", "1.0.0", `{}`)
		s.registry.Close()
		memory.kept.Range(func(key, _ any) bool { memory.kept.Store(key, text); return true })
		f.away.Store(true)
		var log syncbuf.Buffer
		again := newSite(t, options{store: f, shared: true, memory: memory, view: s.view, log: &log})
		if a := again.get("/widget?componentVersion=1.0.0"); a.status != 503 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if named := strings.Contains(log.String(), "copy of what the component store had cannot be read"); named != (name == "damaged") {
			t.Errorf("%s: the log: %s", name, log.String())
		}
	}
}
