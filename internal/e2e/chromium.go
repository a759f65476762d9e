package e2e

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/testenv"
)

// Look says how a browser looks at a page.
type Look struct {
	// Scripts is how much of its own time a page gets for what its scripts fetch;
	// waiting for an answer takes none of it. 0: until it is loaded.
	Scripts       time.Duration
	Width, Height int    // of the window, in CSS pixels
	Dark          bool   // the user prefers dark colours
	Screenshot    string // file to write a picture to; "": none
}

// Browse opens a page in a headless browser of its own and returns the
// document as it stands after loading.
func Browse(t testing.TB, url string, l Look) string {
	t.Helper()
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir=" + t.TempDir(), "--window-size=" + strconv.Itoa(l.Width) + "," + strconv.Itoa(l.Height),
		"--blink-settings=preferredColorScheme=" + map[bool]string{true: "0", false: "1"}[l.Dark], "--dump-dom",
	}
	if l.Screenshot != "" {
		args = append(args, "--screenshot="+l.Screenshot)
	}
	if l.Scripts > 0 {
		args = append(args, "--virtual-time-budget="+strconv.FormatInt(l.Scripts.Milliseconds(), 10))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, testenv.Chromium(t), append(args, url)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, stderr.Bytes())
	}
	return string(dom)
}
