// What a plugin offers, as JSON.

const constructors = new Map([[String, 'String'], [Number, 'Number'], [Boolean, 'Boolean'], [Date, 'Date'],
  [Object, 'Object'], [Array, 'Array'], [RegExp, 'RegExp']])
const maxDepth = 64
const maxValues = 100_000

// describe tells the daemon the hooks and everything else that is exported.
function describe(max) {
  try {
    const hooks = [], exports = create(null), state = {left: maxValues, above: []}
    const seen = new Set()
    for (const layer of layers) {
      for (const k of names(layer)) {
        if (seen.has(k) || !offers(layer, k)) continue
        seen.add(k)
        const v = at(layer, k, k)
        if (typeof v === 'function') hooks.push(k)
        else put(exports, k, plain(v, `#/${escaped(k)}`, state))
      }
    }
    hooks.sort()
    done({hooks, exports: keysOf(exports).length ? exports : undefined}, max)
  } catch (e) { failed(e) }
}

const escaped = k => k.replaceAll('~', '~0').replaceAll('/', '~1')

function put(object, k, v) { if (v !== undefined) object[k] = v }

// at reads a property, and says which one it was that could not be read.
function at(o, k, path) {
  try { return o[k] } catch (e) {
    throw new TypeError(`reading the export ${path} failed: ${cut(text(e), 1024)}`)
  }
}

// plain returns what JSON can say of a value; undefined for nothing.
function plain(v, path, state) {
  if (--state.left < 0 || state.above.length > maxDepth) throw new RangeError(`the exports are too large or too deep, at ${cut(path, 200)}`)
  switch (typeof v) {
    case 'string': case 'boolean': return v
    case 'number': return Number.isFinite(v) ? v : null
    case 'function': case 'object': break
    default: return undefined
  }
  if (v === null) return null
  if (v instanceof RegExp) return v.flags ? {$regexp: v.source, flags: v.flags} : {$regexp: v.source}
  if (v instanceof Date) return Number.isNaN(v.getTime()) ? null : v.toISOString()
  if (v === JSON) return {$builtin: 'JSON'}
  if (state.above.includes(v)) return undefined
  state.above.push(v)
  const out = isArray(v) ? list(v, path, state) : members(v, path, state)
  state.above.pop()
  return out
}

function list(v, path, state) {
  const out = []
  for (let i = 0; i < v.length; i++) out.push(plain(at(v, i, `${path}/${i}`), `${path}/${i}`, state) ?? null)
  return out
}

function members(v, path, state) {
  const out = create(null)
  if (typeof v === 'function') {
    out.$func = path
    if (constructors.has(v)) return (out.$builtin = constructors.get(v), out)
  }
  for (const k of keysOf(v)) put(out, k, plain(at(v, k, `${path}/${k}`), `${path}/${escaped(k)}`, state))
  return out
}
