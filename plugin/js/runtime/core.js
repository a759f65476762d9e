// What the daemon calls, and how values and errors cross to it. The files of this directory are one function body: they
// share their names, and whatever plugins do to the built-in objects later, the ones that are taken here stay as they are.
const host = globalThis.__host
delete globalThis.__host

const {parse, stringify} = JSON
const {apply, ownKeys} = Reflect
const {getPrototypeOf, hasOwn, defineProperty, getOwnPropertyDescriptor, create, keys: keysOf} = Object
const isArray = Array.isArray
const Native = Promise
const nativeThen = Promise.prototype.then
const then = (promise, ok, bad) => apply(nativeThen, promise, [ok, bad])
const isObject = v => (typeof v === 'object' && v !== null) || typeof v === 'function'
const text = v => { try { return String(v) } catch { return '[unprintable]' } }
const read = (o, k) => { try { return o[k] } catch { return undefined } }

// expose puts a name of the host API where plugins find it.
function expose(name, value) {
  defineProperty(globalThis, name, {value, writable: true, configurable: true, enumerable: false})
}

// Calls of the daemon that wait: their number to what settles them. begun counts over the life of the machine, so that
// an answer can never meet a later question.
let pending = new Map()
let begun = 0

// ask begins something that the daemon does while the engine rests.
function ask(what, data, keep) {
  return new Native((ok, bad) => {
    const id = ++begun
    if (keep) keep(id)
    host('start', id, what, data === undefined ? '' : stringify(data))
    pending.set(id, {ok, bad})
  })
}

// answer is how the daemon ends what ask began.
function answer(id, ok, data) {
  const p = pending.get(id)
  if (!p) return
  pending.delete(id)
  if (ok) p.ok(data === '' ? undefined : parse(data))
  else p.bad(remade(parse(data)))
}

// now asks the daemon for what it can tell at once. Its texts begin with one letter: what follows is a text, or what to throw.
function now(...args) {
  const r = host(...args)
  if (r[0] === '!') throw remade(parse(r.slice(1)))
  return r.slice(1)
}

const errorTypes = {Error, TypeError, RangeError, SyntaxError, URIError}

// remade turns what the daemon says of an error into one.
function remade({name, message, id}) {
  const e = new (hasOwn(errorTypes, name) ? errorTypes[name] : Error)(message)
  if (name && e.name !== name) defineProperty(e, 'name', {value: name, writable: true, configurable: true})
  if (id) e.id = id
  return e
}

// Refusals whose text was written for clients.
const published = new WeakMap()

class HttpError extends Error {
  constructor(name, message, data) {
    super(message === undefined ? '' : text(message))
    const status = typeof name === 'number' ? name : 0
    this.name = status ? 'HttpError' : text(name)
    if (status) this.status = status
    if (data !== undefined) this.data = data
    published.set(this, status ? '' : this.name)
  }
}

function deny(status, reason) {
  const e = new Error(reason === undefined ? '' : text(reason))
  e.status = status === undefined ? 403 : status
  published.set(e, '')
  throw e
}

function lderror(id, message) {
  const e = new Error(typeof message === 'string' ? message : '')
  e.name = 'lderror'
  e.id = typeof id === 'number' ? id : 0
  return e
}
lderror.reject = (id, message) => Native.reject(lderror(id, message))
lderror.id = e => (isObject(e) && typeof read(e, 'id') === 'number' ? e.id : 0)

const cut = (s, n) => (typeof s === 'string' ? s.slice(0, n) : '')
const number = v => (typeof v === 'number' && Number.isInteger(v) && v > 0 && v < 1e6 ? v : 0)

// told says what was thrown, whatever it is, without running more of its code than has to be.
function told(e) {
  if (!isObject(e)) return {message: cut(text(e), 4096), nil: e === null}
  const out = {id: number(read(e, 'id')) || number(read(e, 'status'))}
  if (published.has(e)) {
    out.name = published.get(e)
    out.public = true
    try { out.data = stringify(read(e, 'data')) } catch { /* no JSON: left out */ }
  } else if (e instanceof Error && !(out.id && read(e, 'name') === 'lderror')) out.name = cut(read(e, 'name'), 256)
  out.message = cut(read(e, 'message'), 4096)
  out.stack = cut(read(e, 'stack'), 16384) + causes(e)
  if (!out.message && !out.name && !out.id) out.message = cut(inspect(e), 1024)
  return out
}

// causes says what is behind an error, and behind that.
function causes(e) {
  let out = ''
  for (let depth = 0; depth < 4 && (e = read(e, 'cause')) !== undefined; depth++) {
    out += `\ncaused by ${cut(text(e), 512).replaceAll('\n', ' ')}\n${isObject(e) ? cut(read(e, 'stack'), 4096) : ''}`
    if (!isObject(e)) break
  }
  return out
}

