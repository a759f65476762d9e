package registry

import (
	"context"

	"github.com/registryd/registryd/cache"
)

// Trim removes what a killed process left behind and evicts the releases used
// least recently until nine tenths of the budget are left; with dryRun it only
// tells. Requests go on meanwhile. Errors: outcome.Busy where the disk fails;
// that of ctx.
func (r *Registry) Trim(ctx context.Context, dryRun bool) (*cache.Trimmed, error) {
	return r.cache.Trim(ctx, dryRun)
}
