// Package templates writes the nginx configuration of a registryd from its
// settings. It is pure: text goes in and out, no file is opened and no program
// is run, so one Input gives the same bytes on every machine.
//
// Two forms are written, and they answer alike. Render gives the full set: a
// part for http{} (upstream, proxy cache, maps), a part for server{}, three
// small files that they include, and a runnable nginx.conf around them. Include
// gives one file for somebody else's server{}; it can use no map, so it
// decides by nested locations and by variables set in them, which survive
// nginx's internal redirect.
//
// # What the output promises
//
//   - A file of the view is answered by nginx alone. Everything else below the
//     public prefix goes to the daemon in one canonical spelling: decoded,
//     normalised and escaped again, without query, body or client headers.
//   - The guard refuses by the raw request URI, before disk and daemon are
//     asked, what the daemon would refuse.
//   - Only answers without a body of their own worth keeping are cached by
//     nginx: redirects and 404. An answer that carries Cache-Control is never
//     kept, so a denied file cannot linger in the proxy cache; X-Accel-Expires
//     overrides the period of the configuration. The metadata of an exact
//     version is the one 200 that is kept, for an hour.
//   - Requests are never serialised on a miss: the daemon shares the work.
//   - A refreshed redirect is fetched by the client that met the stale one, not
//     in the background: an answer that may not be cached (403 after a new
//     rule) would otherwise never displace the old redirect.
//   - An idle connection that the daemon closed is replaced by a new one; no
//     request is sent to the daemon twice otherwise.
//   - Exact versions are immutable for a year, the pin main for a minute; an
//     error carries no Cache-Control from nginx.
//   - Documents that can script (HTML, SVG, XML, PDF), the daemon's listings
//     among them, are sandboxed by Content-Security-Policy.
//   - Nothing below /-/ is ever routed, the admin prefix only on demand. With
//     the public prefix "/" both are closed explicitly.
//
// Compressed copies beside a file are sent by nginx's static modules. The one
// for brotli (ngx_brotli, up to what Debian 12 has) hands on a path that is a few
// bytes too long, which disable_symlinks then takes for one more directory: now
// and then it misses a copy, and the client gets gzip instead.
//
// With "accel: off" nginx may be unable to read the view, so neither form looks
// at the disk: the daemon is asked for every file and gets the client's range
// and conditions. The guard, the headers and the cache of redirects remain.
//
// # Trust
//
// A value of the configuration has been checked when it was loaded. Here it is
// checked again, by a narrower pattern, and then quoted; text that could end a
// token or start a variable is refused with the name of its field.
package templates
