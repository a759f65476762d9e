package main

// Run is run, for the tests outside the package.
var Run = run
