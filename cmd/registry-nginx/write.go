package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/registryd/registryd/templates"
)

// write puts the files into dir, each by a rename, after all of them were
// written to temporary files: a failure half-way leaves the old set. A file
// that somebody else wrote is replaced only by force.
func write(dir string, files []templates.File, force bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := replaceable(filepath.Join(dir, f.Name)); err != nil && !force {
			return err
		}
	}
	staged := map[string]string{}
	defer func() {
		for temp := range staged {
			os.Remove(temp) // what was renamed is no longer there
		}
	}()
	for _, f := range files {
		temp, err := stage(dir, f)
		if temp != "" {
			staged[temp] = filepath.Join(dir, f.Name)
		}
		if err != nil {
			return err
		}
	}
	for temp, target := range staged {
		if err := os.Rename(temp, target); err != nil {
			return err
		}
	}
	return nil
}

// replaceable refuses what is there and does not begin with our mark.
func replaceable(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if len(old) == 0 || bytes.HasPrefix(old, []byte(templates.Marker)) {
			return nil
		}
	}
	return fmt.Errorf("%s was not written by registry-nginx; move it away or use --force", path)
}

// stage writes one file under a temporary name and returns that name.
func stage(dir string, f templates.File) (string, error) {
	temp, err := os.CreateTemp(dir, "."+f.Name+".*")
	if err != nil {
		return "", err
	}
	_, err = temp.Write(f.Data)
	return temp.Name(), errors.Join(err, temp.Chmod(mode(f)), temp.Sync(), temp.Close())
}

// mode of a file: what holds secrets is for whoever starts nginx alone.
func mode(f templates.File) os.FileMode {
	if f.Secret {
		return 0o600
	}
	return 0o644
}
