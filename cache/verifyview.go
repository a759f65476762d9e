package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// release verifies one held release: its manifest, then the view and the bytes
// by the manifest.
func (v *verifying) release(version pkgref.Version) error {
	m, err := v.manifest(version)
	if m == nil || err != nil {
		return err
	}
	v.Releases++
	if !v.linked {
		if err := v.view(m); err != nil {
			return err
		}
	}
	if !m.Archive() {
		return nil
	}
	if err := v.blob(m); err != nil {
		return err
	}
	return v.pack(m)
}

// manifest reads a manifest from the disk, whatever memory holds of it; nil is
// one that vanished meanwhile or is damaged.
func (v *verifying) manifest(version pkgref.Version) (*Manifest, error) {
	m, err := v.c.readManifest(v.name, version)
	switch {
	case err == nil:
		return m, nil
	case isMissing(err):
		return nil, nil
	case errors.Is(err, outcome.Busy) && !errors.Is(err, fs.ErrPermission):
		return nil, err
	}
	lock := v.c.releaseLock(v.name, version)
	lock.Lock()
	defer lock.Unlock()
	m, err = v.c.readManifest(v.name, version)
	if err == nil || isMissing(err) {
		return m, nil // replaced meanwhile
	}
	v.lose(version, nil)
	file := manifestFile(v.name, version)
	return nil, v.found(file, version.String(), "is no readable manifest: "+err.Error(), func() (string, error) { return v.dropDamaged(version) })
}

// dropDamaged quarantines a manifest, and empties the view of what it no longer
// explains. The caller holds the release's lock.
func (v *verifying) dropDamaged(version pkgref.Version) (string, error) {
	key := manifestKey(v.name, version)
	lock := v.c.fileLock(key)
	lock.Lock()
	defer lock.Unlock()
	v.c.manifests.Delete(key)
	if err := v.c.remove(v.c.viewDir(v.name) + "/" + version.String()); err != nil {
		return "", err
	}
	return v.quarantine(manifestFile(v.name, version))
}

// lose notes that the next finding needs something to be fetched again.
func (v *verifying) lose(version pkgref.Version, m *Manifest) {
	v.Losses = append(v.Losses, Loss{Version: version, Manifest: m, Finding: len(v.Findings)})
}

// view verifies the files of a release in the view. Under the lock neither the
// manifest nor the release changes; other requests may add files meanwhile.
func (v *verifying) view(m *Manifest) error {
	lock := v.c.releaseLock(m.Name, m.Version)
	lock.RLock()
	defer lock.RUnlock()
	held, err := v.c.Manifest(m.Name, m.Version)
	if err != nil {
		return nil // evicted meanwhile
	}
	dir := v.c.viewRelease(m)
	if info, err := v.c.root.Lstat(dir); err != nil || !info.IsDir() {
		return nil // nothing, or what packageDir finds
	}
	return v.viewDir(held, "")
}

// viewDir verifies one directory of a release; sub is "" or ends with a slash.
func (v *verifying) viewDir(m *Manifest, sub string) error {
	dir := v.c.viewRelease(m) + "/" + sub
	entries, err := v.c.list(dir[:len(dir)-1])
	if errors.Is(err, fs.ErrPermission) {
		return v.found(dir, m.Version.String(), "cannot be read", func() (string, error) { return v.removeTree(dir[:len(dir)-1]) })
	}
	if err != nil && !isMissing(err) {
		return durable.Wrap(err, "read %s", dir)
	}
	for _, e := range entries {
		if e.IsDir() {
			err = v.viewDir(m, sub+e.Name()+"/")
		} else {
			err = v.viewFile(m, sub+e.Name())
		}
		if err != nil {
			return err
		}
	}
	return v.ctx.Err()
}

