package plugin

import (
	"context"
	"io"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// missing is a plugin that is configured and not loaded. What it owns must not be asked for elsewhere, so it stays in
// the chain.
type missing struct{ base }

func (m *missing) err() error {
	return outcome.New(outcome.Unavailable, "plugin %s is not loaded", m.Plugin)
}

// Versions is part of provider.Versioner.
func (m *missing) Versions(context.Context, pkgref.Name, string) (*provider.Versions, error) {
	return nil, m.err()
}

// Release is part of provider.Releaser.
func (m *missing) Release(context.Context, pkgref.Name, pkgref.Version) (*provider.Release, error) {
	return nil, m.err()
}

// OpenArchive is part of provider.ArchiveOpener.
func (m *missing) OpenArchive(context.Context, *provider.Release) (io.ReadCloser, error) {
	return nil, m.err()
}
