// The host API of plugins that registryd runs itself: everything that is global beside the language (ES2023).
// There is no DOM, no Node and no Intl.

/** A value that JSON can say. */
type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined }

/** What attach gets. */
interface Context {
  /** The name of the plugin. */
  readonly name: string
  /** "config" of the manifest. */
  readonly config: any
  /** The environment variables that the manifest names in capabilities.secrets. They are blotted out in logs. */
  readonly secrets: Readonly<Record<string, string>>
}

/** What a provider exports; everything is optional. "this" of every function is the exported object. */
interface Provider {
  /** Called once in every virtual machine, before anything else. Keep it cheap; other machines do not see what it sets. */
  attach?(ctx: Context): void | Promise<void>
  /** Called when a virtual machine ends, after its last call. */
  detach?(): void | Promise<void>
  /** Refuses a package by deny, a rejection, or false; any other answer lets it pass. */
  check?(what: { name: string; version?: string }): unknown
  /** Finds a version; null hands the question to the next provider. */
  resolve?(what: { name: string; spec: string }): Promise<Found | null> | Found | null
  /** Says where the tarball is; the daemon downloads it. */
  fetch?(what: { name: string; version: string; url?: string }): Promise<Source | null> | Source | null
  /** Lists the versions of a package; null hands the question on. */
  versions?(what: { name: string }): Promise<Versions | null> | Versions | null
  /** Called once before new code is put in force; what it throws keeps the old code. */
  selftest?(): unknown
}

/** The versions of a package, with its tags where it has some. */
type Versions = string[] | { versions: string[]; tags?: Record<string, string> }

/** A request to an operation. */
interface OperationRequest {
  readonly method: string
  /** Path and query, as they were sent. */
  readonly url: string
  readonly path: string
  /** The placeholders of the path. */
  params: Record<string, string>
  query: Record<string, string | string[]>
  /** The body, of JSON or a form; undefined without one. Middleware may replace it. */
  body: any
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The address of the client. */
  readonly ip: string
  header(name: string, otherwise?: string): string | undefined
  get(name: string): string | undefined
  /** Looks in path, body and query. */
  param(name: string, otherwise?: any): any
  /** Of a task of longRunning 'manual': answers the request now. The task takes so many milliseconds, if that is known. */
  detach(milliseconds?: number): void
  /** Of a task: so many milliseconds of the estimate are done. */
  progress(milliseconds: number): void
  /** What middleware adds, as far as JSON says it. */
  [name: string]: any
}

/** How functions that get a request answer it. The first answer counts. */
interface OperationResponse {
  statusCode: number
  headers: Record<string, string[]>
  readonly finished: boolean
  status(code: number): this
  set(name: string, value: unknown): this
  set(headers: Record<string, unknown>): this
  setHeader(name: string, value: unknown): this
  getHeader(name: string): string | undefined
  get(name: string): string | undefined
  header(name: string): string | undefined
  header(name: string, value: unknown): this
  removeHeader(name: string): void
  /** json, html, text, xml, or a media type. */
  type(kind: string): this
  contentType(kind: string): this
  writeHead(code: number, headers?: Record<string, unknown>): this
  writeHead(code: number, reason: string, headers?: Record<string, unknown>): this
  write(part: string | ArrayBuffer | ArrayBufferView): boolean
  end(part?: string | ArrayBuffer | ArrayBufferView): this
  json(value: unknown, code?: number): this
  /** Objects become JSON; a number alone is a status. */
  send(value?: unknown, code?: number): this
  sendStatus(code: number): this
  redirect(url: string): this
  redirect(code: number, url: string): this
}

/** Answers a request, or hands it on by next. "this" is the environment. */
type Middleware = (this: any, request: OperationRequest, response: OperationResponse, next: (error?: unknown) => void) => unknown

/** A function in the place of an operation, which answers by itself. */
type RawHandler = ((this: any, request: OperationRequest, response: OperationResponse, next: (error?: unknown) => void) => unknown) & { method?: string }

/** The last argument of a positional handler. */
interface Callback {
  (value?: unknown, status?: number, headers?: Record<string, string | string[]>): void
  reply: Callback
}

/** "this" of a positional handler, with everything of the environment. */
interface OperationThis {
  request: OperationRequest
  /** Of an operation that is longRunning. */
  taskId?: string
  [name: string]: any
}