func (v *verifying) viewFile(m *Manifest, path string) error {
	v.Files++
	file := v.c.viewRelease(m) + "/" + path
	f, listed := m.File(path)
	if original, e, ok := siblingOf(m, path); !listed && ok {
		problem, err := v.judgeSibling(m, original, e, file)
		if problem == "" || err != nil {
			return err
		}
		return v.found(file, m.Version.String(), problem, func() (string, error) { return v.removeFile(file) })
	}
	if !listed {
		return v.found(file, m.Version.String(), "is not in the manifest", func() (string, error) { return v.quarantine(file) })
	}
	problem, err := v.judge(m, f, file)
	if problem == "" || err != nil {
		return err
	}
	return v.found(file, m.Version.String(), problem, func() (string, error) { return v.removeFile(file) })
}

// judge says what is wrong with a file of the view, "" if nothing is. What is
// cheap to tell is told first.
func (v *verifying) judge(m *Manifest, f File, file string) (string, error) {
	const readable = 0o444
	info, err := v.c.root.Lstat(file)
	switch {
	case isMissing(err):
		return "", nil
	case err != nil:
		return "", durable.Wrap(err, "look at %s", file)
	case !info.Mode().IsRegular():
		return "is no regular file", nil
	case m.Shipped(f.Path):
		return "would be taken for a compressed copy of the file beside it", nil
	case f.SHA256.IsZero():
		return "is there before its content was pinned", nil
	case info.Mode()&readable != readable:
		return fmt.Sprintf("has mode %#o, so that not all can read it", info.Mode().Perm()), nil
	case info.Size() != f.Size:
		return fmt.Sprintf("has %d bytes instead of %d", info.Size(), f.Size), nil
	}
	sum, err := v.sha256(file)
	switch {
	case isMissing(err):
		return "", nil
	case err != nil && v.ctx.Err() == nil:
		return "cannot be read: " + err.Error(), nil
	case err != nil:
		return "", err
	case sum != f.SHA256:
		return fmt.Sprintf("has sha256 %x instead of %x", sum, f.SHA256), nil
	case !info.ModTime().Equal(f.SHA256.ModTime()):
		return "has a modification time that does not follow from its content", nil
	}
	return "", nil
}

func (v *verifying) sha256(file string) (Digest, error) {
	f, err := v.c.openQuietly(file)
	if err != nil {
		return Digest{}, err
	}
	defer f.Close()
	return v.sum(f)
}

// pin verifies that main and its record agree. Main counts.
func (v *verifying) pin() error {
	if v.linked {
		return nil
	}
	lock := &v.c.pins[stripe(string(v.name), len(v.c.pins))]
	lock.Lock()
	defer lock.Unlock()
	main, err := v.c.lookAtMain(v.name, v.c.viewMain(v.name))
	if err != nil {
		return err
	}
	if main.Kind == MainLink || main.Kind == MainDir {
		v.note(v.c.viewMain(v.name), "made by hand, its content is not looked at")
	}
	file := stateDir(v.name) + "/pin.json"
	pin, err := v.c.Pin(v.name)
	if errors.Is(err, outcome.NotFound) {
		if _, err := v.c.root.Lstat(file); isMissing(err) {
			return nil
		}
		return v.found(file, "", "is no readable record", func() (string, error) { return v.quarantine(file) })
	}
	if err != nil && !errors.Is(err, os.ErrPermission) {
		return err
	}
	if err != nil {
		return v.found(file, "", "cannot be read", func() (string, error) { return v.quarantine(file) })
	}
	if main.Kind != MainPin || main.Version.String() == pin.Version {
		return nil
	}
	// A person may have moved main, or a designation was cut short: that is no damage.
	text := "says " + pin.Version + ", and main points at " + main.Version.String()
	if !v.fix {
		v.note(file, text)
		return nil
	}
	v.note(file, text+"; it follows main now")
	return v.c.writePin(v.name, Pin{Version: main.Version.String(), By: ByHand, At: v.c.now().UTC()})
}

// ByHand is the Pin.By of a main that a person moved without telling us.
const ByHand = "hand"
