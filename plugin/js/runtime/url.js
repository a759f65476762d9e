// URL and URLSearchParams, as the URL standard has them; hosts beyond ASCII have to be written in punycode.

const ports = {'http:': '80', 'https:': '443', 'ws:': '80', 'wss:': '443', 'ftp:': '21', 'file:': ''}
const special = scheme => hasOwn(ports, scheme)
const sets = {
  fragment: / |"|<|>|`/, query: / |"|#|<|>/, specialQuery: / |"|#|<|>|'/, path: / |"|#|<|>|\?|`|\{|\}|\^/,
  userinfo: / |"|#|<|>|\?|`|\{|\}|\/|:|;|=|@|\[|\\|\]|\^|\|/, opaque: /(?!)/,
}

// escapedFor percent-encodes what may not stand in a part of a URL.
function escapedFor(s, set) {
  let out = ''
  for (const c of s) {
    const code = c.codePointAt(0)
    if (code > 0x1f && code < 0x7f && !sets[set].test(c)) out += c
    else out += percent(code >= 0xd800 && code <= 0xdfff ? '\ufffd' : c)
  }
  return out
}

function percent(c) {
  if (c.charCodeAt(0) > 0x7f) return encodeURIComponent(c)
  return `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

function unpercent(s) {
  if (!s.includes('%')) return s
  const bytes = []
  const raw = new TextEncoder().encode(s)
  for (let i = 0; i < raw.length; i++) {
    const hex = raw[i] === 37 ? String.fromCharCode(raw[i + 1], raw[i + 2]) : ''
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(parseInt(hex, 16))
      i += 2
    } else bytes.push(raw[i])
  }
  return new TextDecoder('utf-8', {ignoreBOM: true}).decode(new Uint8Array(bytes))
}

const bad = (input, why) => new TypeError(`no URL: ${cut(input, 200)}${why ? ` (${why})` : ''}`)

function hostOf(raw, scheme, input) {
  if (raw.startsWith('[')) {
    if (!raw.endsWith(']')) throw bad(input, 'host')
    const ip = now('ip6', raw.slice(1, -1))
    if (!ip) throw bad(input, 'IPv6 address')
    return `[${ip}]`
  }
  if (!special(scheme)) {
    if (/[\0\t\n\r #/<>?@[\\\]^|]/.test(raw)) throw bad(input, 'host')
    return escapedFor(raw, 'opaque')
  }
  const name = unpercent(raw).toLowerCase()
  if (/[^\0-\x7f]/.test(name)) throw bad(input, 'a host beyond ASCII has to be written in punycode')
  if (name === '' || /[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f]/.test(name)) throw bad(input, 'host')
  return ip4(name, input)
}

// ip4 writes the odd spellings of an IPv4 address in the one usual way.
function ip4(name, input) {
  const parts = name.split('.')
  if (parts.length > 1 && parts.at(-1) === '') parts.pop()
  if (!/^(\d+|0x[0-9a-f]*)$/.test(parts.at(-1))) return name
  if (parts.length > 4) throw bad(input, 'IPv4 address')
  const numbers = parts.map(p => {
    if (/^0x[0-9a-f]*$/.test(p)) return parseInt(p.slice(2) || '0', 16)
    if (/^0[0-7]*$/.test(p)) return parseInt(p, 8)
    return /^[1-9]\d*$/.test(p) ? Number(p) : NaN
  })
  const last = numbers.pop()
  if (numbers.some(n => !(n <= 255)) || !(last < 256 ** (4 - numbers.length))) throw bad(input, 'IPv4 address')
  const all = numbers.reduce((sum, n, i) => sum + n * 256 ** (3 - i), last)
  return [24, 16, 8, 0].map(shift => Math.floor(all / 2 ** shift) % 256).join('.')
}

const dot = s => /^(\.|%2e)$/i.test(s)
const dots = s => /^(\.|%2e){2}$/i.test(s)

function segments(raw, scheme, base) {
  const out = base
  const parts = raw.split(special(scheme) ? /[/\\]/ : '/')
  for (const [i, p] of parts.entries()) {
    const last = i === parts.length - 1
    if (dots(p)) {
      out.pop()
      if (last) out.push('')
    } else if (dot(p)) {
      if (last) out.push('')
    } else out.push(escapedFor(p, 'path'))
  }
  return out
}

// parsed is the record of a URL: scheme with its colon, username, password, host (null: none), port, path (a list, or a
// text for an opaque one), query and fragment (null: none).
function parsed(input, base) {
  let rest = input.replace(/^[\0-\x20]+|[\0-\x20]+$/g, '').replace(/[\t\n\r]/g, '')
  let fragment = null, query = null
  const hash = rest.indexOf('#')
  if (hash >= 0) [rest, fragment] = [rest.slice(0, hash), escapedFor(rest.slice(hash + 1), 'fragment')]
  const m = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(rest)
  let scheme = m ? m[1].toLowerCase() + ':' : base?.scheme
  if (!scheme) throw bad(input, base === undefined ? 'relative, without a base' : '')
  let relative = !m
  if (m) {
    rest = rest.slice(m[0].length)
    relative = !!base && special(scheme) && scheme === base.scheme && !/^[/\\]/.test(rest)
  }
  const mark = rest.indexOf('?')
  if (mark >= 0) [rest, query] = [rest.slice(0, mark), escapedFor(rest.slice(mark + 1), special(scheme) ? 'specialQuery' : 'query')]
  if (special(scheme)) rest = rest.replaceAll('\\', '/')
  const u = {scheme, username: '', password: '', host: null, port: '', path: [], query, fragment}
  if (m && !relative) absolute(u, rest, input)
  else if (rest.startsWith('//')) absolute(u, rest, input)
  else resolved(u, rest, base, input)
  return u
}

function absolute(u, rest, input) {
  if (special(u.scheme) && u.scheme !== 'file:') rest = '//' + rest.replace(/^\/*/, '')
  if (!rest.startsWith('//')) {
    if (u.scheme === 'file:') u.host = ''
    if (rest.startsWith('/') || u.scheme === 'file:') u.path = segments(rest.replace(/^\//, ''), u.scheme, [])
    else u.path = escapedFor(rest, 'opaque')
    return
  }
  const end = rest.indexOf('/', 2)
  authority(u, end < 0 ? rest.slice(2) : rest.slice(2, end), input)
  if (end >= 0) u.path = segments(rest.slice(end + 1), u.scheme, [])
  else if (special(u.scheme)) u.path = ['']
}

function authority(u, raw, input) {
  const at = raw.lastIndexOf('@')
  if (at >= 0) {
    const colon = raw.slice(0, at).indexOf(':')
    u.username = escapedFor(raw.slice(0, colon < 0 ? at : colon), 'userinfo')
    u.password = colon < 0 ? '' : escapedFor(raw.slice(colon + 1, at), 'userinfo')
    raw = raw.slice(at + 1)
    if (raw === '' || u.scheme === 'file:') throw bad(input, 'host')
  }
  const m = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(raw)
  if (!m || (m[2] !== undefined && (!/^\d*$/.test(m[2]) || Number(m[2]) > 65535 || u.scheme === 'file:'))) throw bad(input, 'port')
  if (m[1] === '') {
    if ((special(u.scheme) && u.scheme !== 'file:') || m[2] !== undefined || at >= 0) throw bad(input, 'host')
    u.host = ''
    return
  }
  u.host = hostOf(m[1], u.scheme, input)
  if (u.scheme === 'file:' && u.host === 'localhost') u.host = ''
  if (m[2]) u.port = String(Number(m[2]))
  if (u.port === ports[u.scheme]) u.port = ''
}

function resolved(u, rest, base, input) {
  if (typeof base.path === 'string') {
    if (rest !== '' || u.query !== null || u.fragment === null) throw bad(input, 'the base cannot have relative ones')
    Object.assign(u, {...base, fragment: u.fragment})
    return
  }
  for (const k of ['username', 'password', 'host', 'port']) u[k] = base[k]
  if (rest === '') {
    u.path = [...base.path]
    u.query ??= base.query
  } else if (rest.startsWith('/')) u.path = segments(rest.slice(1), u.scheme, [])
  else u.path = segments(rest, u.scheme, base.path.slice(0, -1))
}

const pathText = u => (typeof u.path === 'string' ? u.path : u.path.map(p => `/${p}`).join(''))

function href(u) {
  let s = u.scheme
  if (u.host !== null) {
    s += '//'
    if (u.username || u.password) s += u.username + (u.password && `:${u.password}`) + '@'
    s += u.host + (u.port && `:${u.port}`)
  } else if (isArray(u.path) && u.path.length > 1 && u.path[0] === '') s += '/.'
  return s + pathText(u) + (u.query === null ? '' : `?${u.query}`) + (u.fragment === null ? '' : `#${u.fragment}`)
}

