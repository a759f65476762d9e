package npm

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// maxNPMRC is how much of an .npmrc file is read, in bytes.
const maxNPMRC = 1 << 20

// Settings are what npm itself is configured with, as far as it matters here.
// The zero value is no configuration. Immutable; it shows no secrets when it
// is printed or logged.
type Settings struct {
	Registry string            // base URL; "" if none is configured
	Scopes   map[string]string // "@scope" → base URL
	CAFile   string            // PEM file; "" if none
	// Proxy and HTTPSProxy are the URLs of proxies for http and https; "" if
	// none. They may hold a password.
	Proxy, HTTPSProxy string
	NoProxy           string   // hosts that are asked directly, separated by commas
	Files             []string // that were read, the strongest first

	auth map[string]secret // the Authorization header's value by place
}

// SettingsOptions say where ReadSettings looks.
type SettingsOptions struct {
	Dir  string                      // of the project's .npmrc; "" has none
	Home string                      // of the user's .npmrc; "" has none
	Env  func(string) (string, bool) // nil: os.LookupEnv
	// Global are candidates for the global file, of which the first that
	// exists counts; nil: npm_config_globalconfig, <npm_config_prefix>/etc/npmrc
	// and what belongs to the npm that is on PATH.
	Global []string
}

// ReadSettings reads what npm would: the environment (npm_config_registry and
// its like, in lower or upper case), then the project's, the user's and the
// global file; the first that says something counts. Missing files are no
// error. Errors: plain ones, for files that cannot be read; the rest of the
// settings is returned with them.
func ReadSettings(o SettingsOptions) (Settings, error) {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	s := Settings{Scopes: make(map[string]string), auth: make(map[string]secret)}
	for _, key := range []string{"registry", "cafile", "proxy", "https-proxy", "noproxy"} {
		if value, ok := npmEnv(o.Env, key); ok {
			s.set(key, value)
		}
	}
	var problems []error
	for _, file := range o.files() {
		text, err := readFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("npm's configuration: %w", err))
			continue
		}
		s.Files = append(s.Files, file)
		s.apply(parseNPMRC(text, o.Env))
	}
	return s, errors.Join(problems...)
}

// npmEnv looks up npm's variable for a key.
func npmEnv(env func(string) (string, bool), key string) (string, bool) {
	name := "npm_config_" + strings.ReplaceAll(key, "-", "_")
	for _, n := range []string{name, strings.ToUpper(name)} {
		if value, ok := env(n); ok && value != "" {
			return value, true
		}
	}
	return "", false
}

// files returns the files to read, the strongest first.
func (o *SettingsOptions) files() []string {
	var files []string
	if o.Dir != "" {
		files = append(files, filepath.Join(o.Dir, ".npmrc"))
	}
	if user, ok := npmEnv(o.Env, "userconfig"); ok {
		files = append(files, user)
	} else if o.Home != "" {
		files = append(files, filepath.Join(o.Home, ".npmrc"))
	}
	global := o.Global
	if global == nil {
		global = globalFiles(o.Env)
	}
	for _, file := range global {
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
			break
		}
	}
	for i, file := range files {
		if slices.Contains(files[:i], file) {
			return slices.Delete(files, i, i+1) // the project is the home
		}
	}
	return files
}

// globalFiles are the places of the global file that can be known without
// asking npm.
func globalFiles(env func(string) (string, bool)) []string {
	if file, ok := npmEnv(env, "globalconfig"); ok {
		return []string{file}
	}
	if prefix, ok := npmEnv(env, "prefix"); ok {
		return []string{filepath.Join(prefix, "etc", "npmrc")}
	}
	program, err := exec.LookPath("npm")
	if err != nil {
		return nil
	}
	return []string{filepath.Join(filepath.Dir(filepath.Dir(program)), "etc", "npmrc")}
}

func readFile(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxNPMRC {
		return "", fmt.Errorf("%s: no regular file of at most %d bytes", name, maxNPMRC)
	}
	b, err := os.ReadFile(name)
	return string(b), err
}

