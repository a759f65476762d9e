// Projects on GitLab as packages: @owner/project, its tags as versions, v1.2.3 and 1.2.3 both. GitLab packs an archive
// on request and publishes no digest of it, so a release is held to what its files were at first.

interface Tag { name: string }

let base: string
let headers: Record<string, string> = {}

const project = (name: string) => `${base}/projects/${encodeURIComponent(name.slice(1))}`
const archive = (name: string, tag: string) => `${project(name)}/repository/archive.tar.gz?sha=${encodeURIComponent(tag)}`

/** The tags that are versions: version to tag. */
async function tags(name: string): Promise<Record<string, string> | null> {
  const held = await cache.get(name)
  if (held) return held
  const found: Record<string, string> = {}
  for (let page = '1'; page !== ''; ) {
    const answer = await fetch(`${project(name)}/repository/tags?per_page=100&page=${page}`, { headers })
    if (answer.status === 404) return null
    if (!answer.ok) throw new Error(`GitLab answers ${answer.status}`)
    for (const tag of await answer.json() as Tag[]) {
      const version = semver.valid(tag.name)
      if (version) found[version] ??= tag.name
    }
    page = answer.headers.get('x-next-page') ?? ''
  }
  await cache.set(name, found, { ttl: 60_000 })
  return found
}

const gitlab: Provider = {
  attach(ctx) {
    base = ctx.config.base
    if (ctx.secrets.GITLAB_TOKEN) headers = { 'private-token': ctx.secrets.GITLAB_TOKEN }
  },

  async versions({ name }) {
    const found = await tags(name)
    return found && Object.keys(found)
  },

  async resolve({ name, spec }) {
    const found = await tags(name) ?? {}
    const version = semver.maxSatisfying(Object.keys(found), spec === 'latest' ? '*' : spec)
    return version ? { version, url: archive(name, found[version]), generated: true } : null
  },

  fetch({ url }) { return { url: url!, headers } },
}

export default gitlab