/** A parameter. Texts are coerced to a number or a boolean where the schema asks for one. */
interface Parameter {
  in?: 'any' | 'path' | 'query' | 'body' | 'header'
  isHeader?: boolean
  description?: string
  /** A shorthand of schema: string, number, integer, boolean, date, json, object, array. */
  type?: string | Function | typeof JSON
  /** JSON Schema 2020-12, draft 3, or the name of a type. */
  schema?: unknown
  required?: boolean
  default?: unknown
  /** true: as JSON. */
  deserialize?: boolean | 'json' | ((text: string) => unknown)
}

/** What all operations declare. */
interface Declaration {
  description?: string
  /** get, post, put, patch or delete; every method without it. */
  method?: string
  /** Its key without it. {id} and :id are placeholders, * at the end is everything below. */
  path?: string
  auth?: 'none' | 'key'
  /** In the order in which positional handlers get them. */
  params?: Record<string, Parameter | string>
  parseBody?: boolean
  missingStatus?: number
  response?: {
    status?: number
    serialize?: 'text' | 'json' | 'raw'
    body?: Record<string, unknown> | [Record<string, unknown>]
    check?: boolean
  }
  /** What new HttpError(name) answers. */
  errors?: Record<string, { status?: number; msg?: string; suggestions?: string[] }>
  /** The request is answered before it is done: with 202 and where to ask after it. */
  longRunning?: boolean | 'auto' | 'manual' | { appraise: number | ((this: OperationThis, ...args: any[]) => unknown) }
  middleware?: string | Middleware | (string | Middleware)[]
}

/** An operation whose handler gets the parameters by position, and a callback behind them. */
interface Operation extends Declaration {
  serialize?: boolean | 'text' | 'json' | 'raw' | ((this: OperationResponse, value: any) => unknown)
  /** What the handler returns is the answer. */
  synchronous?: boolean
  /** A condition: (…parameters, callback(holds, message)); 412 where it does not hold. */
  requires?(this: OperationThis, ...args: any[]): unknown
  /** A condition: (…parameters, result, callback(holds, message)); 400 where it does not hold. */
  ensures?(this: OperationThis, ...args: any[]): unknown
  handler(this: OperationThis, ...args: any[]): unknown
}

/** An operation whose handler gets the parameters as an object and returns the answer. */
interface NativeOperation extends Declaration {
  serialize?: boolean | 'text' | 'json' | 'raw'
  /** "this" is "config" of the manifest, with everything of the environment. */
  handler(this: any, params: any, request: OperationRequest): unknown
}

/** A directory of files, as its path or with how long caches may keep them, in milliseconds. */
type Static = string | { path: string; maxAge?: number; description?: string } | { static: string; maxAge?: number; description?: string }

/** An object that makes the function behind a path; nothing: the path is not there. */
interface OperationFactory {
  method?: string
  description?: string
  middleware?: Declaration['middleware']
  createOperation(): RawHandler | undefined | void
}

/** What handlers of protocols get: _success, and a function for each error that the protocol declares. */
interface ProtocolApi {
  readonly params: Record<string, any>
  _success(value?: unknown): void
  [error: `_${string}`]: (cause?: unknown) => void
}

/** Adds routes beside a protocol; the second argument of makeOtherRoutes among the handlers asks for the API key. */
interface Routes {
  get(path: string, ...handlers: unknown[]): void
  post(path: string, ...handlers: unknown[]): void
  put(path: string, ...handlers: unknown[]): void
  delete(path: string, ...handlers: unknown[]): void
  patch(path: string, ...handlers: unknown[]): void
}

/** What a module exports; everything is optional. Further functions and values are offered to other modules. */
interface Module {
  attach?(ctx: Context): void | Promise<void>
  detach?(): void | Promise<void>
  /** Native operations, by path. */
  operations?: Record<string, NativeOperation | RawHandler | OperationFactory | Static>
  /** What every handler finds in "this", beside "config" of the manifest. */
  environment?: Record<string, unknown>
  /** By environment.NODE_ENV ("development" without it): operations that replace others. */
  configurations?: Record<string, (() => void) | Record<string, unknown>>
  /** Replaces what is bound to a path. */
  createOperation?(url: string, descriptor: any): unknown
  /** Replaces how callbacks of handlers answer. */
  createResponseCallback?(descriptor: any, response: OperationResponse): (...result: any[]) => void
  /** The built-in protocols that it serves: build, registry, deploy, health. */
  protocol?: string | string[]
  makeBinderAPI?(): Record<string, (api: ProtocolApi) => unknown>
  makeOtherRoutes?(app: Routes, auth: symbol): void
  [path: `/${string}`]: Operation | RawHandler | OperationFactory | Static
}

