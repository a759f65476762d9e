package worker_test

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/internal/worker"
)

// other is a user that is neither root nor, as a rule, who runs the tests.
const other = "nobody"

// open returns a directory that the other user can enter.
func open(t *testing.T) string {
	t.Helper()
	testenv.User(t, other)
	dir := t.TempDir()
	for p := dir; p != filepath.Dir(os.TempDir()) && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if dir, _ = filepath.EvalSymlinks(dir); worker.ClosedTo(other, dir) != "" {
		t.Skipf("the directory for temporary files is closed to nobody itself: %s", dir)
	}
	return dir
}

func mkdir(t *testing.T, mode os.FileMode, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestClosedTo_N12(t *testing.T) {
	t.Parallel()
	top := open(t)
	free := mkdir(t, 0o755, top, "free")
	closed := mkdir(t, 0o700, top, "closed")
	inside := mkdir(t, 0o700, closed, "inside")
	link := filepath.Join(free, "link")
	if err := os.Symlink(inside, link); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ user, dir, want string }{
		"open all the way":           {other, free, ""},
		"the directory itself":       {other, closed, closed},
		"the first of several":       {other, inside, closed},
		"below, not made yet":        {other, filepath.Join(closed, "data", "www"), closed},
		"open, not made yet":         {other, filepath.Join(free, "data", "www"), ""},
		"a link into what is closed": {other, link, link},
		"below such a link":          {other, filepath.Join(link, "www"), link},
		"root enters everything":     {"root", inside, ""},
		"a user that is not known":   {"no-such-user", inside, ""},
		"no user at all":             {"", inside, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := worker.ClosedTo(c.user, c.dir); got != c.want {
				t.Errorf("closed at %q, want %q", got, c.want)
			}
		})
	}
}

// A link's target lies behind a directory that the link's own path does not show.
func TestClosedTo_BehindLink_N12(t *testing.T) {
	t.Parallel()
	top := open(t)
	closed := mkdir(t, 0o700, top, "closed")
	mkdir(t, 0o755, closed, "data")
	link := filepath.Join(top, "link")
	if err := os.Symlink(filepath.Join(closed, "data"), link); err != nil {
		t.Fatal(err)
	}
	if got := worker.ClosedTo(other, filepath.Join(link, "www")); got != closed {
		t.Errorf("closed at %q, want %q", got, closed)
	}
}

func TestHindrance_N12(t *testing.T) {
	t.Parallel()
	closed := mkdir(t, 0o700, open(t), "closed")
	got := worker.Hindrance(other, closed)
	if !strings.HasPrefix(got, "user nobody cannot enter "+closed+",") || strings.Contains(got, "\n") {
		t.Errorf("got %q", got)
	}
	if got := worker.Hindrance("root", closed); got != "" {
		t.Errorf("root is hindered: %q", got)
	}
}

func TestOwner_N12(t *testing.T) {
	t.Parallel()
	me, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		t.Skip("the user of this process has no name: owners were not tested")
	}
	dir := t.TempDir()
	if got := worker.Owner(filepath.Join(dir, "not there yet")); got != me.Username {
		t.Errorf("owner of what will be made is %q, want %q", got, me.Username)
	}
	if got := worker.Caller(); got != me.Username {
		t.Errorf("caller is %q, want %q", got, me.Username)
	}
}

func TestOwner_Another_N12(t *testing.T) {
	t.Parallel()
	testenv.Root(t) // gives a directory away
	u := testenv.User(t, other)
	dir := t.TempDir()
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, -1); err != nil {
		t.Fatal(err)
	}
	if got := worker.Owner(dir); got != other {
		t.Errorf("owner is %q, want %q", got, other)
	}
	if err := os.Chown(dir, os.Geteuid(), -1); err != nil {
		t.Fatal(err)
	}
}

func TestGroup_N12(t *testing.T) {
	t.Parallel()
	for _, name := range []string{worker.Caller(), testenv.User(t, other).Username} {
		want, err := exec.Command("id", "-gn", name).Output()
		if err != nil {
			t.Skipf("this machine has no group for %q: nothing was compared with it: %v", name, err)
		}
		if got := worker.Group(name); got != strings.TrimSpace(string(want)) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := worker.Group("no such user"); got != "" {
		t.Errorf("of nobody at all: %q", got)
	}
}
