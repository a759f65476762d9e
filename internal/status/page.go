package status

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/quantity"
)

//go:embed page.html page.css
var files embed.FS

var page = template.Must(template.New("").Funcs(template.FuncMap{
	"size": quantity.RoughSize, "ms": milliseconds, "when": when, "ago": ago, "percent": percent, "share": share,
}).ParseFS(files, "page.html", "page.css"))

// Policy is the Content-Security-Policy that the page must be sent with: it
// loads nothing, runs nothing, and is shown in no frame.
const Policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// view is a report with its pictures.
type view struct {
	*Report
	Pictures []picture
}

// HTML renders the page. Errors: none that a report can cause.
func (r *Report) HTML() ([]byte, error) {
	v := view{Report: r, Pictures: []picture{
		newPicture("The last hour", r.Hour, r.Now, time.Hour), newPicture("The last day", r.Day, r.Now, 24*time.Hour),
	}}
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "page.html", v); err != nil {
		return nil, fmt.Errorf("render status: %w", err)
	}
	return b.Bytes(), nil
}

// when writes a time for machines and for people alike.
func when(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// ago writes how long before now a moment was, in its two largest units.
func ago(now, t time.Time) string {
	d := max(0, now.Sub(t)).Round(time.Second)
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds)
	}
	return fmt.Sprintf("%d s", seconds)
}

// percent writes the rate of a layer.
func percent(l Layer) string {
	rate, ok := l.Rate()
	if !ok {
		return "–"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", rate), ".0") + " %"
}

// share writes a part of a whole, "" where there is no whole.
func share(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(whole))
}
