package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// unit is one plugin as it lies on the disk: a directory with a manifest, or one file.
type unit struct {
	path   string // in the directory of plugins, for messages and to know it again
	dir    string // of its code, without links
	notes  string // the file with the manifest, relative to dir; "" for a single file
	single string // the file, relative to dir; "" for a directory
	module bool   // it lies in the directory of modules, and needs no manifest
}

// base is what the unit is called before its manifest was read.
func (u *unit) base() string {
	return strings.TrimSuffix(filepath.Base(u.path), filepath.Ext(u.single))
}

// Failure names a plugin that is not loaded as it lies there, and why.
type Failure struct {
	Name  string `json:"name"`  // of the plugin, as far as it is known
	Path  string `json:"path"`  // where it lies
	Error string `json:"error"` // one line
}

// discover lists what lies in the directory of plugins, sorted, and what of it is no plugin although it looks like
// one. Names that begin with "." or "_" are passed over. Errors: outcome.Invalid when the directory cannot be read, or
// when the one entry that is wanted is no plugin.
func (s *Settings) discover() (units []unit, failures []Failure, err error) {
	if s.Dir != "" && s.Only != "" {
		u, ok, err := look(s.Dir, s.Only)
		if err == nil && !ok {
			err = errors.New("is neither a directory nor a .js or .ts file")
		}
		if err != nil {
			return nil, nil, outcome.New(outcome.Invalid, "%s: %v", u.path, plainPath(err))
		}
		return []unit{u}, nil, nil
	}
	units, failures, err = discoverIn(s.Dir, "plugins.dir", look)
	if err != nil {
		return nil, nil, err
	}
	modules, failed, err := discoverIn(s.Modules, "modules.dir", lookModule)
	return append(units, modules...), append(failures, failed...), err
}

// discoverIn lists what lies in one directory; "" has nothing. Errors: outcome.Invalid.
func discoverIn(dir, key string, look func(dir, name string) (unit, bool, error)) (units []unit, failures []Failure, err error) {
	if dir == "" {
		return nil, nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, outcome.New(outcome.Invalid, "%s: %v", key, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "_") {
			continue
		}
		u, ok, err := look(dir, e.Name())
		switch {
		case err != nil:
			failures = append(failures, Failure{Name: e.Name(), Path: filepath.Join(dir, e.Name()), Error: err.Error()})
		case ok:
			units = append(units, u)
		}
	}
	return units, failures, nil
}

// plainPath leaves out of an error of the system what its reader knows: the operation and the path.
func plainPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// look tells what one entry of the directory is; false for what is no plugin.
func look(dir, name string) (unit, bool, error) {
	u := unit{path: filepath.Join(dir, name)}
	info, err := os.Stat(u.path)
	if err != nil {
		return u, false, err
	}
	if info.Mode().IsRegular() {
		ext := filepath.Ext(name)
		if ext != ".js" && ext != ".ts" || strings.HasSuffix(name, ".d.ts") {
			return u, false, nil
		}
		u.dir, err = filepath.EvalSymlinks(dir)
		u.single = name
		return u, err == nil, err
	}
	if !info.IsDir() {
		return u, false, nil
	}
	// Resolved once: who swaps the link while we read does not mix two versions.
	if u.dir, err = filepath.EvalSymlinks(u.path); err != nil {
		return u, false, err
	}
	for _, notes := range []string{"plugin.yaml", "plugin.yml", "package.json"} {
		if _, err := os.Stat(filepath.Join(u.dir, notes)); err == nil {
			u.notes = notes
			return u, true, nil
		}
	}
	return u, false, errors.New("has neither plugin.yaml nor package.json")
}

