package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// client speaks to the admin routes of a running daemon.
type client struct {
	base  string // with the admin prefix, ends with a slash
	token string
	http  *http.Client
}

// remote holds the flags of the commands that act on a running daemon.
type remote struct {
	server, token string
}

// addTo adds the flags to a command.
func (r *remote) addTo(c *cobra.Command) {
	c.Flags().StringVar(&r.server, "server", "", "admin `URL` of the daemon, such as http://127.0.0.1:9900 or unix:/path ($REGISTRYD_SERVER; else from the configuration)")
	c.Flags().StringVar(&r.token, "token", "", "admin `TOKEN` ($REGISTRYD_TOKEN; else the first of the configuration)")
}

// client finds out where the daemon is and how to be let in: flags, then the
// environment, then the configuration.
func (o *settings) client(r *remote) (*client, error) {
	serverURL, token := cmp.Or(r.server, os.Getenv("REGISTRYD_SERVER")), cmp.Or(r.token, os.Getenv("REGISTRYD_TOKEN"))
	var c *config.Config
	if serverURL == "" || token == "" || o.file != "" {
		var err error
		if c, err = o.load(); err != nil {
			return nil, err
		}
	}
	prefix := "/staff/registry/"
	if c != nil && c.Admin != nil {
		prefix = c.Admin.Prefix
		if token == "" && len(c.Admin.Tokens) > 0 {
			token = c.Admin.Tokens[0].Token
		}
	}
	if token == "" {
		return nil, cli.Usage("no admin token: give --token, set REGISTRYD_TOKEN, or name a configuration with -c that has one")
	}
	if serverURL == "" {
		serverURL = daemonURL(c.Listen[0])
	}
	return newClient(serverURL, prefix, token)
}

// daemonURL is how the daemon of this machine is reached.
func daemonURL(a config.Address) string {
	if a.Network == "unix" {
		return "unix:" + a.Address
	}
	host, port, _ := net.SplitHostPort(a.Address)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func newClient(serverURL, prefix, token string) (*client, error) {
	if path, ok := strings.CutPrefix(serverURL, "unix:"); ok {
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}}
		return &client{"http://localhost" + prefix, token, &http.Client{Transport: transport}}, nil
	}
	u, err := url.Parse(serverURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, cli.Usage("--server %s is no URL", serverURL)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = prefix
	}
	return &client{strings.TrimSuffix(u.String(), "/") + "/", token, &http.Client{}}, nil
}

// call sends one request and decodes the answer into v, unless v is nil.
// Errors: what the daemon says is wrong, or that it cannot be reached.
func (c *client) call(ctx context.Context, method, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, http.NoBody)
	if err != nil {
		return err
	}
	return c.do(req, "daemon", v, func(resp *http.Response, data []byte) error { return c.refusal(resp, data, path) })
}

// do sends a request to whom, and decodes the answer into v, unless v is nil.
// What is refused becomes an error of refused. Errors: its own, or that nobody
// can be reached or understood.
func (c *client) do(req *http.Request, whom string, v any, refused func(*http.Response, []byte) error) error {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("cannot reach the %s: %w", whom, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of the %s: %w", whom, err)
	}
	if resp.StatusCode != http.StatusOK {
		return refused(resp, data)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("the answer of the %s is not what this version understands: %w", whom, err)
	}
	return nil
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 256 << 20

// refusal turns an error answer to the request for path into words.
func (c *client) refusal(resp *http.Response, data []byte, path string) error {
	var body struct{ Error string }
	err := json.Unmarshal(bytes.TrimSpace(data), &body)
	_, _, named := strings.Cut(path, "/")
	if resp.StatusCode == http.StatusNotFound && (err != nil || !named) {
		return fmt.Errorf("no admin routes at %s (404): check the address, and that admin.tokens has one", c.base)
	}
	text := fmt.Sprintf("the daemon says: %s (%d)", cmp.Or(body.Error, http.StatusText(resp.StatusCode)), resp.StatusCode)
	if resp.StatusCode == http.StatusNotFound {
		return outcome.New(outcome.NotFound, "%s", text)
	}
	return errors.New(text)
}

// target is a parsed NAME@SPEC of the command line.
type target struct {
	name pkgref.Name
	spec pkgref.Spec
	bare bool // without @SPEC
}

// parseTarget reads NAME or NAME@SPEC. Errors: a misuse.
func parseTarget(text string) (target, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return target{}, cli.Usage("%q holds a control character", text)
	}
	at := strings.LastIndex(text, "@")
	name, spec := text, ""
	if at > 0 {
		name, spec = text[:at], text[at+1:]
	}
	n, err := pkgref.ParseName(name)
	if err != nil {
		return target{}, cli.Usage("%v", err)
	}
	s, err := pkgref.ParseSpec(spec)
	if err != nil {
		return target{}, cli.Usage("%v", err)
	}
	return target{n, s, at <= 0}, nil
}

// path is the target as the admin routes take it.
func (t target) path() string {
	if t.bare {
		return pkgref.Escape(string(t.name))
	}
	return pkgref.Escape(string(t.name)) + "/" + url.PathEscape(t.spec.Text)
}

func (t target) String() string {
	if t.bare {
		return string(t.name)
	}
	return string(t.name) + "@" + t.spec.Text
}
