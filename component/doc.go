// Package component is the component registry: hosts announce which versions of
// their dependencies they provide, and get for every published component the
// newest version that is compatible with that.
//
// # Hosts
//
// The id of a host is a function of its dependencies alone (HostID): the pairs
// of name and range, sorted as a browser sorts text, as compact JSON, hashed by
// MurmurHash3 over UTF-16 units. Two maps may have one id, so the registry keeps
// the map and refuses the second.
//
// # Compatibility
//
// A version of a component is compatible with a host when each of its
// dependencies is one of the host's, and both ranges have a version in common.
// Where the lowest version that the host may have does not satisfy the
// component, that is a Mismatch: told to people, and otherwise of no
// consequence.
//
// # The index
//
// For every host and component the index has the highest compatible version.
// That follows from hosts and versions alone, whatever the order in which they
// came: so what is stored is both, and the index is made from it in memory.
package component