class URL {
  #u
  #params
  constructor(input, base) {
    this.#u = parsed(text(input), base === undefined ? undefined : parsed(text(base)))
    this.#bind()
  }
  #bind() {
    this.#params = new URLSearchParams(this.#u.query ?? '')
    watch(this.#params, s => { this.#u.query = s === '' ? null : s })
  }
  static canParse(input, base) { return URL.parse(input, base) !== null }
  static parse(input, base) { try { return new URL(input, base) } catch { return null } }
  // again reads the URL anew with one part replaced; what makes no sense changes nothing.
  #again(change) {
    const u = {...this.#u}
    try {
      change(u)
      this.#u = u
    } catch { /* as the standard says */ }
  }
  get href() { return href(this.#u) }
  set href(v) {
    this.#u = parsed(text(v))
    this.#bind()
  }
  get origin() { return special(this.#u.scheme) && this.#u.scheme !== 'file:' ? `${this.#u.scheme}//${this.host}` : 'null' }
  get protocol() { return this.#u.scheme }
  set protocol(v) {
    this.#again(u => {
      const scheme = text(v).toLowerCase().replace(/:.*$/, '') + ':'
      if (!/^[a-z][a-z0-9+.-]*:$/.test(scheme) || special(scheme) !== special(u.scheme)) return
      u.scheme = scheme
      if (u.port === ports[scheme]) u.port = ''
    })
  }
  get username() { return this.#u.username }
  set username(v) { if (this.#u.host) this.#again(u => { u.username = escapedFor(text(v), 'userinfo') }) }
  get password() { return this.#u.password }
  set password(v) { if (this.#u.host) this.#again(u => { u.password = escapedFor(text(v), 'userinfo') }) }
  get host() { return (this.#u.host ?? '') + (this.#u.port && `:${this.#u.port}`) }
  set host(v) { this.#setHost(text(v)) }
  get hostname() { return this.#u.host ?? '' }
  set hostname(v) { this.#setHost(text(v).replace(/(?<!\[[^\]]*):.*$/, '')) }
  #setHost(v) {
    if (isArray(this.#u.path)) this.#again(u => {
      const {username, password, port} = u
      authority(u, v.replace(/[/?#\\@].*$/, ''), v)
      Object.assign(u, {username, password})
      if (!/:\d+$/.test(v)) u.port = port
    })
  }
  get port() { return this.#u.port }
  set port(v) {
    if (!this.#u.host || this.#u.scheme === 'file:') return
    const n = /^\d*/.exec(text(v))[0]
    if ((n === '' && text(v) !== '') || Number(n) > 65535) return
    this.#u.port = n === '' || String(Number(n)) === ports[this.#u.scheme] ? '' : String(Number(n))
  }
  get pathname() { return pathText(this.#u) }
  set pathname(v) {
    if (isArray(this.#u.path)) this.#again(u => { u.path = segments(text(v).replace(/[\t\n\r]/g, '').replace(/^[/\\]/, ''), u.scheme, []) })
  }
  get search() { return this.#u.query ? `?${this.#u.query}` : '' }
  set search(v) {
    const s = text(v).replace(/^\?/, '')
    this.#u.query = text(v) === '' ? null : escapedFor(s, special(this.#u.scheme) ? 'specialQuery' : 'query')
    this.#bind()
  }
  get searchParams() { return this.#params }
  get hash() { return this.#u.fragment ? `#${this.#u.fragment}` : '' }
  set hash(v) { this.#u.fragment = text(v) === '' ? null : escapedFor(text(v).replace(/^#/, ''), 'fragment') }
  toString() { return this.href }
  toJSON() { return this.href }
}

let watch

class URLSearchParams {
  #list = []
  #changed = null
  static { watch = (p, fn) => { p.#changed = fn } }
  constructor(init = '') {
    if (typeof init === 'string') this.#read(init.replace(/^\?/, ''))
    else if (isObject(init) && typeof init[Symbol.iterator] === 'function') {
      for (const pair of init) {
        const [k, v, ...more] = pair
        if (more.length || [...pair].length !== 2) throw new TypeError('URLSearchParams: a pair has two members')
        this.#list.push([text(k), text(v)])
      }
    } else if (isObject(init)) for (const k of keysOf(init)) this.#list.push([k, text(init[k])])
    else this.#read(text(init))
  }
  #read(s) {
    for (const part of s.split('&')) {
      if (part === '') continue
      const i = part.indexOf('=')
      const plus = x => unpercent(x.replaceAll('+', ' '))
      this.#list.push(i < 0 ? [plus(part), ''] : [plus(part.slice(0, i)), plus(part.slice(i + 1))])
    }
  }
  #tell() { this.#changed?.(this.toString()) }
  get size() { return this.#list.length }
  append(k, v) {
    this.#list.push([text(k), text(v)])
    this.#tell()
  }
  delete(k, v) {
    this.#list = this.#list.filter(e => e[0] !== text(k) || (v !== undefined && e[1] !== text(v)))
    this.#tell()
  }
  get(k) { return this.#list.find(e => e[0] === text(k))?.[1] ?? null }
  getAll(k) { return this.#list.filter(e => e[0] === text(k)).map(e => e[1]) }
  has(k, v) { return this.#list.some(e => e[0] === text(k) && (v === undefined || e[1] === text(v))) }
  set(k, v) {
    const i = this.#list.findIndex(e => e[0] === text(k))
    if (i < 0) this.#list.push([text(k), text(v)])
    else this.#list = this.#list.filter((e, j) => j <= i || e[0] !== text(k)).map((e, j) => (j === i ? [e[0], text(v)] : e))
    this.#tell()
  }
  sort() {
    this.#list.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
    this.#tell()
  }
  forEach(fn, self) { for (const [k, v] of this) apply(fn, self, [v, k, this]) }
  entries() { return this.#list.map(e => [...e]).values() }
  keys() { return this.#list.map(e => e[0]).values() }
  values() { return this.#list.map(e => e[1]).values() }
  [Symbol.iterator]() { return this.entries() }
  toString() { return this.#list.map(e => e.map(form).join('=')).join('&') }
}

function form(s) {
  let out = ''
  for (const c of s) {
    if (c === ' ') out += '+'
    else if (/[A-Za-z0-9*._-]/.test(c)) out += c
    else out += percent(/[\ud800-\udfff]/.test(c) && c.length === 1 ? '\ufffd' : c)
  }
  return out
}
