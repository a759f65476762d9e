// Modules: how the daemon runs an operation.

// once returns a function that takes the first answer, {thrown} among them, and a promise of it.
function once() {
  let settle, fail
  const promise = new Native((ok, bad) => { settle = ok; fail = bad })
  let over = false
  return {promise, end(v) {
    const thrown = hasOwn(v, 'thrown')
    if (over) host('log', 'warn', thrown ? `thrown after the answer, which counts: ${inspect(v.thrown)}` : 'a request was answered twice; the first answer counts')
    else if (thrown) fail(v.thrown)
    else settle(v)
    over = true
  }}
}

// run calls what answers by end: what it throws is an answer, what its promise brings too, by value.
function run(fn, me, args, end, value) {
  try { follow(apply(fn, me, args), end, value) } catch (e) { end({thrown: e}) }
}

// follow lets what a promise brings be an answer; nothing else is.
function follow(r, end, value) {
  if (isObject(r) && isHandler(r.then)) then(Native.resolve(r), value, e => end({thrown: e}))
}

function operation(key) {
  if (operations.size === 0) declare()
  const op = operations.get(key)
  if (!op) throw new ReferenceError(`there is no operation ${key}`)
  return op
}

// answered is how a value crosses to the daemon.
function answered(value, status, headers) {
  const out = {status: typeof status === 'number' ? status : 0}
  if (isObject(headers)) {
    out.headers = {}
    for (const k of keysOf(headers)) out.headers[k] = isArray(headers[k]) ? headers[k].map(text) : [text(headers[k])]
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) out.base64 = bytesOf(value, 'callback').toBase64()
  else if (value !== undefined) out.json = stringify(value)
  return out
}

// self is "this" of a handler: everything of the environment, and the request.
function self(op, request, taskId) {
  const out = {...environment, ...exported('environment'), ...op.app?.environment, request}
  if (taskId) out.taskId = taskId
  return out
}

// prepare runs the middleware; it answers, or returns what it added to the request.
async function prepare(key, r) {
  const op = operation(key)
  const {promise, end} = once()
  const request = new Incoming(r), response = new Outgoing(end)
  const list = [op.value?.middleware ?? op.raw?.middleware ?? []].flat().filter(isHandler)
  const before = stringify(request.body)
  const next = i => error => {
    if (error !== undefined && error !== null && error !== 'route') { end({thrown: error}); return }
    if (i === list.length) {
      end({extra: added(request), body: stringify(request.body) === before ? undefined : request.body ?? null, headers: response.headers})
      return
    }
    run(() => apply(list[i], self(op, request), [request, response, next(i + 1)]), undefined, [], end, () => {})
  }
  next(0)()
  return promise
}

// deserialize makes a value of one text.
function deserialize(key, name, value) { return apply(operation(key).value.params[name].deserialize, undefined, [value]) }

// appraise asks how long a task takes, in milliseconds.
async function appraise(key, r, args, options) {
  const op = operation(key)
  const {promise, end} = once()
  const v = apply(op.value.longRunning.appraise, self(op, new Incoming(r), options.taskId), [...args, ms => end({ms})])
  if (typeof v === 'number') end({ms: v})
  else follow(v, end, ms => { if (ms !== undefined) end({ms}) })
  return milliseconds((await promise).ms)
}

// check asks a contract; it answers undefined when that holds.
async function check(fn, me, args, otherwise) {
  if (!isHandler(fn)) return undefined
  const {promise, end} = once()
  follow(apply(fn, me, [...args, (ok, message) => end({ok, message})]), end, ok => ok === undefined || end({ok}))
  const out = await promise
  return out.ok ? undefined : text(out.message ?? otherwise)
}

// operate runs a handler with its arguments.
async function operate(key, r, args, options) {
  const op = operation(key)
  const request = new Incoming(r)
  if (op.kind === 'raw') return custom(op, request)
  const handler = op.value.handler, me = self(op, request, options.taskId)
  const requires = op.value.requires ?? handler.requires, ensures = op.value.ensures ?? handler.ensures
  if (options.contracts) {
    const failed = await check(requires, me, args, 'the precondition does not hold')
    if (failed !== undefined) return {precondition: failed}
  }
  const result = op.native ? [await apply(handler, me, [byName(options.names, args), request])] : await positional(op, handler, me, args)
  if (result.response) return result.response
  if (options.contracts) {
    const failed = await check(ensures, me, [...args, result], 'the postcondition does not hold')
    if (failed !== undefined) return {postcondition: failed}
  }
  return respond(op, result)
}

function byName(names, args) {
  const out = {}
  names.forEach((n, i) => { if (args[i] !== undefined && args[i] !== null) out[n] = args[i] })
  return out
}

// positional calls a handler with a callback behind its arguments.
async function positional(op, handler, me, args) {
  if (op.value.synchronous) return [await apply(handler, me, args)]
  const {promise, end} = once()
  const callback = (...result) => {
    if (result[0] instanceof ProgressNotification) notice('progress', result[0].elapsed)
    else end({result})
  }
  callback.reply = callback
  run(handler, me, [...args, callback], end, v => { if (v !== undefined) end({result: [v]}) })
  return (await promise).result
}

// respond makes an answer of what a callback got: by the provider of the application, by a function, or by the daemon.
async function respond(op, result) {
  const provide = op.app ? hasOwn(op.app, 'createResponseCallback') && op.app.createResponseCallback : exported('createResponseCallback')
  if (isHandler(provide)) {
    const {promise, end} = once()
    apply(provide, op.app ?? {}, [op.value, new Outgoing(end)])(...result)
    return promise
  }
  if (isHandler(op.value.serialize)) {
    const {promise, end} = once()
    const response = new Outgoing(end)
    const r = apply(op.value.serialize, response, [result[0]])
    if (!response.finished && r !== undefined) response.send(r)
    return promise
  }
  return answered(...result)
}

// custom runs a handler that answers by itself.
function custom(op, request) {
  const {promise, end} = once()
  const response = new Outgoing(end)
  const next = e => (e ? end({thrown: e}) : response.sendStatus(404))
  const me = op.app?.environment ?? {...environment, ...exported('environment')}
  run(op.raw, me, [request, response, next], end, v => { if (v !== undefined && !response.finished) response.send(v) })
  return promise
}

// protocol runs the handler of an endpoint: it answers by the functions of its one argument.
function protocol(name, params, faults) {
  if (!protocolHandlers) declare()
  const {promise, end} = once()
  const api = {params, _success: v => end(answered(v))}
  for (const f of faults) api[`_${f}`] = cause => end({fault: f, cause: cause === undefined ? '' : inspect(cause)})
  run(protocolHandlers[name], protocolHandlers, [api], end, () => {})
  return promise
}

const reserved = {'@operations': declare, '@prepare': prepare, '@deserialize': deserialize, '@appraise': appraise, '@operate': operate, '@protocol': protocol}
