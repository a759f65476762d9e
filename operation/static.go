package operation

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// Static returns what answers files of a directory, for an operation whose path ends in "*". A directory answers its
// index.html. Nothing whose name begins with a dot is there, and no link leads out of the directory. maxAge is for
// caches; 0: nothing is said. Errors: outcome.Invalid when the directory cannot be opened.
func Static(dir string, maxAge time.Duration) (httpx.HandlerFunc, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, outcome.New(outcome.Invalid, "static: %v", err)
	}
	s := &statics{root: root}
	if maxAge > 0 {
		s.cache = "public, max-age=" + strconv.Itoa(int(maxAge.Seconds()))
	}
	return s.serve, nil
}

// statics serves the files of one directory. The root is closed when nobody refers to it any more.
type statics struct {
	root  *os.Root
	cache string
}

func (s *statics) serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return outcome.New(outcome.Declined, "files are read only")
	}
	name, ok := fileName(PathValue(r, "rest"))
	if !ok {
		return outcome.New(outcome.NotFound, "no such file")
	}
	f, info, err := s.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.cache != "" {
		w.Header().Set("Cache-Control", s.cache)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, info.Name(), info.ModTime(), f)
	return nil
}

// open opens a file, or the index of a directory.
func (s *statics) open(name string) (*os.File, fs.FileInfo, error) {
	for _, name := range []string{name, path.Join(name, "index.html")} {
		f, err := s.root.Open(name)
		if err != nil {
			return nil, nil, absent(err)
		}
		info, err := f.Stat()
		if err == nil && info.Mode().IsRegular() {
			return f, info, nil
		}
		f.Close()
		if err != nil {
			return nil, nil, absent(err)
		}
		if !info.IsDir() {
			break
		}
	}
	return nil, nil, outcome.New(outcome.NotFound, "no such file")
}

// absent tells a file that is not there from a disk that fails. What leads out of the directory is not there.
func absent(err error) error {
	if bad, ok := errors.AsType[*fs.PathError](err); ok && !errors.Is(err, fs.ErrPermission) && !isIO(bad.Err) {
		return outcome.Wrap(outcome.NotFound, err, "no such file")
	}
	return err
}

// isIO reports whether a disk failed.
func isIO(err error) bool { return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EMFILE) }

// fileName is the name of a file for the rest of a path; false for one that nobody may see.
func fileName(rest string) (string, bool) {
	rest = strings.Trim(rest, "/")
	if rest == "" {
		return ".", true
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.ContainsAny(part, "\\\x00") {
			return "", false
		}
	}
	return rest, true
}

// PathValue returns what a placeholder of the path of an operation stands for, "" for none; "rest" is that of "*".
func PathValue(r *http.Request, name string) string { return pathOf(r.Context()).ByName(name) }
