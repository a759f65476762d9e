package command

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/internal/cli"
)

// errPublished: the version was published before.
var errPublished = errors.New("this version was published before")

func (o *settings) publishCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "publish DIR", Short: "Publish the component in a directory", Args: cli.One,
		Long: `Packs package.json and the file that its "main" names, and publishes them as the version that
package.json has. Its peerDependencies are what hosts must provide. Tells which hosts get the
version, and of what does not quite match.`,
		Example: "  registryd publish ./dist --server http://127.0.0.1:9900/api/components/",
	}
	return o.registryCommand(c, func(c *cobra.Command, cl *client, args []string) error {
		p, err := readComponent(args[0])
		if err != nil {
			return err
		}
		moved, err := cl.publish(c.Context(), p)
		if err != nil {
			return fmt.Errorf("publish %s %s: %w", p.Name, p.Version, err)
		}
		o.published(p, moved)
		return nil
	})
}

// moves are the hosts that get a version, by id.
type moves map[string]struct {
	Mismatches component.Mismatches `json:"mismatches"`
}

func (o *settings) published(p component.Publication, moved moves) {
	verb := "get"
	if len(moved) == 1 {
		verb = "gets"
	}
	o.print("published %s %s: %s %s it now", p.Name, p.Version, count(len(moved), "host"), verb)
	for _, id := range slices.Sorted(maps.Keys(moved)) {
		found := moved[id].Mismatches
		for _, dep := range slices.Sorted(maps.Keys(found)) {
			o.print("host %s: %s may be lower than %s, it has %s", id, dep, found[dep].Component, found[dep].Host)
		}
	}
}

// readComponent reads what publishing a directory takes. Errors: what is wrong
// with it, for a person.
func readComponent(dir string) (component.Publication, error) {
	var p component.Publication
	root, err := os.OpenRoot(dir)
	if err != nil {
		return p, err
	}
	defer root.Close()
	data, err := root.ReadFile("package.json")
	if err != nil {
		return p, fmt.Errorf("%s is no component: %w", dir, err)
	}
	var m struct {
		Name, Version, Main string
		PeerDependencies    component.Dependencies
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return p, fmt.Errorf("%s/package.json: %w", dir, err)
	}
	if p.Name, err = component.ParseName(m.Name); err != nil {
		return p, fmt.Errorf("%s/package.json: %w", dir, err)
	}
	if p.Version, err = component.ParseVersion(m.Version); err != nil {
		return p, fmt.Errorf("%s/package.json: %w", dir, err)
	}
	p.Files, p.Dependencies = map[string][]byte{"package.json": data}, m.PeerDependencies
	if p.Dependencies == nil {
		p.Dependencies = component.Dependencies{}
	}
	return p, addMain(root, m.Main, p.Files)
}

// addMain reads the code, found as Node finds it.
func addMain(root *os.Root, main string, files map[string][]byte) error {
	if main == "" {
		main = "index.js"
	}
	clean := path.Clean(strings.TrimPrefix(main, "./"))
	for _, candidate := range []string{clean, clean + ".js", clean + "/index.js"} {
		if info, err := root.Stat(candidate); err != nil || !info.Mode().IsRegular() {
			continue
		}
		data, err := root.ReadFile(candidate)
		if err != nil {
			return err
		}
		files[candidate] = data
		return nil
	}
	return fmt.Errorf("the main file %q is not there; build the component first", main)
}

// publish posts a version as the original command line does. Errors:
// errPublished; what the registry says is wrong, or that it cannot be reached.
func (c *client) publish(ctx context.Context, p component.Publication) (moves, error) {
	body, kind, err := publicationForm(p)
	if err != nil {
		return nil, err
	}
	var moved moves
	err = c.send(ctx, versionURL(p), kind, body, &moved)
	return moved, err
}

// register makes a host known. Errors: as publish.
func (c *client) register(ctx context.Context, d component.Dependencies) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return c.send(ctx, "host/register", "application/json", body, nil)
}

// send posts a body and decodes the answer into v, unless v is nil.
func (c *client) send(ctx context.Context, path, kind string, body []byte, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Expect", "100-continue") // a refusal comes before the body is sent
	return c.do(req, "component registry", v, refusedPublication)
}

func refusedPublication(resp *http.Response, data []byte) error {
	var body struct{ Type, Error string }
	_ = json.Unmarshal(data, &body) // some other server's words are no help
	if body.Type == "ComponentExistsError" {
		return errPublished
	}
	return fmt.Errorf("the registry says: %s (%d)", cmp.Or(body.Error, http.StatusText(resp.StatusCode)), resp.StatusCode)
}

// publicationForm packs a version: the dependencies first, then the tarball.
func publicationForm(p component.Publication) (body []byte, contentType string, err error) {
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	peers, err := json.Marshal(p.Dependencies)
	if err != nil {
		return nil, "", err
	}
	if err := form.WriteField("peerDependencies", string(peers)); err != nil {
		return nil, "", err
	}
	part, err := form.CreateFormFile("package", "package.tgz")
	if err != nil {
		return nil, "", err
	}
	if err := packFiles(part, p.Files); err != nil {
		return nil, "", err
	}
	err = form.Close()
	return out.Bytes(), form.FormDataContentType(), err
}

func packFiles(w io.Writer, files map[string][]byte) error {
	gz := gzip.NewWriter(w)
	tw := tar.NewWriter(gz)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		if _, err := tw.Write(files[name]); err != nil {
			return err
		}
	}
	return errors.Join(tw.Close(), gz.Close())
}
