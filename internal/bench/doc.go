// Package bench measures registryd against nginx, curl and tar. `make bench`
// runs it and prints one table; a row alone is measured with
//
//	go test -run '^$' -bench 'Budgets/cold' -benchtime 1x ./internal/bench
//
// # How to read the table
//
// Every line with a budget compares two things that were measured in turns in
// one run on one machine, and is their ratio; so lines of two runs, or of two
// machines, may be compared where times may not. A ratio is the median of
// several rounds. Lines in ms and MB are what they say and do depend on the
// machine. Lines without a budget are there to explain the others.
//
// The last column says whether the budget holds. A budget that does not hold
// does not fail the run: a busy machine is no defect. What cannot be measured
// does.
//
//   - cold: nothing of the package is held. The time from the request until the
//     first byte of one file comes out of nginx, over the time of
//     "curl TARBALL | tar xz" for the same tarball from the same server. Below 1
//     the first visitor gets a file before tar would have written them all.
//   - touch: the package is held, the file was never asked for.
//   - daemon: requests per second that registryd answers itself, on one
//     processor, over those of one nginx worker that sends a file of 1 KB. Above
//     0.5 it takes two of them to replace one nginx.
//   - herd: 1,000 visitors at once ask for files of a package that is not held.
//   - memory: resident memory of the daemon, idle, and at most beyond that.
//   - start: until /-/readyz says yes, with 100,000 releases in the data directory.
//   - plugins: a call of a plugin by each engine, one that reads a document from a server on the same machine, a reload
//     with its warm instances, and the memory of one virtual machine. No request of a client is in front of them.
//   - hits: processor time that nginx spends on a file of the view, over what it
//     spends on the same file in a bare "location / { root …; }", by one worker each. Below 1 the
//     generated configuration costs nothing. Requests per second are above 1
//     where it is faster. The full set logs every hit, and so does the bare
//     server, in nginx's own way; a line of its own compares the full set with
//     one that writes no log. The server around the include writes none either,
//     and is compared with that.
package bench
