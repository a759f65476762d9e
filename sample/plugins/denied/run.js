// A gate as a process of its own, in Node and with nothing beside it: it refuses what stands in denied.txt, and reads
// that file when it changed, which a plugin in the daemon could not.
'use strict'
const fs = require('node:fs')
const http = require('node:http')

let seen = 0
let denied = new Set()

/** The list, as the file has it now. */
function list() {
  const changed = fs.statSync('denied.txt').mtimeMs
  if (changed !== seen) {
    const lines = fs.readFileSync('denied.txt', 'utf8').split('\n')
    denied = new Set(lines.map(line => line.trim()).filter(line => line && !line.startsWith('#')))
    seen = changed
    console.log(`${denied.size} lines in denied.txt`)
  }
  return denied
}

const hooks = {
  check({name, version}) {
    const all = list()
    if (!all.has(name) && !all.has(`${name}@${version}`)) return
    throw Object.assign(new Error(`${name} is on the list of this site`), {id: 403, public: true})
  },
  attach() { list() },
  detach() {},
}

async function args(request) {
  let text = ''
  for await (const part of request) text += part
  return text ? JSON.parse(text).args : []
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
    answer(200, {result: await hooks[hook](...await args(request))})
  } catch (e) {
    answer(500, {error: {id: e.id, name: e.public ? '' : e.name, message: e.message, stack: e.stack, public: e.public}})
  }
}).listen(process.env.REGISTRYD_PLUGIN_SOCKET)

// The daemon is gone when nobody holds the other end any more.
process.stdin.on('end', () => process.exit(0)).resume()
