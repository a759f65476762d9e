// The subsets "build" and "registry" over the cache that all virtual machines of this module share. Nothing is
// built: a build passes through its phases by the clock, and registers its template at the end.

const phases = ['fetching', 'building', 'registering', 'finished']
let buildTime = 1500

// source reads the URL of a repository on GitHub, with a branch where it has one; null for any other.
function source(text) {
  let url
  try { url = new URL(text) } catch { return null }
  if (url.protocol !== 'https:' || (url.hostname !== 'github.com' && !url.hostname.endsWith('.github.com'))) return null
  const [owner, repo, tree, ...branch] = url.pathname.split('/').filter(Boolean)
  if (!owner || !repo || (tree && (tree !== 'tree' || !branch.length))) return null
  const tail = branch.length ? ['tree', ...branch] : []
  return {
    name: [owner, repo, ...branch].join('-').toLowerCase(),
    'display-name': [owner, repo, ...tail].join('/'),
  }
}

// Each kind of thing is kept under its name, beside a list of the names.
async function put(kind, item) {
  await cache.set(`${kind}:${item.name}`, item)
  const names = await cache.get(kind) ?? []
  if (!names.includes(item.name)) await cache.set(kind, [...names, item.name])
}
const get = (kind, name) => cache.get(`${kind}:${name}`)
async function all(kind) {
  const items = await Promise.all((await cache.get(kind) ?? []).map(name => get(kind, name)))
  return items.filter(Boolean)
}

// progress says how far a build has come by now, and registers the template of one that is done.
async function progress(build) {
  const elapsed = Date.now() - Date.parse(build['start-time'])
  const last = phases.length - 1
  const phase = phases[elapsed >= buildTime ? last : Math.floor(elapsed * last / buildTime)]
  const done = phase === 'finished'
  if (done && !(await get('template', build.name))) await register({name: build.name, 'image-name': build.name, 'image-source': `${build.name}:latest`})
  return {...build, phase, status: done ? 'completed' : 'running'}
}

async function register(template) {
  const now = new Date().toISOString()
  const before = await get('template', template.name)
  const item = {port: 8888, command: [], services: [], ...template, 'time-created': before?.['time-created'] ?? now, 'time-modified': now}
  await put('template', item)
  return item
}

/** @type {Module} */
export default {
  protocol: ['build', 'registry'],
  attach({config}) { buildTime = config.buildTime ?? buildTime },
  makeBinderAPI() {
    return {
      async start(api) {
        const found = source(api.params.repository)
        if (!found) return api._badRepoSource()
        const before = await get('build', found.name)
        if (before && !api.params.force && (await progress(before)).status === 'running') return api._alreadyBuilding()
        const build = {...found, repository: api.params.repository, 'start-time': new Date().toISOString()}
        await put('build', build)
        api._success(build)
      },
      async status(api) {
        const build = await get('build', api.params['image-name'])
        if (!build) return api._noBuildInfo()
        api._success(await progress(build))
      },
      async statusAll(api) {
        const builds = []
        for (const build of await all('build')) builds.push(await progress(build)) // one by one: each may write the list of templates
        api._success(builds)
      },
      async fetch(api) {
        const template = await get('template', api.params['template-name'])
        if (!template) return api._doesNotExist()
        api._success(template)
      },
      async fetchAll(api) { api._success(await all('template')) },
      async register(api) {
        const {template} = api.params
        if (typeof template?.name !== 'string') return api._badDatabase()
        const {name, 'time-created': created, 'time-modified': modified} = await register(template)
        api._success({name, 'time-created': created, 'time-modified': modified})
      },
    }
  },
}