// inspect is how values look in logs.
function inspect(v) {
  if (typeof v === 'string') return v
  if (typeof v === 'function') return `[function ${text(read(v, 'name'))}]`
  if (!isObject(v)) return typeof v === 'bigint' ? `${v}n` : text(v)
  if (v instanceof Error) return cut(text(v), 4096) + (read(v, 'stack') ? `\n${cut(v.stack, 8192).trimEnd()}` : '') + causes(v)
  const above = []
  try {
    return stringify(v, function (k, x) {
      if (typeof x === 'bigint') return `${x}n`
      if (typeof x === 'function') return `[function ${text(x.name)}]`
      if (!isObject(x)) return x
      if (x instanceof Error) return text(x)
      while (above.length && above[above.length - 1] !== this) above.pop()
      if (above.includes(x)) return '[circular]'
      above.push(x)
      return x
    }) ?? text(v)
  } catch { return text(v) }
}

// The layers of what the plugin offers, the first of which wins and is "this" of its functions.
let layers = []
let factory = null
const roots = new Set([Object.prototype, Function.prototype, Array.prototype])

// load runs the bundle: wrapped is the function around it, api what a plugin gets for the name registryd.
function load(wrapped) {
  const module = {exports: {}}
  apply(wrapped, module.exports, [module, module.exports, api])
  const m = module.exports
  const es = isObject(m) && m.__esModule
  const main = es ? m.default : m
  layers = es ? [main, m].filter(isObject) : [main].filter(isObject)
  factory = typeof main === 'function' ? main : null
  if (!factory && built.length === 1 && !layers.some(l => [...names(l)].some(k => k !== 'manifest'))) layers = [built[0], ...layers]
}

// names lists the properties of a layer, those of its classes included.
function names(layer) {
  const all = new Set()
  for (let o = layer; o && !roots.has(o); o = getPrototypeOf(o)) {
    for (const k of ownKeys(o)) {
      if (typeof k !== 'string' || k === 'constructor') continue
      if (typeof layer === 'function' && !getOwnPropertyDescriptor(o, k)?.enumerable) continue
      all.add(k)
    }
  }
  return all
}

// home returns the layer that has a property.
function home(key) {
  for (const layer of layers) if (offers(layer, key)) return layer
}

function offers(layer, key) {
  if (key === '__esModule' || (key === 'default' && layer.__esModule)) return false
  return names(layer).has(key)
}

// find returns the function of a name that describe gave, or of a hook.
function find(name) {
  const path = name.startsWith('#/') ? name.slice(2).split('/').map(p => p.replaceAll('~1', '/').replaceAll('~0', '~')) : [name]
  let v = home(path[0])
  for (const [i, k] of path.entries()) {
    if (!isObject(v) || (i > 0 && !hasOwn(v, k))) return
    v = v[k]
  }
  return typeof v === 'function' ? v : undefined
}

function attach(ctx) {
  environment = ctx?.config ?? {}
  if (factory) {
    const made = apply(factory, undefined, [ctx])
    if (isObject(made) && typeof made.then === 'function') {
      const late = Native.resolve(made)
      then(late, () => {}, () => {})
      throw new TypeError('the exported function is asynchronous; make its attach hook so instead')
    }
    if (isObject(made)) layers = [made, ...layers.filter(l => l !== made)]
  }
  const hook = find('attach')
  if (hook) return apply(hook, layers[0], [ctx])
}

function detach() {
  const hook = find('detach')
  if (hook) return apply(hook, layers[0], [])
}

// serial tells calls apart: what an earlier one began may be settled by a later one, and says nothing then.
let serial = 0

// call begins a call; done or failed tell how it ended.
function call(name, args, max) {
  const mine = ++serial
  const silent = name === 'attach' || name === 'detach'
  try {
    const fn = silent ? null : hasOwn(reserved, name) ? reserved[name] : find(name)
    if (!silent && !fn) return host('done', 'absent', '')
    const list = parse(args)
    const r = silent ? (name === 'attach' ? attach : detach)(...list) : apply(fn, layers[0], list)
    then(new Native(ok => ok(r)), v => { if (mine === serial) done(silent ? undefined : v, max) }, e => { if (mine === serial) failed(e) })
  } catch (e) { failed(e) }
}

function done(v, max) {
  let json
  try { json = stringify(v) } catch (e) { return failed(e) }
  if (json === undefined) host('done', 'nothing', '')
  else if (json.length > max) host('done', 'large', '')
  else host('done', 'value', json)
}

function failed(e) { host('done', 'thrown', stringify(told(e))) }

// end forgets what a call began and did not wait for.
function end() {
  serial++
  pending = new Map()
  timers = new Map()
}

// dispatch is all that the daemon calls.
function dispatch(what, a, b, c) {
  switch (what) {
    case 'call': return call(a, b, c)
    case 'answer': return answer(a, b, c)
    case 'describe': return describe(a)
    case 'load': return load(a)
    case 'end': return end()
  }
}
