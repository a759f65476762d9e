// A provider of the packages of one scope, as a program of its own: it answers HTTP on the socket that the daemon names,
// and ends when its standard input does. It needs nothing but Node.
'use strict'
const http = require('node:http')

let config = {}

/** A refusal that clients may read: 403 denied, 404 not found, 998 declined. */
const refuse = (id, message) => Object.assign(new Error(message), {id, public: true})

const hooks = {
  attach(ctx) { config = ctx.config },

  check({name}) {
    if (!name.startsWith(config.scope)) throw refuse(403, `only packages of ${config.scope} are here`)
  },

  // An exact version, "latest", a range or a tag; null: not found, the next provider is asked.
  async resolve({name, spec}) {
    const found = await index(name)
    const it = found?.versions[spec]
    return it ? {version: spec, url: it.tarball, integrity: it.integrity} : null
  },

  async versions({name}) {
    const found = await index(name)
    return found && Object.keys(found.versions)
  },

  detach() {},
}

async function index(name) {
  const answer = await fetch(`${config.base}/${encodeURIComponent(name)}.json`)
  if (answer.status === 404) return null
  if (!answer.ok) throw new Error(`${answer.url} answers ${answer.status}`)
  return answer.json()
}

async function body(request) {
  let text = ''
  for await (const part of request) text += part
  return text ? JSON.parse(text) : {}
}

http.createServer(async (request, response) => {
  const answer = (status, value) => {
    response.writeHead(status, {'content-type': 'application/json'})
    response.end(JSON.stringify(value))
  }
  const hook = request.url.replace('/v1/', '')
  if (hook === 'describe') return answer(200, {hooks: Object.keys(hooks)})
  if (!Object.hasOwn(hooks, hook)) return answer(404, {})
  try {
    const {args = []} = await body(request)
    answer(200, {result: await hooks[hook](...args)})
  } catch (e) {
    const {id, name, message, stack, public: open} = e
    answer(500, {error: {id, name: open ? '' : name, message, stack, public: open}})
  }
}).listen(process.env.REGISTRYD_PLUGIN_SOCKET)

process.stdin.on('end', () => process.exit(0)).resume()
