// Package module joins the operations of all modules to one API, served below one prefix, and replaces modules while
// requests run.
//
// A Unit is one loaded version of a module: its operations, and the functions and values that it offers to others. A
// Table is a set of units that get along: no two of them have routes that collide, or the same key. API is what stays
// the same while one Table takes the place of another. A request enters the unit that is in force when it comes, and
// ends there; nothing that it enters is given up before it ends.
//
// Modules written in Go are a Set, which makes a new instance of each for a reload. Those of other languages are made
// by package module/plugin.
//
// Below the prefix lie the operations of all modules, by their paths. Reserved are the empty path, which answers help,
// openapi.json, tasks/ and user/.
package module
