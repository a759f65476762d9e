// Package docs holds nothing but tests: they keep the documents of the project
// true. Configurations in them must load, commands, flags, targets, metrics and
// statuses must exist, links must lead somewhere, and the requests that the
// README tabulates are sent to a running daemon.
package docs
