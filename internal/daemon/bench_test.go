package daemon_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/provider/providertest"
)

// nowhere is a ResponseWriter that keeps only its header, anew for each answer
// as net/http does.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// BenchmarkAnswers measures what the daemon itself adds to an answer that it
// gives from memory.
func BenchmarkAnswers(b *testing.B) {
	upstream := providertest.NewRegistry(b, widget("1.0.0"), widget("1.1.0"))
	dir := b.TempDir()
	text := fmt.Sprintf("root: {fs: data}\naccel: nginx\nlog: {format: json}\nproviders: [{type: npm, registry: %q}]\n", upstream.URL())
	if err := os.WriteFile(filepath.Join(dir, "registryd.yaml"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := daemon.New(b.Context(), daemon.Options{Version: "bench", Stderr: &screen{}, Load: func() (*config.Config, error) {
		return config.Load(config.Options{File: "registryd.yaml", Dir: dir})
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for name, path := range map[string]string{
		"302 of a range": "/lib/widget/%5E1/index.js", "302 of a tag": "/lib/widget/latest/index.js",
		"404 of a file": "/lib/widget/1.0.0/absent.js", "404 of a version": "/lib/widget/9.0.0/index.js",
		"200 of a file": "/lib/widget/1.0.0/index.js",
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			s.ServeHTTP(httptest.NewRecorder(), r)
			b.ReportAllocs()
			for b.Loop() {
				s.ServeHTTP(&nowhere{http.Header{}}, r)
			}
		})
	}
}
