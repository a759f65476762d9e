// Package archtest holds nothing but tests: they compare the source of the
// module with the rules that it is written by. Which package may import which
// is a literal table there, so that a new package, or a new edge between two,
// is a decision somebody takes and a diff shows.
package archtest