/** Where a tarball is: a URL, or what host.open returned. */
type Source = { url: string; headers?: Record<string, string> } | { stream: string }

/** A version that resolve found. */
interface Found {
  version: string
  url?: string
  /** As in package-lock.json: "sha512-…". */
  integrity?: string
  /** SHA-1 in hexadecimal digits, where there is no integrity. */
  shasum?: string
  /** The server packs the tarball anew each time: it is held to its files, not to its bytes. */
  generated?: boolean
}

interface Log {
  debug(...values: unknown[]): void
  info(...values: unknown[]): void
  warn(...values: unknown[]): void
  error(...values: unknown[]): void
}

/** The log of the daemon. A line has at most 4 KiB. */
declare const log: Log

/** The same log; console.log is log.info. */
declare const console: Log & { log(...values: unknown[]): void; dir(value: unknown): void; trace(...values: unknown[]): void }

/** Values that all virtual machines of the plugin share, also over reloads. Needs capabilities.cache. */
declare const cache: {
  /** Returns what was set; undefined when there is nothing. */
  get(key: string): Promise<any>
  /** Keeps a JSON value for ttl milliseconds; at most, and without it, a day. */
  set(key: string, value: unknown, options?: { ttl?: number }): Promise<void>
  delete(key: string): Promise<void>
}

interface RangeOptions { includePrerelease?: boolean }

/** Versions and ranges as npm reads them, without its option "loose". Versions are texts. */
declare const semver: {
  /** The version in its usual spelling, or null. */
  valid(version: string): string | null
  /** As valid, with more signs in front forgiven. */
  clean(version: string): string | null
  /** The range in its usual spelling, or null. */
  validRange(range: string, options?: RangeOptions): string | null
  satisfies(version: string, range: string, options?: RangeOptions): boolean
  maxSatisfying(versions: string[], range: string, options?: RangeOptions): string | null
  minSatisfying(versions: string[], range: string, options?: RangeOptions): string | null
  minVersion(range: string, options?: RangeOptions): string | null
  intersects(a: string, b: string, options?: RangeOptions): boolean
  /** -1, 0 or 1. Throws for what is no version, as all that follow. */
  compare(a: string, b: string): number
  rcompare(a: string, b: string): number
  compareBuild(a: string, b: string): number
  gt(a: string, b: string): boolean
  gte(a: string, b: string): boolean
  lt(a: string, b: string): boolean
  lte(a: string, b: string): boolean
  eq(a: string, b: string): boolean
  neq(a: string, b: string): boolean
  major(version: string): number
  minor(version: string): number
  patch(version: string): number
  prerelease(version: string): (string | number)[] | null
  /** A sorted copy. */
  sort(versions: string[]): string[]
  rsort(versions: string[]): string[]
  /** The first thing in a text that looks like a version, or null. */
  coerce(text: string): string | null
}

/** Subresource Integrity. */
declare const sri: {
  /** Tells whether data has the digest; a text is taken as UTF-8. Throws for a malformed integrity. */
  verify(integrity: string, data: string | ArrayBuffer | ArrayBufferView): boolean
}

/** What the daemon does with bytes that never enter the plugin. */
declare const host: {
  /** Opens a URL that answers 200, for fetch to return as {stream}. */
  open(url: string | URL, init?: RequestInit): Promise<string>
}

/** Refuses with a status and a reason that clients may read. Throws. */
declare function deny(status?: number, reason?: string): never

/** An error for clients: one of the errors that an operation declares, by its name, or a status. */
declare class HttpError extends Error {
  constructor(nameOrStatus: string | number, message?: string, data?: unknown)
  readonly status?: number
  readonly data?: unknown
}

/** Errors by number, as the predecessor has them: 403 denied, 404 not found, 998 declined. */
declare const lderror: {
  (id: number, message?: string): Error & { id: number }
  reject(id: number, message?: string): Promise<never>
  id(error: unknown): number
}

