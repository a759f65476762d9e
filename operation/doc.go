// Package operation serves HTTP endpoints that are described as data. A Descriptor declares an endpoint: its path, its
// parameters with their sources, types and defaults, its answer and its errors. New makes an Operation of a Descriptor
// and an Implementation; a Router serves many of them.
//
// A request passes these steps, and the first that refuses it answers: authorisation; middleware; the body is parsed;
// the arguments are looked up, deserialised and checked, in the order of their declaration; the precondition; the
// handler; the postcondition; the check of the answer.
//
// Two spellings are understood, see ParseJSON: declarations whose handlers get their arguments by position, and those of
// protocols, whose parameters come from the path or from a JSON body alone and are missed with status 422. What the
// second ones do otherwise is marked by Descriptor.Protocol.
//
// Errors are answered by the table of internal/httpx as {"type", "error"}, with "param" where a parameter is to blame.
package operation
