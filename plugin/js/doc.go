// Package js runs plugins that are written in JavaScript or TypeScript, inside the daemon.
//
// # Load
//
// The main file is bundled with everything that it imports: TypeScript, JSON, packages of the plugin's node_modules.
// Nothing outside of the plugin's directory is bundled, also not behind a symbolic link; tsconfig.json is not read.
// Modules of Node are an error that names the importing line. ECMAScript modules and CommonJS are both understood.
// The name "registryd" gives the host API as a module, and so do "lderror" and "@plotdb/registry" where no package
// of that name is there, as far as plugins of the predecessor need them. Top-level await is not supported.
//
// # Instances
//
// An instance is one virtual machine with a goroutine of its own, which alone touches it: the engine is not safe for
// concurrent use. The host's work runs on other goroutines that hand their results back to it. A call owns its
// machine until its promise settles; what it began and did not wait for is then given up. The engine looks at
// limits between its instructions. A built-in function that runs long without looking is left behind: the call
// ends, and the machine is freed when the function returns.
//
// # Values
//
// Arguments and results cross as JSON. Every function is called with the exported object as "this", those below the
// top level too. In a description a function is {"$func": "#/path"}, with its enumerable properties beside it and
// {"$builtin": "Number"} for the constructors that JavaScript has; a regular expression is
// {"$regexp": source, "flags": flags}.
//
// The engine is machine-translated C outside of the Go heap. Plugins are what the operator installed: code that
// may fail, not code that attacks. For that, run a process.
package js