// apply takes over the pairs of one file. Within a file the last pair of a key
// counts; what a stronger place has set stays.
func (s *Settings) apply(pairs []pair) {
	last := make(map[string]string, len(pairs))
	for _, p := range pairs {
		last[p.key] = p.value
	}
	for _, key := range slices.Sorted(maps.Keys(last)) {
		s.set(key, last[key])
	}
	for place, value := range authOf(last) {
		if _, ok := s.auth[place]; !ok {
			s.auth[place] = value
		}
	}
}

// set takes over one value unless it is set.
func (s *Settings) set(key, value string) {
	if value == "" || value == "null" {
		return
	}
	field := map[string]*string{
		"registry":    &s.Registry,
		"cafile":      &s.CAFile,
		"proxy":       &s.Proxy,
		"http-proxy":  &s.Proxy,
		"https-proxy": &s.HTTPSProxy,
		"noproxy":     &s.NoProxy,
	}[key]
	if scope, ok := strings.CutSuffix(key, ":registry"); ok && strings.HasPrefix(scope, "@") {
		if s.Scopes[scope] == "" {
			s.Scopes[scope] = value
		}
		return
	}
	if field != nil && *field == "" {
		*field = value
	}
}

// authOf collects the credentials of one file by place. A token goes before
// _auth, and that before a user's name and password. A value with a variable
// that is not set is none.
func authOf(values map[string]string) map[string]secret {
	auth := make(map[string]secret)
	for key := range values {
		place, field, ok := cutPlace(key)
		if !ok {
			continue
		}
		switch field {
		case "_authToken", "_auth", "username", "_password":
			if v, ok := authAt(values, place); ok {
				auth[cleanPlace(place)] = v
			}
		}
	}
	return auth
}

// cutPlace splits "//host/path/:_authToken" into place and field.
func cutPlace(key string) (place, field string, ok bool) {
	i := strings.LastIndexByte(key, ':')
	if i < 0 || !strings.HasPrefix(key, "//") {
		return "", "", false
	}
	return key[:i], key[i+1:], true
}

func authAt(values map[string]string, place string) (secret, bool) {
	get := func(field string) string {
		if v := values[place+":"+field]; !strings.Contains(v, "${") {
			return v
		}
		return ""
	}
	if token := get("_authToken"); token != "" {
		return bearer(token), true
	}
	if auth := get("_auth"); auth != "" {
		return secret("Basic " + auth), true
	}
	password, err := base64.StdEncoding.DecodeString(get("_password"))
	if user := get("username"); user != "" && len(password) > 0 && err == nil {
		return basic(user, string(password)), true
	}
	return "", false
}

// cleanPlace writes a place as the places of URLs are written.
func cleanPlace(place string) string {
	host, path, _ := strings.Cut(strings.TrimPrefix(place, "//"), "/")
	if path != "" && !strings.HasSuffix(path, "/") {
		path += "/"
	}
	return "//" + strings.ToLower(host) + "/" + path
}

// String tells what was found, without secrets.
func (s Settings) String() string {
	return fmt.Sprintf("registry %q, scopes %q, credentials for %q, from %q",
		shown(s.Registry), s.shownScopes(), slices.Sorted(maps.Keys(s.auth)), s.Files)
}

// GoString is String, for secrets hide from %#v too.
func (s Settings) GoString() string { return s.String() }

// LogValue is String for slog.
func (s Settings) LogValue() slog.Value { return slog.StringValue(s.String()) }

func (s Settings) shownScopes() []string {
	var scopes []string
	for scope, registry := range s.Scopes {
		scopes = append(scopes, scope+"="+shown(registry))
	}
	slices.Sort(scopes)
	return scopes
}

// shown is a URL without user info, or the admission that it is none.
func shown(registry string) string {
	if registry == "" {
		return ""
	}
	u, err := parseRegistry(registry)
	if err != nil {
		return "(malformed)"
	}
	return withoutUser(u).String()
}