interface RequestInit {
  method?: string
  headers?: Headers | Record<string, string> | Iterable<[string, string]>
  body?: string | ArrayBuffer | ArrayBufferView | URLSearchParams | null
  signal?: AbortSignal | null
}

/**
 * Asks a server that capabilities.http of the manifest names. Rejects for others, and above the limits. What a server
 * answered to a GET with an ETag is kept for all machines: it is asked each time, and sends it again only if it changed.
 */
declare function fetch(url: string | URL, init?: RequestInit): Promise<Response>

/** An answer to fetch. Its body can be read once, during the call that fetched it. */
declare class Response {
  private constructor()
  readonly status: number
  readonly ok: boolean
  readonly statusText: string
  /** After redirects. */
  readonly url: string
  readonly headers: Headers
  readonly bodyUsed: boolean
  text(): Promise<string>
  json(): Promise<any>
  bytes(): Promise<Uint8Array>
  arrayBuffer(): Promise<ArrayBuffer>
}

declare class Headers implements Iterable<[string, string]> {
  constructor(init?: Headers | Record<string, string> | Iterable<[string, string]>)
  append(name: string, value: string): void
  set(name: string, value: string): void
  get(name: string): string | null
  has(name: string): boolean
  delete(name: string): void
  forEach(fn: (value: string, name: string, headers: Headers) => void, self?: unknown): void
  entries(): IterableIterator<[string, string]>
  keys(): IterableIterator<string>
  values(): IterableIterator<string>
  [Symbol.iterator](): IterableIterator<[string, string]>
}

declare class AbortSignal {
  readonly aborted: boolean
  readonly reason: any
  onabort: ((event: { type: 'abort'; target: AbortSignal }) => void) | null
  addEventListener(type: 'abort', fn: (event: { type: 'abort'; target: AbortSignal }) => void): void
  removeEventListener(type: 'abort', fn: Function): void
  throwIfAborted(): void
  static abort(reason?: unknown): AbortSignal
  static timeout(milliseconds: number): AbortSignal
}

declare class AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}

/** Timers end with the call that set them. */
declare function setTimeout(fn: (...args: any[]) => void, milliseconds?: number, ...args: any[]): number
declare function setInterval(fn: (...args: any[]) => void, milliseconds?: number, ...args: any[]): number
declare function clearTimeout(timer?: number): void
declare function clearInterval(timer?: number): void
declare function queueMicrotask(fn: () => void): void

/** As in the URL standard; hosts beyond ASCII are written in punycode. */
declare class URL {
  constructor(url: string | URL, base?: string | URL)
  static canParse(url: string | URL, base?: string | URL): boolean
  static parse(url: string | URL, base?: string | URL): URL | null
  href: string
  readonly origin: string
  protocol: string
  username: string
  password: string
  host: string
  hostname: string
  port: string
  pathname: string
  search: string
  readonly searchParams: URLSearchParams
  hash: string
  toString(): string
  toJSON(): string
}

declare class URLSearchParams implements Iterable<[string, string]> {
  constructor(init?: string | Record<string, string> | Iterable<[string, string]>)
  readonly size: number
  append(name: string, value: string): void
  delete(name: string, value?: string): void
  get(name: string): string | null
  getAll(name: string): string[]
  has(name: string, value?: string): boolean
  set(name: string, value: string): void
  sort(): void
  forEach(fn: (value: string, name: string, params: URLSearchParams) => void, self?: unknown): void
  entries(): IterableIterator<[string, string]>
  keys(): IterableIterator<string>
  values(): IterableIterator<string>
  [Symbol.iterator](): IterableIterator<[string, string]>
  toString(): string
}

/** UTF-8. */
declare class TextEncoder {
  readonly encoding: string
  encode(text?: string): Uint8Array
}

