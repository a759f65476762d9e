// Bytes and texts.

function bytesOf(data, who) {
  if (typeof data === 'string') return new TextEncoder().encode(data)
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  throw new TypeError(`${who}: neither text nor bytes`)
}

class TextEncoder {
  get encoding() { return 'utf-8' }
  encode(s = '') { return Uint8Array.fromBase64(now('utf8', text(s))) }
}

class TextDecoder {
  #fatal
  #keepMark
  constructor(label = 'utf-8', options = {}) {
    if (!/^\s*(utf-?8|unicode-1-1-utf-8)\s*$/i.test(text(label))) throw new RangeError(`TextDecoder knows utf-8, not ${text(label)}`)
    this.#fatal = !!options.fatal
    this.#keepMark = !!options.ignoreBOM
  }
  get encoding() { return 'utf-8' }
  get fatal() { return this.#fatal }
  get ignoreBOM() { return this.#keepMark }
  decode(data, options) {
    if (options?.stream) throw new TypeError('TextDecoder: streams are not supported')
    if (data === undefined) return ''
    const s = now('text', bytesOf(data, 'TextDecoder').toBase64(), this.#fatal ? 'fatal' : '')
    return !this.#keepMark && s.charCodeAt(0) === 0xfeff ? s.slice(1) : s
  }
}

function named(name, message) { return remade({name, message}) }

function btoa(s) {
  s = text(s)
  const bytes = new Uint8Array(s.length)
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i)
    if (c > 255) throw named('InvalidCharacterError', 'btoa: a character above U+00FF')
    bytes[i] = c
  }
  return bytes.toBase64()
}

function atob(s) {
  s = text(s).replace(/[\t\n\f\r ]/g, '')
  if (s.length % 4 === 0) s = s.replace(/==?$/, '')
  if (s.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(s)) throw named('InvalidCharacterError', 'atob: no base64')
  return binary(Uint8Array.fromBase64(s, {lastChunkHandling: 'loose'}))
}

// binary returns the text in which each byte is one character.
function binary(bytes) {
  let out = ''
  for (let i = 0; i < bytes.length; i += 4096) out += apply(String.fromCharCode, undefined, bytes.subarray(i, i + 4096))
  return out
}

function structuredClone(value) { return cloned(value, new Map()) }

function cloned(v, known) {
  if (typeof v === 'function' || typeof v === 'symbol') throw named('DataCloneError', `${text(v).slice(0, 50)} cannot be cloned`)
  if (!isObject(v)) return v
  if (known.has(v)) return known.get(v)
  const keep = copy => (known.set(v, copy), copy)
  if (v instanceof Date) return keep(new Date(v.getTime()))
  if (v instanceof RegExp) return keep(new RegExp(v.source, v.flags))
  if (v instanceof ArrayBuffer) return keep(v.slice(0))
  if (ArrayBuffer.isView(v)) return keep(clonedView(v, known))
  if (v instanceof Boolean || v instanceof Number || v instanceof String) return keep(Object(v.valueOf()))
  if (v instanceof Map) {
    const m = keep(new Map())
    for (const [k, x] of v) m.set(cloned(k, known), cloned(x, known))
    return m
  }
  if (v instanceof Set) {
    const s = keep(new Set())
    for (const x of v) s.add(cloned(x, known))
    return s
  }
  if (v instanceof Promise || v instanceof WeakMap || v instanceof WeakSet || v instanceof WeakRef) throw named('DataCloneError', `${text(v)} cannot be cloned`)
  if (v instanceof Error) {
    const e = keep(new (hasOwn(errorTypes, v.name) ? errorTypes[v.name] : Error)(v.message))
    if (hasOwn(v, 'cause')) defineProperty(e, 'cause', {value: cloned(v.cause, known), writable: true, configurable: true})
    return e
  }
  const out = keep(isArray(v) ? new Array(v.length) : {})
  for (const k of keysOf(v)) defineProperty(out, k, {value: cloned(v[k], known), writable: true, configurable: true, enumerable: true})
  return out
}

function clonedView(v, known) {
  const buffer = cloned(v.buffer, known)
  if (v instanceof DataView) return new DataView(buffer, v.byteOffset, v.byteLength)
  return new v.constructor(buffer, v.byteOffset, v.length)
}
