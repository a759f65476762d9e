package npm

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// askTimeout bounds how long npm may take to start and answer.
const askTimeout = 15 * time.Second

// AskNPM runs "npm config get registry" and returns the registry that npm
// would use. It takes up to 15 s: run it in the background, once, and keep the
// result. Errors: ErrNoRegistry where there is no npm or it knows no registry;
// that of ctx.
func AskNPM(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "config", "get", "registry")
	cmd.WaitDelay = time.Second // a child that keeps the pipe open is left behind
	out, err := cmd.Output()    // standard error holds warnings only
	if ctx.Err() != nil {
		return "", fmt.Errorf("asking npm: %w", ctx.Err())
	}
	if err != nil {
		return "", fmt.Errorf("%w (asking npm: %v)", ErrNoRegistry, err) //nolint:errorlint // nobody decides by its cause
	}
	lines := strings.Fields(string(out))
	if len(lines) == 0 {
		return "", ErrNoRegistry
	}
	registry := lines[len(lines)-1]
	if _, err := parseRegistry(registry); err != nil {
		return "", fmt.Errorf("%w (npm answered something else than a URL)", ErrNoRegistry)
	}
	return registry, nil
}
