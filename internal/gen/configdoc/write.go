package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
)

// The lines between which README.md holds the reference.
const (
	begin = "<!-- config reference: begin -->"
	end   = "<!-- config reference: end -->"
)

// write renews both files below root. Without a README only the schema is
// written. Errors: outcome.Invalid for a README without the two lines.
func write(root string) error {
	schema := filepath.Join(root, "sample", "registryd.schema.json")
	if err := os.WriteFile(schema, config.Schema(), 0o644); err != nil {
		return fmt.Errorf("write the schema: %w", err)
	}
	name := filepath.Join(root, "README.md")
	readme, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the README: %w", err)
	}
	renewed, err := splice(readme, config.Reference())
	if err != nil || bytes.Equal(renewed, readme) {
		return err
	}
	return os.WriteFile(name, renewed, 0o644)
}

// splice replaces what stands between the two lines. Errors: outcome.Invalid
// unless each stands there once, in that order.
func splice(readme []byte, reference string) ([]byte, error) {
	head, rest, ok := bytes.Cut(readme, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 || bytes.Count(readme, []byte(begin))+bytes.Count(readme, []byte(end)) != 2 {
		return nil, outcome.New(outcome.Invalid, "README.md must have the lines %q and %q, once and in that order", begin, end)
	}
	return fmt.Appendf(nil, "%s%s\n\n%s\n%s%s", head, begin, reference, end, tail), nil
}
