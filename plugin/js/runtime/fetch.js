// fetch, and what belongs to it.

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

class Headers {
  #map = new Map()
  constructor(init) {
    if (init === undefined || init === null) return
    const pairs = typeof init[Symbol.iterator] === 'function' ? init : keysOf(init).map(k => [k, init[k]])
    for (const [k, v] of pairs) this.append(k, v)
  }
  #name(name) {
    name = text(name)
    if (!token.test(name)) throw new TypeError(`no name of a header: ${name.slice(0, 50)}`)
    return name.toLowerCase()
  }
  #value(value) {
    value = text(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')
    if (/[\0\n\r]/.test(value)) throw new TypeError('a header has a line break in it')
    return value
  }
  append(name, value) {
    const k = this.#name(name), v = this.#value(value)
    this.#map.set(k, this.#map.has(k) ? `${this.#map.get(k)}, ${v}` : v)
  }
  set(name, value) { this.#map.set(this.#name(name), this.#value(value)) }
  get(name) { return this.#map.get(this.#name(name)) ?? null }
  has(name) { return this.#map.has(this.#name(name)) }
  delete(name) { this.#map.delete(this.#name(name)) }
  forEach(fn, self) { for (const [k, v] of this) apply(fn, self, [v, k, this]) }
  entries() { return [...this.#map].sort((a, b) => (a[0] < b[0] ? -1 : 1)).values() }
  keys() { return this.entries().map(e => e[0]) }
  values() { return this.entries().map(e => e[1]) }
  [Symbol.iterator]() { return this.entries() }
}

const made = Symbol('made by fetch')

class Response {
  #body
  #used = false
  constructor(key, r, body) {
    if (key !== made) throw new TypeError('only fetch makes responses')
    this.status = r.status
    this.ok = r.status >= 200 && r.status <= 299
    this.statusText = r.statusText
    this.url = r.url
    this.headers = new Headers(r.headers)
    this.#body = body
  }
  get bodyUsed() { return this.#used }
  #take(form) {
    if (this.#used) throw new TypeError('the body was read already')
    this.#used = true
    return now('body', this.#body, form)
  }
  async text() {
    const s = this.#take('text')
    return s.charCodeAt(0) === 0xfeff ? s.slice(1) : s
  }
  async json() { return parse(await this.text()) }
  async bytes() { return Uint8Array.fromBase64(this.#take('base64')) }
  async arrayBuffer() { return (await this.bytes()).buffer }
}

// request turns the arguments of fetch into what the daemon wants to know.
function request(url, init = {}) {
  const headers = new Headers(init?.headers)
  const r = {url: url instanceof URL ? url.href : text(url), method: text(init?.method ?? 'GET').toUpperCase()}
  if (!token.test(r.method) || /^(CONNECT|TRACE|TRACK)$/.test(r.method)) throw new TypeError(`fetch: the method ${r.method.slice(0, 20)} is not for plugins`)
  const body = init?.body
  if (body !== undefined && body !== null) {
    if (r.method === 'GET' || r.method === 'HEAD') throw new TypeError(`a ${r.method} request has no body`)
    const form = body instanceof URLSearchParams
    r.body = bytesOf(form ? body.toString() : body, 'fetch').toBase64()
    if (!headers.has('content-type')) {
      if (form) headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8')
      else if (typeof body === 'string') headers.set('content-type', 'text/plain;charset=UTF-8')
    }
  }
  r.headers = [...headers]
  return r
}

async function fetch(url, init) {
  const r = request(url, init)
  const signal = init?.signal
  signal?.throwIfAborted()
  let id, stop
  const answered = ask('fetch', r, n => { id = n })
  if (!signal) return new Response(made, await answered, id)
  const stopped = new Native((_, bad) => {
    stop = () => { pending.delete(id); host('cancel', id); bad(signal.reason) }
    signal.addEventListener('abort', stop)
  })
  try {
    return new Response(made, await Native.race([answered, stopped]), id)
  } finally { signal.removeEventListener('abort', stop) }
}

let abort

class AbortSignal {
  #reason
  #aborted = false
  #listeners = new Set()
  onabort = null
  static { abort = (s, reason) => s.#abort(reason) }
  get aborted() { return this.#aborted }
  get reason() { return this.#reason }
  addEventListener(type, fn) { if (type === 'abort') this.#listeners.add(fn) }
  removeEventListener(type, fn) { if (type === 'abort') this.#listeners.delete(fn) }
  throwIfAborted() { if (this.#aborted) throw this.#reason }
  #abort(reason = named('AbortError', 'the request was aborted')) {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    for (const fn of [this.onabort, ...this.#listeners]) {
      try { if (typeof fn === 'function') apply(fn, this, [{type: 'abort', target: this}]) } catch (e) { uncaught(e) }
    }
    this.#listeners.clear()
  }
  static abort(reason) {
    const s = new AbortSignal()
    s.#abort(reason)
    return s
  }
  static timeout(ms) {
    const s = new AbortSignal()
    timer(() => s.#abort(named('TimeoutError', `no answer in ${ms} ms`)), ms, [], false)
    return s
  }
}

class AbortController {
  signal = new AbortSignal()
  abort(reason) { abort(this.signal, reason) }
}
