package registry

import (
	"context"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// VerifyOptions say what Verify may do. The zero value mends what can be mended.
type VerifyOptions struct {
	DryRun bool // change nothing
	NoHeal bool // fetch nothing
}

// Verified is what Verify looked at and found.
type Verified struct {
	Releases int             `json:"releases"`        // whose manifests were read
	Files    int             `json:"files"`           // of the view
	Bytes    int64           `json:"bytes"`           // that were hashed
	Findings []cache.Finding `json:"findings"`        // never nil
	Notes    []string        `json:"notes,omitempty"` // what was left alone
}

// Add joins two reports.
func (v *Verified) Add(w *Verified) {
	v.Releases += w.Releases
	v.Files += w.Files
	v.Bytes += w.Bytes
	v.Findings = append(v.Findings, w.Findings...)
	v.Notes = append(v.Notes, w.Notes...)
}

// VerifyNames returns the packages that Verify can look at.
func (r *Registry) VerifyNames() []pkgref.Name { return r.cache.VerifyNames() }

// Verify hashes what is held of a package and compares it with what it should
// be, while requests go on. What is damaged leaves the view at once; what cannot
// come back by itself is fetched again. Errors: outcome.NotFound where nothing
// of it is held; outcome.Busy where the disk fails; that of ctx.
func (r *Registry) Verify(ctx context.Context, name pkgref.Name, o VerifyOptions) (*Verified, error) {
	check, err := r.cache.Verify(ctx, name, !o.DryRun)
	if err == nil && check.Releases+len(check.Findings)+len(check.Notes) == 0 && !r.cache.Known(name) {
		err = outcome.New(outcome.NotFound, "nothing of %s is held", name)
	}
	if err != nil {
		return nil, err
	}
	if !o.DryRun && !o.NoHeal {
		r.heal(ctx, name, check)
	}
	for _, f := range check.Findings {
		r.log.Warn("verify found something wrong", "pkg", name, "version", f.Version, "file", f.File, "problem", f.Problem, "action", f.Action)
	}
	return verified(check, !o.DryRun && o.NoHeal), ctx.Err()
}

// VerifyBeside looks at what lies in the view beside all packages. Errors: as
// Verify.
func (r *Registry) VerifyBeside(ctx context.Context, o VerifyOptions) (*Verified, error) {
	check, err := r.cache.VerifyBeside(ctx, !o.DryRun)
	if err != nil {
		return nil, err
	}
	return verified(check, false), nil
}

// verified turns a check into a report. What was lost and not fetched again is
// not mended.
func verified(check *cache.Check, unhealed bool) *Verified {
	if unhealed {
		for _, l := range check.Losses {
			check.Findings[l.Finding].Mended = false
		}
	}
	v := &Verified{Releases: check.Releases, Files: check.Files, Bytes: check.Bytes, Findings: check.Findings, Notes: check.Notes}
	if v.Findings == nil {
		v.Findings = []cache.Finding{}
	}
	return v
}

// heal fetches again what was lost, and says in the findings how that went.
func (r *Registry) heal(ctx context.Context, name pkgref.Name, check *cache.Check) {
	for _, l := range check.Losses {
		f := &check.Findings[l.Finding]
		err := r.healRelease(ctx, name, l)
		did := "fetched again"
		if err != nil {
			did = "cannot be fetched again: " + err.Error()
		}
		if f.Action != "" {
			did = f.Action + "; " + did
		}
		f.Action, f.Mended = did, err == nil
	}
}

func (r *Registry) healRelease(ctx context.Context, name pkgref.Name, l cache.Loss) error {
	if err := r.gen.Load().Rules.Check(name, l.Version); err != nil {
		return err
	}
	if l.Manifest != nil {
		return r.refetch(ctx, l.Manifest)
	}
	r.forgetMarks(name) // it was held, so nothing that was remembered counts
	_, err := r.Release(ctx, name, l.Version)
	return err
}
