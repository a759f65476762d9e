package templates

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/mediatype"
	"github.com/registryd/registryd/pkgref"
)

// Numbers that the templates share.
const (
	connections     = 4096 // per worker; a miss takes two
	includeFiles    = 200  // open_file_cache where the descriptor limit is unknown
	maxNotFoundSecs = 30
)

// model is what the templates see. Its strings are checked but not quoted.
type model struct {
	Marker, Dir                                      string
	Inline                                           bool // the server-only form
	AccelOff, IndexFallback                          bool
	GzipStatic, BrotliStatic                         bool
	Pub, PubBare, Internal                           string
	Root, View, ComponentsDir                        string
	Components                                       string
	Passed, Closed                                   []string
	Upstream, Server, CacheName, CachePath           string
	UpstreamBlock                                    bool // Upstream names a block rather than an address
	Period, NotFoundPeriod, ReadTimeout              string
	LimitZone, LimitRate                             string
	LimitBurst                                       int
	Body                                             int64
	OpenFiles, FileLimit, RecommendedFiles           int
	Connections                                      int
	User, Group, Listen, ServerName, Front           string // no Group: that of the user's name
	Cert, CertKey                                    string
	OldHTTP2, NewHTTP2                               bool     // by the version of nginx
	Nodes                                            []string // none: Server alone
	Scopes                                           []string // that are private
	HTPasswd, Bearer                                 string   // who may read them: a file, a pattern
	Deny                                             bool     // this nginx knows addresses
	NodePattern, PrivatePattern                      string
	Place                                            string // the URL prefix of the block being written
	Private                                          bool   // that block is for those who may
	Miss                                             string // how its locations begin that ask the daemon
	Load, Temps                                      []string
	Guard                                            []pkgref.GuardPattern
	GuardPattern, DotSegments                        string
	ExactPattern, MainPattern, AtPattern             string
	DocumentTypes, DocumentExtensions, DocumentPaths string
	PlainTypes                                       []string
	Types                                            []mediatype.Type
	CharsetTypes                                     string
	Classes                                          []class
	Metas                                            []meta
	Class                                            class // of the block being written
}

// newModel checks the input and derives what the templates need.
func newModel(in Input, inline bool) (*model, error) {
	if err := check(in); err != nil {
		return nil, err
	}
	c := in.Config
	server, err := upstreamServer(c)
	if err != nil {
		return nil, err
	}
	m := &model{Marker: Marker, Dir: in.Dir, Inline: inline, Server: server}
	m.Upstream, m.UpstreamBlock = upstreamName(c.Nginx.Upstream, inline)
	m.setPlaces(c)
	m.setProxy(c)
	m.setFeatures(in)
	m.setProcess(in)
	m.setAccess(in)
	m.setPatterns(c)
	return m, nil
}

// check refuses an input that cannot be written safely.
func check(in Input) error {
	c := in.Config
	return firstError(
		func() error { return checkPath("root.fs", c.Root.FS) },
		func() error { return checkPrefixes(c) },
		func() error { return checkNames(c.Nginx) },
		func() error { return optionalPaths(prefix{"nginx.cache.path", c.Nginx.CachePath}) },
		func() error { return checkNumbers(c) },
		func() error { return checkFound(in) },
		func() error { return checkModules(in) },
		func() error { return checkAccess(in) },
	)
}

// setPlaces derives prefixes and directories.
func (m *model) setPlaces(c *config.Config) {
	fs := strings.TrimSuffix(c.Root.FS, "/")
	m.Pub, m.Internal = c.Root.Pub, c.Root.Internal
	m.PubBare = strings.TrimSuffix(c.Root.Pub, "/")
	m.Root = fs + "/www"
	m.View = m.Root + c.Root.Pub
	m.CachePath = cmp.Or(c.Nginx.CachePath, fs+"/nginx-cache")
	if c.Components != nil {
		m.Components = c.Components.Prefix
		m.ComponentsDir = m.Root + c.Components.Prefix
	}
	if c.Modules != nil {
		m.Passed = append(m.Passed, c.Modules.Prefix)
	}
	m.setAdmin(c)
}

// setAdmin routes the admin prefix or closes it. Closing matters where the
// public prefix is "/": every other path would reach the daemon through it.
func (m *model) setAdmin(c *config.Config) {
	if c.Admin != nil && c.Nginx.Admin {
		m.Passed = append(m.Passed, c.Admin.Prefix)
	}
	if m.Pub != "/" {
		return
	}
	m.Closed = []string{statusPrefix}
	if c.Admin != nil && !c.Nginx.Admin {
		m.Closed = append(m.Closed, c.Admin.Prefix)
	}
}

