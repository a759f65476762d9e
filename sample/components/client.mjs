// A client of the component registry for browsers and Node. It registers what
// the host provides, fetches components, evaluates them as CommonJS, and keeps
// what it got, so that a host goes on while the registry is away.

/** What a host keeps between starts: like localStorage, which will do. */
export class MemoryStorage {
  #items = new Map()
  getItem(key) { return this.#items.get(key) ?? null }
  setItem(key, value) { this.#items.set(key, value) }
}

export class ComponentClient {
  #url; #dependencies; #modules; #storage; #fetch
  #registered = null
  #loaded = new Map()

  /**
   * url is the prefix of the registry, dependencies maps the names of packages to
   * the ranges that the host provides, and modules maps the names that components
   * may require to what they get.
   */
  constructor({ url, dependencies, modules = {}, storage = new MemoryStorage(), fetch = globalThis.fetch.bind(globalThis) }) {
    this.#url = url.replace(/\/$/, '')
    this.#dependencies = dependencies
    this.#modules = modules
    this.#storage = storage
    this.#fetch = fetch
  }

  /** The host's id and index: { id, issues, index }. Without the registry, those of the last time. */
  register() {
    this.#registered ??= this.#register().catch((problem) => {
      this.#registered = null // ask again the next time
      throw problem
    })
    return this.#registered
  }

  async #register() {
    const body = JSON.stringify(this.#dependencies)
    const key = `${this.#url} host ${body}`
    return JSON.parse(await this.#kept(key, async () => {
      const answer = await this.#ask('/host/register', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
      return answer.text()
    }))
  }

  /** A component: { name, version, exports }. latest asks for one that was published after registering. */
  async load(name, { latest = false } = {}) {
    const { id, index } = await this.register()
    const known = latest ? undefined : index[name]
    const path = '/' + encodeURIComponent(name)
    const query = known ? `?hostId=${id}&componentVersion=${known}` : `?hostId=${id}`
    const kept = known && this.#loaded.get(`${name}/${known}`)
    if (kept) return kept
    const { version, code } = JSON.parse(await this.#kept(`${this.#url}/${name}/${known ?? `for ${id}`}`, async () => {
      const answer = await this.#ask(path + query)
      return JSON.stringify({ version: answer.headers.get('Dynamico-Component-Version'), code: await answer.text() })
    }))
    const loaded = this.#loaded.get(`${name}/${version}`) ?? { name, version, exports: this.#evaluate(code) }
    this.#loaded.set(`${name}/${version}`, loaded)
    return loaded
  }

  #evaluate(code) {
    const module = { exports: {} }
    const require = (wanted) => {
      if (!Object.hasOwn(this.#modules, wanted)) throw new Error(`this host has no module ${wanted}`)
      return this.#modules[wanted]
    }
    new Function('module', 'exports', 'require', code)(module, module.exports, require)
    return module.exports
  }

  async #ask(path, options) {
    const answer = await this.#fetch(this.#url + path, options)
    if (!answer.ok) throw Object.assign(new Error(`${path}: ${answer.status} ${answer.statusText}`), { status: answer.status })
    return answer
  }

  /** What get returns, or while the registry cannot answer what it returned last. */
  async #kept(key, get) {
    try {
      const text = await get()
      this.#storage.setItem(key, text)
      return text
    } catch (problem) {
      const text = problem.status && problem.status < 500 ? null : this.#storage.getItem(key)
      if (text === null) throw problem
      return text
    }
  }
}
