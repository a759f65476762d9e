// Loads a component in Node, then again while the registry is away.
// node check.mjs http://127.0.0.1:9900/api/components
import { ComponentClient, MemoryStorage } from './client.mjs'

const storage = new MemoryStorage()
const host = { url: process.argv[2], dependencies: { words: '^1.0.0' }, modules: { words: { hello: 'Hello' } }, storage }
const online = await new ComponentClient(host).load('@acme/greeting')
console.log(online.version, online.exports('Ada'))
const away = () => Promise.reject(new Error('no network'))
const offline = await new ComponentClient({ ...host, fetch: away }).load('@acme/greeting')
console.log(offline.version, offline.exports('Bob'))
const first = await new ComponentClient({ ...host, storage: new MemoryStorage(), fetch: away }).load('@acme/greeting').catch((problem) => problem.message)
console.log(first)
