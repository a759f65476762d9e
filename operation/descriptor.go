package operation

import (
	"cmp"
	"time"
)

// Source is where the value of a parameter is looked for.
type Source string

// The sources.
const (
	InAny    Source = "any"    // path, then body, then query
	InPath   Source = "path"   // a placeholder of the path
	InQuery  Source = "query"  // the query string
	InBody   Source = "body"   // a member of the JSON or form body
	InHeader Source = "header" // a header of that name
)

// The ways in which an answer becomes a body.
const (
	SerializeText = "text" // texts as they are, everything else as JSON; the default
	SerializeJSON = "json" // JSON, below status 300; above it as text
	SerializeRaw  = "raw"  // bytes
)

// Descriptor declares one operation. The zero value of each field means what is stated.
type Descriptor struct {
	// Name is what commands, logs and metrics call it; "": the path.
	Name string
	// Description is for people.
	Description string
	// Method is in capital letters; "": every method.
	Method string
	// Path below the prefix of all modules, with a slash in front; placeholders are {name} or :name.
	Path string
	// Key asks for the API key.
	Key bool
	// Params in the order in which handlers get them.
	Params []Param
	// NoBody leaves the body alone.
	NoBody bool
	// MissingStatus answers a parameter that is missing; 0: 400, or 422 of a protocol.
	MissingStatus int
	// Protocol marks an operation of a protocol: all missing parameters are named, keys of bodies are converted to
	// kebab-case, unknown ones are passed on, errors have type and text alone, and a wrong key is told in plain text.
	Protocol bool
	// Response is what it answers.
	Response Response
	// Faults are the errors that the handler may end by.
	Faults []Fault
	// LongRunning makes it a task: its request is answered before it is done; nil: it is none.
	LongRunning *LongRunning
	// Middleware by name, run in this order before anything is parsed.
	Middleware []string
	// Messages are what a client prints, before and after.
	Messages Messages
	// Handler says what runs it.
	Handler Handler
}

// Messages of a protocol's operation, for its clients. {name} stands for a parameter, {results} for the answer.
type Messages struct {
	Begin string // when the request is sent
	Done  string // when it succeeded
}

// Handler names what runs an operation. At most one field is set.
type Handler struct {
	Builtin  string        // by name, one that the program has
	Code     string        // by name, a function of the module's code
	Static   string        // a directory, relative to the module's
	MaxAge   time.Duration // of static files in caches; 0: nothing is said
	Upstream string        // URL of a server that answers in its place
}

// Param declares one parameter.
type Param struct {
	Name        string // on the wire
	In          Source // "": InAny
	Description string // for people
	// Type is a shorthand of Schema: string, number, integer, boolean, date, json, object, array; "": any.
	Type string
	// Optional lets it be missing without a default.
	Optional bool
	// Default is its value when it is missing, if HasDefault is set; nil is null.
	Default    any
	HasDefault bool // see Default
	// JSON deserialises texts as JSON.
	JSON bool
	// Deserialize names the function of the implementation that deserialises texts; "": none.
	Deserialize string
	// Schema is a JSON schema of version 2020-12, or of draft 3 in the parts that New converts; nil: none.
	Schema any
}

// Required reports whether a request must have the parameter.
func (p *Param) Required() bool { return !p.Optional && !p.HasDefault }

// Response declares an answer.
type Response struct {
	Status int // on success; 0: 200
	// Serialize is SerializeText, SerializeJSON or SerializeRaw; "": SerializeText, or SerializeJSON of a protocol.
	Serialize string
	// Keys must be there in the object that is answered, or, with List, in each element of the list. nil: no check.
	Keys []Key
	List bool // see Keys
	// Unchecked switches the check off.
	Unchecked bool
}

// Key is one member of a declared answer.
type Key struct {
	Name string // of the member
	Type string // for people; not checked
}

// Fault is a declared error.
type Fault struct {
	Name        string   // "type" of its body
	Status      int      // 0: 500
	Message     string   // "error" of its body; {name} stands for the value of a declared parameter, outside of protocols
	Suggestions []string // what may help
}

// LongRunning says how a task runs.
type LongRunning struct {
	// Manual lets the handler decide, by Call.Detach, whether the request is answered before it is done.
	Manual bool
	// Estimate is how long it takes, as far as it is known; 0: unknown.
	Estimate time.Duration
}

// name is what the operation is called.
func (d *Descriptor) name() string { return cmp.Or(d.Name, d.Path) }

// missing is the status of a missing parameter.
func (d *Descriptor) missing() int {
	switch {
	case d.MissingStatus != 0:
		return d.MissingStatus
	case d.Protocol:
		return 422
	}
	return 400
}

// success is the status of an answer that names none.
func (d *Descriptor) success() int { return cmp.Or(d.Response.Status, 200) }

// fault finds a declared error.
func (d *Descriptor) fault(name string) (Fault, bool) {
	for _, f := range d.Faults {
		if f.Name == name {
			f.Status = cmp.Or(f.Status, 500)
			return f, true
		}
	}
	return Fault{}, false
}
