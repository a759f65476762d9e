package plugin_test

import (
	"fmt"
	"net/http"
	"testing"

	core "github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
	"github.com/registryd/registryd/plugin/plugintest"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/plugin"
	"github.com/registryd/registryd/provider/providertest"
)

// native is a provider as its author writes it.
const native = `
let base
async function document(name) {
  const r = await fetch(base + '/' + name.replace('/', '%2f'))
  if (r.status === 404) return null
  if (r.status !== 200) throw new Error('the registry answers ' + r.status)
  return r.json()
}
export default {
  attach(ctx) { base = ctx.config.base },
  async resolve({name, spec}) {
    const doc = await document(name), dist = doc?.versions[spec]?.dist
    return dist ? {version: spec, url: dist.tarball, integrity: dist.integrity} : null
  },
  async versions({name}) {
    const doc = await document(name)
    return doc && {versions: Object.keys(doc.versions), tags: doc['dist-tags']}
  },
}
`

// old is the same in the manner of the predecessor.
const old = `
const find = (name) => fetch(module.exports.base + '/' + name.replace('/', '%2f')).then(r => r.status === 404
  ? lderror.reject(404) : r.status !== 200 ? Promise.reject(new Error('status ' + r.status)) : r.json())
module.exports = {
  name: 'acme', opt: {},
  attach: function(ctx) { module.exports.base = ctx.config.base },
  fetchRealVersion: function(o) {
    return find(o.name).then(r => {
      const dist = (r.versions[o.version] || {}).dist
      return dist ? {version: o.version, url: dist.tarball, integrity: dist.integrity} : lderror.reject(404)
    })
  },
  fetchVersionList: function(o) { return find(o.name).then(r => ({versions: Object.keys(r.versions), tags: r['dist-tags']})) },
}
`

// scripted installs a JavaScript plugin over a registry.
func scripted(t *testing.T, code, registry string) provider.Provider {
	t.Helper()
	dir := t.TempDir()
	// The limit of time is for busy machines and the race detector.
	manifest := fmt.Sprintf("kind: provider\nmain: index.js\ncapabilities: {http: [%q]}\nconfig: {base: %q}\nlimits: {cpu: 10s, wall: 60s, queue: 60s, instances: {min: 1, max: 4}}\n", registry, registry)
	plugintest.Write(t, dir, map[string]string{"acme/plugin.yaml": manifest, "acme/index.js": code})
	m := loaded(t, dir, map[string]core.Engine{core.EngineJS: &js.Engine{}})
	return plugin.New(plugin.Config{Manager: m, Plugin: "acme"}, m.Loaded()[0].Offers)
}

// The same suite once more, by JavaScript in the daemon.
func TestProvider_JavaScript_PG6(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{"native": native, "of the predecessor": old} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Fixture{
				NoTimes: true,
				New: func(t *testing.T, packages []providertest.Package) provider.Provider {
					return scripted(t, code, providertest.NewRegistry(t, packages...).URL())
				},
				Failing: func(t *testing.T, packages []providertest.Package) provider.Provider {
					g := providertest.NewRegistry(t, packages...)
					g.Fault(providertest.Any, "", providertest.Fault{Status: http.StatusInternalServerError})
					return scripted(t, code, g.URL())
				},
			})
		})
	}
}