/** UTF-8, whole texts only. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  readonly encoding: string
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  decode(data?: ArrayBuffer | ArrayBufferView): string
}

declare function atob(base64: string): string
declare function btoa(binary: string): string
declare function structuredClone<T>(value: T): T

declare const crypto: {
  randomUUID(): string
  getRandomValues<T extends ArrayBufferView>(array: T): T
}

/** All of it, by name. */
interface HostApi {
  log: typeof log; console: typeof console; cache: typeof cache; semver: typeof semver; sri: typeof sri;
  host: typeof host; crypto: typeof crypto; deny: typeof deny; HttpError: typeof HttpError; lderror: typeof lderror;
  fetch: typeof fetch; Response: typeof Response; Headers: typeof Headers; AbortSignal: typeof AbortSignal;
  AbortController: typeof AbortController; setTimeout: typeof setTimeout; setInterval: typeof setInterval;
  clearTimeout: typeof clearTimeout; clearInterval: typeof clearInterval; queueMicrotask: typeof queueMicrotask;
  URL: typeof URL; URLSearchParams: typeof URLSearchParams; TextEncoder: typeof TextEncoder;
  TextDecoder: typeof TextDecoder; atob: typeof atob; btoa: typeof btoa; structuredClone: typeof structuredClone
}

/** The same as a module, with the predecessor's class of providers. */
declare module 'registryd' {
  /** Makes a provider object; "chain" accepts default providers, which are asked next in any case. */
  export class provider {
    constructor(options?: Record<string, any>)
    chain(next: object | object[]): this
    static get(name: string): object | undefined
    static readonly npm: object
    static readonly github: object
    static readonly jsdelivr: object
    static readonly provider: typeof provider
  }
  export default provider
  export const log: HostApi['log'], console: HostApi['console'], cache: HostApi['cache'], semver: HostApi['semver'],
    sri: HostApi['sri'], host: HostApi['host'], crypto: HostApi['crypto'], deny: HostApi['deny'],
    HttpError: HostApi['HttpError'], lderror: HostApi['lderror'], fetch: HostApi['fetch'],
    Response: HostApi['Response'], Headers: HostApi['Headers'], AbortSignal: HostApi['AbortSignal'],
    AbortController: HostApi['AbortController'], setTimeout: HostApi['setTimeout'],
    setInterval: HostApi['setInterval'], clearTimeout: HostApi['clearTimeout'],
    clearInterval: HostApi['clearInterval'], queueMicrotask: HostApi['queueMicrotask'], URL: HostApi['URL'],
    URLSearchParams: HostApi['URLSearchParams'], TextEncoder: HostApi['TextEncoder'],
    TextDecoder: HostApi['TextDecoder'], atob: HostApi['atob'], btoa: HostApi['btoa'],
    structuredClone: HostApi['structuredClone']
  export { Application, SyncHandler, ContractHandler, parameters, helpProviders, features } from 'webpoints'
}

/** The library of declared operations that applications written for it expect. */
declare module 'webpoints' {
  class ParameterTemplate implements Parameter {
    constructor(otherwise?: unknown)
    deserialize: true
    schema: unknown
    default?: unknown
  }
  class Union extends ParameterTemplate {
    constructor(types: unknown[], otherwise?: unknown)
    constructor(...types: unknown[])
  }
  class Primitive extends ParameterTemplate {
    constructor(type: unknown, otherwise?: unknown)
  }
  type Template = typeof ParameterTemplate
  export const parameters: Record<'NumberParam' | 'StringParam' | 'IntegerParam' | 'BoolParam' | 'ObjectParam' | 'AnyParam' | 'NullParam' |
    'Number' | 'String' | 'Integer' | 'Boolean' | 'Object' | 'Any' | 'Null', Template> & {
    Primitive: typeof Primitive; UnionParam: typeof Union; Union: typeof Union
  }
  type Operations = Record<string, any> & { load(operations: Record<string, unknown>): void }
  /** An application; its operations are those of the module. */
  export class Application {
    constructor(environment?: Record<string, unknown>)
    readonly environment: Record<string, unknown>
    readonly operations: Operations
    readonly endpoints: Operations
    configurations: NonNullable<Module['configurations']>
    features: unknown[]
    createOperation?: Module['createOperation']
    createResponseCallback?: Module['createResponseCallback']
    /** Does nothing: the daemon listens. */
    run(...args: unknown[]): this
    exportTo(app: unknown): this
  }
  /** A handler that answers what a function returns. */
  export function SyncHandler(f: (this: OperationThis, ...args: any[]) => unknown): Operation['handler']
  export function ContractHandler(o: Pick<Operation, 'requires' | 'ensures' | 'handler'>): Operation['handler']
  export const helpProviders: { DefaultHelpProvider: new (operations: Record<string, unknown>) => OperationFactory }
  export const features: Record<string, any>
}
