package plugintest

// JavaScript is the specimen for engines that run JavaScript: index.js of a plugin. It is the reference for what the
// specimen of every engine offers.
//
//	attach(ctx)           keeps ctx
//	detach()              logs "detached"
//	echo(...args)         the list of its arguments
//	nothing(), nil()      no result, and null
//	later(v)              v, after a wait that the engine must see through
//	context()             what attach got, null before
//	count()               how often this instance was asked to count: 1, 2, 3
//	fail(how)             fails: "error", "deny", "id", "text", "named", "rejected"
//	spin(), hoard(), recurse()   use up time, memory, stack, and catch what they can
//	hang()                waits for what takes an hour
//	flood(n)              a text of n bytes
//	get(url)              fetches with the header X-Asked-By: {status, text, type, echo}
//	many(n, url)          fetches n times, one after the other
//	store(k, v, ms), recall(k), forget(k)   the cache of the host
//	say(level, text)      logs
//	open(url)             {stream: handle}
//
// Beside these it exports facts, and nested.deeper.twice, a function below the top level.
const JavaScript = `
let context = null, counted = 0

function sleep(ms) { return new Promise(done => setTimeout(done, ms)) }

const failures = {
  error() { null.broken },
  deny() { return deny(403, 'not yours') },
  id() { throw {id: 998, message: 'not here'} },
  text() { throw 'plain words' },
  named() { throw new HttpError('notFound', 'no such thing', {id: 7}) },
  rejected() { return Promise.reject(new RangeError('out of range')) },
}

export const facts = {list: [1, 'two', null], nested: {yes: true}}

export default {
  attach(ctx) { context = ctx },
  detach() { log.info('detached') },
  echo(...args) { return args },
  nothing() {},
  nil() { return null },
  async later(v) { await sleep(1); await Promise.resolve(); return v },
  context() { return context },
  count() { return ++counted },
  async fail(how) { return failures[how]() },
  spin() { for (;;) { try { for (;;) {} } catch {} } },
  hang() { return sleep(3600e3) },
  hoard() { const all = []; for (;;) { try { for (;;) all.push(new Array(1000).fill(all.length)) } catch {} } },
  recurse() { const f = n => f(n + 1) + 1; return f(0) },
  flood(n) { return 'x'.repeat(n) },
  async get(url) {
    const r = await fetch(url, {headers: {'x-asked-by': 'specimen'}})
    return {status: r.status, text: await r.text(), type: r.headers.get('content-type'), echo: r.headers.get('x-echo')}
  },
  async many(n, url) { for (let i = 0; i < n; i++) await fetch(url); return n },
  async store(k, v, ms) { await cache.set(k, v, {ttl: ms}) },
  async recall(k) { return cache.get(k) },
  async forget(k) { await cache.delete(k) },
  say(level, text) { log[level](text) },
  async open(url) { return {stream: await host.open(url)} },
  nested: {deeper: {twice(n) { return 2 * n }}, words: 'of no function'},
}
`