// setProxy derives what concerns the daemon and the proxy cache.
func (m *model) setProxy(c *config.Config) {
	m.CacheName = c.Nginx.CacheName
	m.Period = seconds(c.Nginx.CachePeriod)
	m.NotFoundPeriod = seconds(min(c.Nginx.CachePeriod, maxNotFoundSecs*time.Second))
	m.ReadTimeout = seconds(c.Timeouts.Total + 5*time.Second)
	m.Body = c.Limits.Body
	if c.Nginx.LimitReq.Rate != "" {
		m.LimitZone = m.CacheName + "_req"
		m.LimitRate, m.LimitBurst = c.Nginx.LimitReq.Rate, c.Nginx.LimitReq.Burst
	}
}

// setFeatures derives what depends on the configuration's switches and on the
// modules of the nginx at hand.
func (m *model) setFeatures(in Input) {
	n := in.Config.Nginx
	m.AccelOff = in.Config.Accel == "off"
	m.IndexFallback = n.IndexFallback
	found := modules(in)
	m.GzipStatic = n.GzipStatic && has(found, "gzip_static")
	m.BrotliStatic = n.BrotliStatic == "true" || n.BrotliStatic != "false" && has(found, "brotli_static")
	if i := slices.IndexFunc(found, named("brotli_static")); m.BrotliStatic && i >= 0 && found[i].Path != "" {
		m.Load = []string{found[i].Path}
	}
}

// setFiles divides the descriptors of a worker: two for each connection, the
// client's and the daemon's or a file's, and two for each cached file, so that
// half of them may be replaced at a time.
func (m *model) setFiles(in Input) {
	open := in.Config.Nginx.OpenFiles
	m.Connections = connections
	m.FileLimit = 2*open + 2*connections
	m.RecommendedFiles = m.FileLimit
	if in.MaxFiles > 0 && in.MaxFiles < m.FileLimit {
		m.FileLimit = in.MaxFiles
		m.Connections = max(1, min(connections, m.FileLimit/4))
		open = max(1, m.FileLimit/2-m.Connections)
	}
	m.OpenFiles = open
	if m.Inline {
		m.OpenFiles = min(open, includeFiles)
	}
}

// setProcess derives what only the runnable file needs.
func (m *model) setProcess(in Input) {
	n := in.Config.Nginx
	m.setFiles(in)
	m.User = cmp.Or(n.User, in.Owner)
	if m.User != "" && in.Group != m.User {
		m.Group = in.Group
	}
	m.Listen, m.ServerName = n.Listen, n.ServerName
	m.Front = in.Front
	m.Temps = []string{"client_body"}
	for _, name := range []string{"proxy", "fastcgi", "uwsgi", "scgi"} {
		if !slices.Contains(in.Build.Without, name) {
			m.Temps = append(m.Temps, name)
		}
	}
}

// setPatterns derives every regular expression.
func (m *model) setPatterns(c *config.Config) {
	pub, internal := regexp.QuoteMeta(m.Pub), regexp.QuoteMeta(m.Internal)
	below := "^(?:" + pub + "|" + internal + ")"
	m.Guard = pkgref.GuardPatterns(m.Pub)
	m.GuardPattern = guardPattern(m.Guard)
	m.DotSegments = dotSegments
	m.ExactPattern = below + namePattern + "/" + versionPattern + "/"
	m.MainPattern = below + namePattern + "/main/"
	m.AtPattern = "^(" + pub + namePattern + ")@(" + versionPattern + ")(/.*)?$"
	m.DocumentTypes = mediatype.Scripted
	m.PlainTypes = plainTypes()
	m.DocumentExtensions = documentExtensions()
	m.DocumentPaths = documentPaths()
	m.Types = mediatype.Types()
	m.CharsetTypes = charsetTypes()
	m.Metas = metas(m.AccelOff, len(m.Scopes) > 0)
	m.Place, m.Miss = m.Pub, missed(false)
	m.Classes = m.classesOf(false)
	m.NodePattern = nodePattern(c)
	m.PrivatePattern = below + alternatives(m.Scopes) + "/"
}

// classesOf lists the nested locations of public or private packages.
func (m *model) classesOf(private bool) []class {
	pub := regexp.QuoteMeta(m.Pub)
	return classes("^"+pub+namePattern+"/"+versionPattern+"/", "^"+pub+namePattern+"/main/", private)
}

// seconds renders a duration as nginx reads it, rounded up.
func seconds(d time.Duration) string {
	return fmt.Sprintf("%ds", (d+time.Second-1)/time.Second)
}

// file returns how another file of the set is named in an include.
func (m *model) file(name string) string {
	if m.Dir == "" {
		return name
	}
	return path.Join(m.Dir, name)
}

// under returns a path below the internal prefix that no package name can
// take, as it starts with a dot.
func (m *model) under(name string) string { return m.Internal + name }
