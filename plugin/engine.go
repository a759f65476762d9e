package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
)

// The names of the functions that have a meaning of their own for Call.
const (
	HookAttach = "attach" // prepares an instance; see Instance.Call
	HookDetach = "detach" // is told that an instance ends; see Instance.Call
)

// ErrLimit is in the chain of every error of a call that was stopped by one of Limits, beside its outcome.
var ErrLimit = errors.New("limit reached")

// ErrMemory is in the chain beside ErrLimit where it was Limits.Memory.
var ErrMemory = errors.New("memory limit reached")

// Engine runs the code of one kind of plugin: JavaScript in the daemon, or a process. Safe for concurrent use.
type Engine interface {
	// Load reads and compiles the code that src names, without running any of it. ctx governs Load alone. host stays
	// usable until the program is closed. The caller closes the program.
	// Errors: outcome.Invalid for code that cannot be used, with file and line; the context's own.
	Load(ctx context.Context, src Source, host Host) (Program, error)
}

// Program is one loaded version of the code of a plugin. Safe for concurrent use.
type Program interface {
	// Start makes an instance: a virtual machine, or a running process. Its top-level code has run when Start
	// returns, within Limits.CPU and the deadline of ctx; attach has not been called. ctx governs Start alone. The
	// caller closes the instance.
	// Errors: a *Rejection where the top-level code throws; at a limit as Instance.Call; outcome.Unavailable
	// otherwise; the context's own.
	Start(ctx context.Context) (Instance, error)
	// Files lists what was read, so that a change of any of it can be noticed: slash paths relative to Source.Dir,
	// the manifest not among them.
	Files() []string
	// Close gives everything up that instances shared. It is called once, after the last instance was closed.
	Close() error
}

// Instance answers calls, one at a time: its methods are never called at once.
type Instance interface {
	// Describe tells what the code offers at present: attaching may change it. Errors: as Call.
	Describe(ctx context.Context) (Description, error)
	// Call runs a function of the code and waits until its promise settles. fn is one of Description.Hooks, or a
	// name that Description.Exports gives. Arguments and result are JSON. No result and undefined are nil; null is
	// "null".
	//
	// Two names may be called on every instance. HookAttach, with the context {"name", "config", "secrets"} as
	// argument: where the export is a function, it is called with the context, and what it returns, laid over the
	// properties of the function, is what the code offers from then on; then the attach hook is called with the
	// context, if there is one. HookDetach calls the detach hook, without arguments, if there is one. The result of
	// both is nil.
	//
	// Limits.CPU bounds the engine's time between two waits for the host, Limits.Memory the instance, Limits.Body the
	// result; the deadline of a call is that of ctx, and Call returns soon after ctx is done, whatever the code does.
	// Every use of the Host in a call gets the ctx of the call, or one derived from it; nothing of the Host is used
	// after Call returned.
	//
	// Errors: a *Rejection for what the code threw, or for a promise that was rejected or can never settle;
	// outcome.NotFound for a function that the code does not have; ErrLimit and outcome.Unavailable at a limit, or
	// outcome.TooSlow where the deadline of ctx passed; outcome.Unavailable when the process died; context.Canceled.
	Call(ctx context.Context, fn string, args ...json.RawMessage) (json.RawMessage, error)
	// Reusable tells whether the instance may answer another call. It may not after a limit was hit, or after its
	// ctx was done before the call returned, whatever the call answered.
	Reusable() bool
	// Close frees the instance. It is called once, never during a call, and calls no hook.
	Close() error
}

// Source is where the code of a plugin is, and what its manifest allows it.
type Source struct {
	// Dir is the absolute directory of the plugin. Nothing outside of it is read.
	Dir string
	// Manifest is the checked manifest, with all defaults filled in.
	Manifest Manifest
}

// Description is what the code offers.
type Description struct {
	// Hooks are the names of the functions that it exports at the top level, "check" and "attach" among them, sorted.
	Hooks []string
	// Exports is everything else that it exports, as a JSON object; nil where there is nothing. A function below the
	// top level stands in it as {"$func": "<name for Call>"}. Properties of a default export win over named exports
	// of the same name. What is no JSON is left out.
	Exports json.RawMessage
}

// Rejection is what the code of a plugin threw, or refused by deny, an HttpError or lderror.
type Rejection struct {
	// ID is the number of a rejection: the status given to deny, the id of {id: 404} or lderror; zero without one.
	ID int
	// Name is the name of the error's type, "TypeError"; of an HttpError the name that its author gave it,
	// "notFound"; empty for deny and for other values.
	Name string
	// Message is the author's text. It goes to logs; to clients only where Public is set.
	Message string
	// Data is what an HttpError carries beside its name, as JSON; nil: nothing.
	Data json.RawMessage
	// Stack is the trace, mapped to the author's source lines where the engine can. It goes to logs alone.
	Stack string
	// Public tells that it was made by deny or an HttpError, whose texts are written for clients.
	Public bool
}

// located is the text of err with the line of the code that threw, as far as it is known: for people who are not shown
// the whole trace.
func located(err error) string {
	r, ok := errors.AsType[*Rejection](err)
	if !ok || r.Stack == "" {
		return err.Error()
	}
	first, _, _ := strings.Cut(r.Stack, "\n")
	return err.Error() + " " + first
}

// Error says what was thrown, in one line.
func (r *Rejection) Error() string {
	switch {
	case r.Name == "" && r.Message == "":
		return "rejected"
	case r.Name == "":
		return r.Message
	case r.Message == "":
		return r.Name
	}
	return r.Name + ": " + r.Message
}
