// What handlers of operations get of a request, and what they answer by.

const incomingKeys = new Set(['method', 'url', 'path', 'params', 'query', 'body', 'headers', 'ip'])

class Incoming {
  constructor(r) {
    Object.assign(this, r.extra)
    for (const k of incomingKeys) this[k] = r[k]
    this.body ??= undefined
    this.params ??= {}
    this.query ??= {}
    this.headers ??= {}
  }
  header(name, otherwise) { return this.headers[text(name).toLowerCase()] ?? otherwise }
  // detach answers a request of a manual task now; ms is how long the task takes, as far as that is known.
  detach(ms) { notice('detach', ms) }
  // progress says that ms of the estimate are done.
  progress(ms) { notice('progress', ms) }
  get(name) { return this.header(name) }
  param(name, otherwise) {
    for (const o of [this.params, this.body, this.query]) if (isObject(o) && hasOwn(o, name) && o[name] !== undefined) return o[name]
    return otherwise
  }
}

const milliseconds = ms => Math.round(Math.min(Math.max(Number(ms) || 0, 0), 2 ** 40))
const notice = (kind, ms) => { now('notice', kind, milliseconds(ms)) }

// added is what somebody put on a request, as far as JSON says it.
function added(request) {
  const extra = {}
  for (const k of keysOf(request)) if (!incomingKeys.has(k) && typeof request[k] !== 'function') extra[k] = request[k]
  return extra
}

const reasons = {200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden',
  404: 'Not Found', 409: 'Conflict', 412: 'Precondition Failed', 422: 'Unprocessable Entity', 500: 'Internal Server Error', 503: 'Service Unavailable'}

// Outgoing collects an answer. It is done once; what comes later is logged and left out.
class Outgoing {
  #done
  #parts = []
  constructor(done) {
    this.#done = done
    this.statusCode = 200
    this.headers = create(null)
    this.finished = false
  }
  status(code) { this.statusCode = Number(code); return this }
  setHeader(name, value) { this.headers[text(name)] = isArray(value) ? value.map(text) : [text(value)]; return this }
  set(name, value) {
    if (isObject(name)) for (const k of keysOf(name)) this.setHeader(k, name[k])
    else this.setHeader(name, value)
    return this
  }
  header(name, value) { return value === undefined ? this.getHeader(name) : this.set(name, value) }
  getHeader(name) {
    const k = keysOf(this.headers).find(k => k.toLowerCase() === text(name).toLowerCase())
    return k && this.headers[k].join(', ')
  }
  get(name) { return this.getHeader(name) }
  removeHeader(name) { for (const k of keysOf(this.headers)) if (k.toLowerCase() === text(name).toLowerCase()) delete this.headers[k] }
  type(kind) {
    const known = {json: 'application/json; charset=utf-8', html: 'text/html; charset=utf-8', text: 'text/plain; charset=utf-8', txt: 'text/plain; charset=utf-8', xml: 'application/xml'}
    return this.setHeader('Content-Type', known[kind] ?? kind)
  }
  contentType(kind) { return this.type(kind) }
  writeHead(code, reason, headers) {
    this.statusCode = code
    this.set(isObject(reason) ? reason : headers ?? {})
    return this
  }
  write(part) { this.#parts.push(part); return true }
  end(part) {
    if (part !== undefined && part !== null) this.#parts.push(part)
    if (this.finished) { host('log', 'warn', 'a request was answered twice; the first answer counts'); return this }
    this.finished = true
    this.#done({final: true, status: this.statusCode, headers: this.headers, ...bytesOfParts(this.#parts)})
    return this
  }
  json(value, code) {
    if (typeof code === 'number') this.statusCode = code
    if (!this.getHeader('Content-Type')) this.type('json')
    return this.end(stringify(value) ?? '')
  }
  send(value, code) {
    if (typeof code === 'number') this.statusCode = code
    if (typeof value === 'number' && code === undefined) return this.sendStatus(value)
    if (isObject(value) && !ArrayBuffer.isView(value)) return this.json(value)
    if (typeof value === 'string' && !this.getHeader('Content-Type')) this.type('text')
    return this.end(value === undefined || value === null || ArrayBuffer.isView(value) ? value : text(value))
  }
  sendStatus(code) {
    this.statusCode = code
    if (!this.getHeader('Content-Type')) this.type('text')
    return this.end(reasons[code] ?? text(code))
  }
  redirect(code, url) {
    if (url === undefined) [code, url] = [302, code]
    this.statusCode = code
    return this.setHeader('Location', url).end()
  }
}

// bytesOfParts joins what was written.
function bytesOfParts(parts) {
  if (!parts.some(p => ArrayBuffer.isView(p) || p instanceof ArrayBuffer)) return {text: parts.map(text).join('')}
  const all = parts.map(p => (typeof p === 'string' ? Uint8Array.fromBase64(now('utf8', p)) : bytesOf(p, 'write')))
  const out = new Uint8Array(all.reduce((n, b) => n + b.length, 0))
  let at = 0
  for (const b of all) { out.set(b, at); at += b.length }
  return {base64: out.toBase64()}
}
