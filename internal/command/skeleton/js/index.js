// A provider of the packages of one scope, from a server that has a JSON document for each of them:
//
//   {"versions": {"1.0.0": {"tarball": "https://…/tool-1.0.0.tgz", "integrity": "sha512-…"}}}

/** @type {{base: string, scope: string}} */
let config

/** @param {string} name */
async function index(name) {
  const answer = await fetch(`${config.base}/${encodeURIComponent(name)}.json`)
  if (answer.status === 404) return null // known to be absent: the next provider is asked
  if (!answer.ok) throw new Error(`${answer.url} answers ${answer.status}`) // trouble, which nobody remembers
  return answer.json()
}

/** @type {Provider} */
export default {
  attach(ctx) { config = ctx.config },

  check({name}) {
    if (!name.startsWith(config.scope)) deny(403, `only packages of ${config.scope} are here`)
  },

  async resolve({name, spec}) {
    const all = (await index(name))?.versions ?? {}
    const version = semver.maxSatisfying(Object.keys(all), spec === 'latest' ? '*' : spec)
    return version ? {version, url: all[version].tarball, integrity: all[version].integrity} : null
  },

  async versions({name}) {
    const found = await index(name)
    return found && Object.keys(found.versions)
  },
}
