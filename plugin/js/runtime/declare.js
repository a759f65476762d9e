// Modules: which operations the code declares. Each has a key, by which the daemon names it in calls.

let environment = {}
const operations = new Map()
const applications = []
const isHandler = v => typeof v === 'function'

// names of exports that are no offers to other modules
const moduleNames = new Set(['attach', 'detach', 'selftest', 'manifest', 'operations', 'protocol', 'makeBinderAPI', '_makeBinderAPI',
  'makeOtherRoutes', '_makeOtherRoutes', 'configurations', 'environment', 'createResponseCallback', 'createOperation', 'default'])

function exported(name) {
  const layer = home(name)
  return layer && layer[name]
}

// declare lists the operations for the daemon.
function declare() {
  operations.clear()
  const found = new Map()
  for (const layer of layers) for (const k of names(layer)) if (k.startsWith('/') && offers(layer, k) && !found.has(k)) found.set(k, {v: layer[k], app: null})
  for (const app of applications) for (const k of keysOf(app.operations)) found.set(k.startsWith('/') ? k : `/${k}`, {v: app.operations[k], app})
  overrides(exported('configurations'), found, null)
  for (const app of applications) overrides(app.configurations, found, app)
  const list = []
  for (const [k, {v, app}] of found) add(list, k, replaced(k, v, app), app, false)
  const native = exported('operations')
  if (isObject(native)) for (const k of keysOf(native)) add(list, k, native[k], null, true)
  protocols(list)
  return {operations: list, functions: offered(true), values: offered(false)}
}

// overrides applies what a configuration of the environment says in place of the operations.
function overrides(all, found, app) {
  const name = (app?.environment ?? environment).NODE_ENV ?? 'development'
  const own = isObject(all) ? all[name] : undefined
  const map = isHandler(own) ? (apply(own, app ?? {}, []), {}) : own ?? {}
  for (const k of keysOf(map)) found.set(k.startsWith('/') ? k : `/${k}`, {v: map[k], app})
}

// replaced asks the operation provider for what is bound to a URL.
function replaced(url, v, app) {
  const provide = app ? hasOwn(app, 'createOperation') && app.createOperation : exported('createOperation')
  return isHandler(provide) ? apply(provide, app ?? {}, [url, v]) ?? v : v
}

function add(list, key, v, app, native) {
  const entry = {key, app, native, value: v}
  if (typeof v === 'string') entry.kind = 'static'
  else if (isHandler(v)) {
    entry.kind = 'raw'
    entry.raw = v
  } else if (isObject(v) && isHandler(v.createOperation)) {
    entry.kind = 'raw'
    entry.raw = v.createOperation()
    if (!entry.raw) return // it has no route
  } else if (isObject(v) && (isHandler(v.handler) || (native && isObject(v.handler)))) entry.kind = 'declared'
  else if (isObject(v) && (v.static !== undefined || typeof v.path === 'string')) entry.kind = 'static'
  else throw new TypeError(`${key} is no operation: a directory, a function, or an object with a handler is one`)
  operations.set(key, entry)
  list.push({key, kind: entry.kind, functions: functionsOf(entry), declaration: declarationOf(entry)})
}

// declarationOf says in JSON what is declared.
function declarationOf({kind, value, raw}) {
  const state = {left: maxValues, above: []}
  if (kind === 'raw') {
    const method = isHandler(value) ? value.method : value.method ?? raw.method
    return plain({method, description: value.description, middleware: value.middleware ?? raw.middleware}, '#', state)
  }
  if (kind === 'static') {
    if (typeof value === 'string') return value
    return {handler: {static: text(value.static ?? value.path), maxAge: value.maxAge}, description: value.description}
  }
  return plain(value, '#', state)
}

// functionsOf says which parts of an operation are code.
function functionsOf({value, raw}) {
  const of = isObject(value) ? value : {}
  const middleware = [of.middleware ?? raw?.middleware ?? []].flat()
  const deserialize = keysOf(isObject(of.params) ? of.params : {}).filter(k => isHandler(of.params[k]?.deserialize))
  return {middleware: middleware.some(isHandler), deserialize, appraise: isHandler(of.longRunning?.appraise)}
}

// offered lists what other modules may use.
function offered(functions) {
  const out = functions ? [] : {}
  for (const layer of layers) for (const k of names(layer)) {
    if (moduleNames.has(k) || k.startsWith('/') || !offers(layer, k)) continue
    const v = layer[k]
    if (isHandler(v)) functions && !out.includes(k) && out.push(k)
    else if (!functions && !hasOwn(out, k)) put(out, k, plain(v, '#', {left: maxValues, above: []}))
  }
  return out
}

// Protocols: the handlers of the subsets that the module names.
let protocolHandlers = null

function protocols(list) {
  const wanted = exported('protocol')
  const make = exported('makeBinderAPI') ?? exported('_makeBinderAPI')
  if (make && wanted !== undefined) {
    protocolHandlers = apply(make, layers[0], [])
    list.push({kind: 'protocol', subsets: [wanted].flat().map(text), handlers: keysOf(protocolHandlers).filter(k => isHandler(protocolHandlers[k]))})
  }
  const other = exported('makeOtherRoutes') ?? exported('_makeOtherRoutes')
  if (other) apply(other, layers[0], [routesOf(list), authHandler])
}

const authHandler = Symbol('the API key is asked for by the daemon')

// routesOf is what a module adds routes of its own to.
function routesOf(list) {
  const app = {}
  for (const method of ['get', 'post', 'put', 'delete', 'patch']) {
    app[method] = (path, ...handlers) => {
      const fns = handlers.flat()
      const key = `${method} ${path}`
      const run = fns.filter(isHandler)
      const raw = run.pop()
      operations.set(key, {key, kind: 'raw', raw, value: {middleware: run}})
      list.push({key, kind: 'raw', functions: {middleware: run.length > 0, deserialize: []}, declaration: {path, method, auth: fns.includes(authHandler) ? 'key' : 'none'}})
    }
  }
  return app
}
