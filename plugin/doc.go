// Package plugin runs code that is loaded at run time: it knows generations, calls and JSON values, and nothing of
// packages or HTTP routes. The packages provider/plugin and module/plugin give a plugin its meaning.
//
// An Engine loads the code of a plugin as a Program, of which Instances answer calls, one call at a time each. What
// the code may ask of the daemon is Host. A Manifest says what it is and what it is allowed.
package plugin
