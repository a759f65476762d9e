package cache

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// MainKind says what lies at main of a package.
type MainKind uint8

// What main may be.
const (
	MainNone   MainKind = iota // nothing
	MainPin                    // a link to a release beside it
	MainLink                   // a link that a person made to somewhere else
	MainDir                    // a directory that a person made
	MainHidden                 // nothing, because a rule denies what a person made
)

// Main is what lies at main of a package.
type Main struct {
	Kind MainKind // the other fields depend on it
	// Version of a MainPin; of a MainDir or MainHidden, what its package.json
	// says, else zero.
	Version pkgref.Version
	// Target is the text of a MainLink.
	Target string
}

// Pin records who made main point at what.
type Pin struct {
	Version string    `json:"version"` // exact
	By      string    `json:"by"`      // FirstTouch, or the id of an admin's token
	At      time.Time `json:"at"`      // when, in UTC
}

// FirstTouch is the Pin.By of a main that a request designated.
const FirstTouch = "first-touch"

// Main looks at what lies at main; it changes nothing and follows no link.
// Errors: outcome.Busy where the disk fails.
func (c *Cache) Main(name pkgref.Name) (Main, error) {
	main, err := c.lookAtMain(name, c.viewMain(name))
	if err != nil || main.Kind != MainNone {
		return main, err
	}
	hidden, err := c.lookAtMain(name, hiddenMain(name))
	if err != nil || hidden.Kind == MainNone {
		return Main{}, err
	}
	return Main{Kind: MainHidden, Version: hidden.Version}, nil
}

// lookAtMain looks at a main of name that lies at file.
func (c *Cache) lookAtMain(name pkgref.Name, file string) (Main, error) {
	info, err := c.root.Lstat(file)
	switch {
	case isMissing(err):
		return Main{}, nil
	case err != nil:
		return Main{}, durable.Wrap(err, "look at main of %s", name)
	case info.IsDir():
		return Main{Kind: MainDir, Version: c.dirVersion(file)}, nil
	}
	target, err := c.root.Readlink(file)
	if err != nil {
		return Main{Kind: MainLink}, nil // a file or worse: nothing of ours
	}
	base := path.Clean(strings.TrimPrefix(target, c.config.Dir+"/"+c.viewDir(name)+"/"))
	if v, err := pkgref.ParseVersion(base); err == nil {
		return Main{Kind: MainPin, Version: v, Target: target}, nil
	}
	return Main{Kind: MainLink, Target: target}, nil
}

// dirVersion reads the version of a directory that a person made.
func (c *Cache) dirVersion(dir string) pkgref.Version {
	f, err := c.openRegular(dir + "/package.json")
	if err != nil {
		return pkgref.Version{}
	}
	defer f.Close()
	return versionIn(f)
}

// versionIn reads the version out of a package.json; zero where it tells none.
func versionIn(r io.Reader) pkgref.Version {
	var pkg struct{ Version string }
	data, err := io.ReadAll(io.LimitReader(r, maxPackageJSON))
	if err == nil {
		err = json.Unmarshal(data, &pkg)
	}
	v, perr := pkgref.ParseVersion(pkg.Version)
	if err != nil || perr != nil {
		return pkgref.Version{}
	}
	return v
}

// maxPackageJSON bounds the package.json of a directory that a person made;
// of a larger one the version is not known.
const maxPackageJSON = 4 << 20

// Designate makes main of name point at version, by a relative link that
// replaces an earlier one atomically, and records it. With force it also
// replaces what a person made; a directory is moved away then, a link's target
// never touched. Without force anything that lies at main stays: the second of
// two requests that find nothing there changes nothing. Both link and record
// are on the disk when it returns. Errors: outcome.Busy.
func (c *Cache) Designate(name pkgref.Name, v pkgref.Version, by string, force bool) error {
	lock := &c.pins[stripe(string(name), len(c.pins))]
	lock.Lock()
	defer lock.Unlock()
	main, err := c.Main(name)
	if err != nil {
		return err
	}
	if main.Kind != MainNone && !force {
		return nil
	}
	if err := c.wayToMain(name); err != nil {
		return err
	}
	if err := c.writePin(name, Pin{Version: v.String(), By: by, At: c.now().UTC()}); err != nil {
		return err
	}
	if main.Kind == MainDir {
		if err := c.remove(c.viewMain(name)); err != nil {
			return err
		}
	}
	return c.disk.Symlink(v.String(), c.viewMain(name))
}

func (c *Cache) writePin(name pkgref.Name, pin Pin) error {
	data, err := json.Marshal(pin)
	if err != nil {
		return fmt.Errorf("encode pin of %s: %w", name, err)
	}
	return c.disk.WriteFile(stateDir(name)+"/pin.json", append(data, '\n'), durable.Options{Sync: true})
}

// Pin returns the record of the last Designate. It is also what a main that
// vanished from the view was. Errors: outcome.NotFound, outcome.Busy.
func (c *Cache) Pin(name pkgref.Name) (Pin, error) {
	var pin Pin
	data, err := c.root.ReadFile(stateDir(name) + "/pin.json")
	if isMissing(err) {
		return pin, outcome.New(outcome.NotFound, "main of %s is not pinned", name)
	}
	if err != nil {
		return pin, durable.Wrap(err, "read pin of %s", name)
	}
	if err = json.Unmarshal(data, &pin); err == nil {
		_, err = pkgref.ParseVersion(pin.Version)
	}
	if err != nil {
		c.log.Warn("state file is unreadable and counts as absent", "file", stateDir(name)+"/pin.json", "error", err)
		return Pin{}, outcome.New(outcome.NotFound, "main of %s is not pinned", name)
	}
	return pin, nil
}