// lookModule is look for the directory of modules, where a directory needs no manifest.
func lookModule(dir, name string) (unit, bool, error) {
	u, ok, err := look(dir, name)
	u.module = true
	if u.dir == "" || u.single != "" {
		return u, ok, err
	}
	if _, statErr := os.Stat(filepath.Join(u.dir, ModuleFile)); statErr == nil {
		if ok && u.notes != "package.json" {
			return u, false, errors.New("has both " + u.notes + " and " + ModuleFile + ": put everything into the latter")
		}
		u.notes = ModuleFile
		return u, true, nil
	}
	if ok {
		return u, ok, err
	}
	if _, mainErr := u.findMain(); mainErr == nil {
		return u, true, nil
	}
	return u, false, errors.New("has neither code, nor " + ModuleFile + ", nor plugin.yaml")
}

// manifest reads the manifest of a unit. That of a single file is in its code; here it gets the defaults.
func (u *unit) manifest() (Manifest, error) {
	if u.module && u.single == "" {
		return u.moduleManifest()
	}
	if u.single != "" {
		m, err := ParseManifest(nil, u.base())
		m.Main = u.single
		return m, err
	}
	data, err := u.manifestText()
	if err != nil {
		return Manifest{}, err
	}
	m, err := u.parse(data)
	if err != nil {
		return m, err
	}
	if m.Engine == EngineJS && m.Main == "" {
		m.Main, err = u.findMain()
	}
	return m, err
}

// parse reads a manifest. Errors: outcome.Invalid, with the name of its file.
func (u *unit) parse(data []byte) (Manifest, error) {
	m, err := ParseManifest(data, u.base())
	if err != nil {
		return m, outcome.Wrap(outcome.Invalid, err, "%s", u.notes)
	}
	return m, nil
}

func (u *unit) manifestText() ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(u.dir, u.notes))
	if err != nil {
		return nil, outcome.New(outcome.Invalid, "%s: %v", u.notes, errors.Unwrap(err))
	}
	if u.notes != "package.json" {
		return data, nil
	}
	var doc struct {
		Main      string
		Registryd json.RawMessage
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, outcome.New(outcome.Invalid, "package.json: %v", err)
	}
	if doc.Registryd == nil {
		return nil, outcome.New(outcome.Invalid, `package.json: has no "registryd", and there is no plugin.yaml`)
	}
	// The lines are those of the file.
	before, _, _ := bytes.Cut(data, doc.Registryd)
	return append(bytes.Repeat([]byte("\n"), bytes.Count(before, []byte("\n"))), doc.Registryd...), nil
}

// findMain looks for the file to start with where the manifest names none.
func (u *unit) findMain() (string, error) {
	for _, name := range []string{"index.ts", "index.js", "index.mjs"} {
		if _, err := os.Stat(filepath.Join(u.dir, name)); err == nil {
			return name, nil
		}
	}
	return "", outcome.New(outcome.Invalid, "main: is not named, and there is no index.ts or index.js")
}

// maxSeen bounds the files that are looked at to notice a change.
const maxSeen = 20_000

// seen is a fingerprint of everything that lies in a unit, by size, time and identity: it tells whether somebody
// wrote while we read. Hidden directories at its top are passed over. newest is the latest change.
func (u *unit) seen() (fingerprint []string, newest int64, err error) {
	if u.single != "" {
		info, err := os.Stat(filepath.Join(u.dir, u.single))
		if err != nil {
			return nil, 0, err
		}
		return []string{mark(u.single, info)}, info.ModTime().UnixNano(), nil
	}
	err = filepath.WalkDir(u.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && filepath.Dir(path) == u.dir && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir // what a process keeps for itself
		}
		if !d.Type().IsRegular() || len(fingerprint) >= maxSeen {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fingerprint = append(fingerprint, mark(path, info))
		newest = max(newest, info.ModTime().UnixNano())
		return nil
	})
	return fingerprint, newest, err
}

// hashOf is the content of the manifest and the named files, relative to the unit's directory.
func (u *unit) hashOf(files []string) (string, error) {
	all := slices.Clone(files)
	if u.notes != "" {
		all = append(all, u.notes)
	}
	slices.Sort(all)
	sum := newDigest()
	for _, name := range slices.Compact(all) {
		if err := sum.file(u.dir, name); err != nil {
			return "", err
		}
	}
	return sum.text(), nil
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
