package component_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The worked session of the contract, as written, over HTTP.
func TestSession_Section4_CID6_CH1_CH2_CH3_CG1_CG2_CP3_CN6_File(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSite(t, options{store: openFile(t, dir)})
	session(t, s)

	// What was answered is in the store: after a restart all is as before.
	s.registry.Close()
	again := newSite(t, options{store: s.store})
	sameJSON(t, "restarted", again.register(`{"react":"^16.8.0","react-dom":"^16.8.0"}`).body,
		`{"id":534335364,"issues":{},"index":{"widget":"1.1.0","plain":"1.0.0"}}`)
	if a := again.get("/widget?hostId=534335364"); a.body != codeOf("widget", "1.1.0") {
		t.Errorf("restarted: %d %s", a.status, a.body)
	}
	for path, want := range map[string]string{
		"index.json":                `"534335364":{"dependencies":{"react":"^16.8.0","react-dom":"^16.8.0"},"components":{"plain":"1.0.0","widget":"1.1.0"}}`,
		"widget/1.1.0/main.js":      codeOf("widget", "1.1.0"),
		"widget/1.1.0/package.json": `"react": "^16.9.0"`, // C-P7: what was used
	} {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("C-S3 %s: %s %v", path, data, err)
		}
	}
}

func session(t *testing.T, s *site) {
	t.Helper()
	const first, second, third = "534335364", "1501267164", "978942195"
	ok := func(what string, a answer, want string) {
		t.Helper()
		if a.status != 200 {
			t.Errorf("%s: %d %s", what, a.status, a.body)
			return
		}
		sameJSON(t, what, a.body, want)
	}
	fails := func(what string, a answer, status int, kind string) {
		t.Helper()
		if a.status != status || a.kind() != kind {
			t.Errorf("%s: %d %s, want %d %s", what, a.status, a.body, status, kind)
		}
	}
	code := func(what string, a answer, version string) {
		t.Helper()
		if a.status != 200 || a.header.Get("Dynamico-Component-Version") != version || a.body != codeOf("widget", version) {
			t.Errorf("%s: %d %v %q", what, a.status, a.header, a.body)
		}
	}
	ok("register", s.register(`{"react":"^16.8.0","react-dom":"^16.8.0"}`), `{"id":`+first+`,"issues":{},"index":{}}`)
	fails("empty", s.get("/widget?hostId="+first), 404, "NoComponentError")
	ok("1.0.0", s.publish("widget", "1.0.0", `{"react":"^16.8.0"}`), `{"`+first+`":{"mismatches":{}}}`)
	code("after 1.0.0", s.get("/widget?hostId="+first), "1.0.0")
	ok("1.1.0", s.publish("widget", "1.1.0", `{"react":"^16.9.0"}`),
		`{"`+first+`":{"mismatches":{"react":{"host":"^16.8.0","component":"^16.9.0"}}}}`)
	ok("1.0.5", s.publish("widget", "1.0.5", `{"react":"^16.8.0"}`), `{}`)
	ok("2.0.0", s.publish("widget", "2.0.0", `{"react":"^17.0.0"}`), `{}`)
	fails("again", s.publish("widget", "1.1.0", `{}`), 409, "ComponentExistsError")
	code("after all", s.get("/widget?hostId="+first), "1.1.0")
	ok("known", s.register(`{"react-dom":"^16.8.0","react":"^16.8.0"}`), `{"id":`+first+`,"issues":{},"index":{"widget":"1.1.0"}}`)
	ok("second", s.register(`{"react":"16.9.0","moment":"^2.24.0"}`),
		`{"id":`+second+`,"issues":{"widget":{"version":"1.1.0","mismatches":{}}},"index":{"widget":"1.1.0"}}`)
	ok("third", s.register(`{"react":"^15.0.0"}`), `{"id":`+third+`,"issues":{},"index":{}}`)
	ok("clock", s.publish("clock", "0.1.0", `{"react":">=15","moment":"^2.0.0"}`), `{"`+second+`":{"mismatches":{}}}`)
	ok("plain", s.publish("plain", "1.0.0", `{}`),
		`{"`+first+`":{"mismatches":{}},"`+second+`":{"mismatches":{}},"`+third+`":{"mismatches":{}}}`)
	code("exact", s.get("/widget?componentVersion=1.0.0"), "1.0.0")
	code("exact, cleaned", s.get("/widget?componentVersion=v1.0.0&hostId=none"), "1.0.0")
	fails("range", s.get("/widget?componentVersion=%5E1.0.0"), 400, "InvalidVersionError")
	if a := s.get("/"); a.status != 200 || !strings.Contains(a.body, `"name":"widget"`) || !strings.Contains(a.body, `"hosts":3`) {
		t.Errorf("C-N6 list: %d %s", a.status, a.body)
	}
}
