// The library of one of the systems that modules come from, as far as its applications need it here.

class ProgressNotification {
  constructor(ms) { this.elapsed = ms }
}

function typeOf(t) {
  const constructors = new Map([[String, 'string'], [Number, 'number'], [Boolean, 'boolean'], [Object, 'object'], [Array, 'array'], [null, 'null']])
  return constructors.get(t) ?? t
}

function Primitive(type, otherwise) {
  this.deserialize = true
  this.schema = typeOf(type)
  if (otherwise !== undefined) this.default = otherwise
}
const template = type => function (otherwise) { Primitive.call(this, type, otherwise) }

const parameters = {
  Primitive, NumberParam: template('number'), StringParam: template('string'), IntegerParam: template('integer'),
  BoolParam: template('boolean'), ObjectParam: template('object'), AnyParam: template('any'), NullParam: template('null'),
  UnionParam: function (...types) {
    this.deserialize = true
    if (isArray(types[0])) {
      if (types[1] !== undefined) this.default = types[1]
      types = types[0]
    }
    this.schema = {type: types.map(typeOf)}
  },
}
for (const name of ['Number', 'String', 'Integer', 'Boolean', 'Null', 'Object', 'Any', 'Union']) parameters[name] = parameters[`${name === 'Boolean' ? 'Bool' : name}Param`]

class Application {
  constructor(env) {
    defineProperty(this, 'environment', {value: env ?? {}, enumerable: true})
    const map = {}
    defineProperty(map, 'load', {value: more => {
      if (!isObject(more)) throw new TypeError("load: give it what require('./file') returns; files are read when the plugin is loaded")
      Object.assign(map, more.default ?? more)
    }})
    defineProperty(this, 'operations', {value: map, enumerable: true})
    defineProperty(this, 'endpoints', {value: map})
    this.configurations = {}
    this.features = []
    applications.push(this)
  }
  exportTo() { return this }
  run() { return this }
}

class DefaultHelpProvider {
  constructor(list) { this.list = list; this.method = 'get' }
  createOperation() {
    return (request, response) => {
      const lines = keysOf(this.list).map(url => {
        const d = this.list[url]
        return [url, ...(isObject(d) && isObject(d.params) ? keysOf(d.params) : []), (isObject(d) && d.description) || ''].join(' ').trim()
      })
      response.type('text').send(lines.join('\n'))
    }
  }
}

const SyncHandler = f => function (...args) { args.pop()(apply(f, this, args)) }

function ContractHandler({requires, handler, ensures}) {
  const out = function (...args) { return apply(handler, this, args) }
  return Object.assign(out, {requires, ensures})
}

class TaskScheduler {}
const webpoints = {
  Application, SyncHandler, ContractHandler, parameters, helpProviders: {DefaultHelpProvider},
  features: {syncHandler: {}, codeContracts: {}, bodyParser: {}, errorHandler: {}, switcher: {}, taskModel: {TaskScheduler, AsyncProgressNotification: ProgressNotification}},
}
