// The provider of the predecessor's README: packages of one scope are allowed, all others are refused, and a default
// provider is chained. Only the line that imports the class is another one.
registry = require('registryd')

// our own provider: packages of one scope alone
myprovider = new registry({
  check: ({name, version, path}) => {
    if (/@plotdb/.exec(name)) return Promise.resolve()
    return lderror.reject(403) // or 998, which nobody remembers
  }
})
// with a default provider behind it
myprovider.chain(registry.provider.jsdelivr)
