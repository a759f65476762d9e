// The names that plugins use, apart from those of the web.

const levels = ['debug', 'info', 'warn', 'error']
const log = {}
const console = {}
const say = level => (...args) => { host('log', level, args.map(inspect).join(' ')) }
for (const l of levels) log[l] = console[l] = say(l)
console.log = console.dir = say('info')
console.trace = say('debug')

const cache = {
  get(key) { return ask('cache.get', {key: text(key)}) },
  set(key, value, options) {
    const json = stringify(value)
    if (json === undefined) throw new TypeError('cache.set: the value is no JSON')
    const ttl = options?.ttl
    if (ttl !== undefined && !(typeof ttl === 'number' && ttl >= 0)) throw new TypeError('cache.set: ttl is a number of milliseconds')
    return ask('cache.set', {key: text(key), value: json, ttl: Math.min(ttl ?? 0, 864e5)})
  },
  delete(key) { return ask('cache.delete', {key: text(key)}) },
}

const semver = {}
for (const name of ['valid', 'clean', 'validRange', 'satisfies', 'maxSatisfying', 'minSatisfying', 'minVersion', 'intersects',
  'compare', 'rcompare', 'compareBuild', 'gt', 'gte', 'lt', 'lte', 'eq', 'neq', 'major', 'minor', 'patch', 'prerelease',
  'sort', 'rsort', 'coerce']) {
  semver[name] = (...args) => parse(now('semver', name, stringify(args)))
}

const sri = {
  verify(integrity, data) { return now('sri', text(integrity), bytesOf(data, 'sri.verify').toBase64()) === 'true' },
}

const hostApi = {
  open(url, init) { return ask('open', request(url, init)) },
}

const crypto = {
  randomUUID() {
    const b = Uint8Array.fromBase64(now('random', 16))
    b[6] = (b[6] & 0x0f) | 0x40
    b[8] = (b[8] & 0x3f) | 0x80
    const h = b.toHex()
    return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`
  },
  getRandomValues(array) {
    if (!ArrayBuffer.isView(array) || array.byteLength > 65536) throw new TypeError('getRandomValues: a typed array of at most 65536 bytes')
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(Uint8Array.fromBase64(now('random', array.byteLength)))
    return array
  },
}

// Timers: their number to when they are due and what they run.
let timers = new Map()

function timer(fn, ms, args, again) {
  if (typeof fn !== 'function') throw new TypeError('a timer runs a function')
  if (timers.size >= 900) throw new RangeError('more than 900 timers at a time')
  const pause = Math.min(Math.max(Number(ms) || 0, again ? 1 : 0), 2 ** 31 - 1)
  const entry = {id: 0, wait: 0, due: 0, run}
  function begin() {
    entry.due = Math.max(Date.now(), entry.due) + pause // a clock that is set back must not let it run for ever
    const waiting = ask('timer', {ms: pause}, n => { entry.wait = n })
    const n = entry.wait
    then(waiting, () => { if (entry.wait === n) ended(entry) }, () => {})
  }
  function run() {
    if (again) begin()
    else timers.delete(entry.id)
    try { apply(fn, undefined, args) } catch (e) { uncaught(e) }
  }
  begin()
  entry.id = entry.wait
  timers.set(entry.id, entry)
  return entry.id
}

// ended runs a timer. Several that end together are told of in any order: those that were due before it come first, each
// with what it resolves.
function ended(entry) {
  if (timers.get(entry.id) !== entry) return
  let first = entry
  for (const e of timers.values()) if (e.due < first.due || (e.due === first.due && e.id < first.id)) first = e
  first.run()
  if (first !== entry) then(Native.resolve(), () => ended(entry))
}

function clear(id) {
  const entry = timers.get(id)
  if (!entry) return
  timers.delete(id)
  pending.delete(entry.wait)
  host('cancel', entry.wait)
}

function uncaught(e) { host('log', 'error', `uncaught: ${inspect(e)}`) }

function queueMicrotask(fn) {
  if (typeof fn !== 'function') throw new TypeError('queueMicrotask: no function')
  then(Native.resolve(), () => { try { fn() } catch (e) { uncaught(e) } })
}

// built are the providers that exist. A file that exports nothing means the one that it made: the predecessor's programs
// hand theirs to a route instead.
const built = []

// provider makes the object of a provider as the predecessor's class did.
class provider {
  constructor(options = {}) {
    for (const k of keysOf(options)) if (k !== 'chain') this[k] = options[k]
    this.opt ??= {}
    if (options.chain) this.chain(options.chain)
    built.push(this)
  }
  // chain says which default providers come next. They do in any case: the daemon asks them in the order of its
  // configuration when this one answers null or rejects with 404.
  chain(next) {
    for (const p of isArray(next) ? next : [next]) {
      if (!defaults.has(p)) throw new TypeError('only default providers can be chained; give others a file of their own')
    }
    return this
  }
  static get(name) { return hasOwn(provider, name) ? provider[name] : undefined }
}
const defaults = new Set()
for (const name of ['npm', 'github', 'jsdelivr']) {
  provider[name] = Object.freeze({name})
  defaults.add(provider[name])
}

const shared = {log, console, cache, semver, sri, host: hostApi, crypto, deny, HttpError, lderror, queueMicrotask, fetch,
  setTimeout: (fn, ms, ...args) => timer(fn, ms, args, false), setInterval: (fn, ms, ...args) => timer(fn, ms, args, true),
  clearTimeout: clear, clearInterval: clear, atob, btoa, structuredClone,
  URL, URLSearchParams, TextEncoder, TextDecoder, Headers, Response, AbortController, AbortSignal}
for (const name of keysOf(shared)) expose(name, shared[name])
// What is imported is the class itself, as with the predecessor: new registry(…), registry.provider.npm.
const api = Object.assign(provider, shared, {provider, webpoints}, webpoints)
return dispatch
