package httpx

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
)

// Reply is an error whose answer is declared by a contract of its own, such as that of an operation. It wins over the
// table.
type Reply struct {
	Status      int      // of the answer
	Type        string   // "type" of the body, and the metric label
	Text        string   // "error" of the body
	Param       string   // "param" of the body: the parameter that is to blame; "": none
	Suggestions []string // "suggestions" of the body; nil: none
	Plain       bool     // the body is Text alone, as plain text
	Err         error    // what is behind it, for the log; nil: nothing
}

// Error is part of error.
func (r *Reply) Error() string {
	text := r.Type + ": " + r.Text
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	return text
}

// Unwrap returns what is behind it.
func (r *Reply) Unwrap() error { return r.Err }

// body is what the client is told.
func (r *Reply) body() []byte {
	if r.Plain {
		return []byte(r.Text)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(struct { // texts only: cannot fail
		Type        string   `json:"type"`
		Error       string   `json:"error"`
		Param       string   `json:"param,omitempty"`
		Suggestions []string `json:"suggestions,omitempty"`
	}{r.Type, r.Text, r.Param, r.Suggestions})
	return out.Bytes()
}

// row is its line of the table.
func (r *Reply) row() *row {
	level := slog.LevelDebug
	switch {
	case r.Status >= 500:
		level = slog.LevelWarn
	case r.Status == 401 || r.Status == 403 || r.Status == 429:
		level = slog.LevelInfo
	}
	return &row{status: r.Status, label: r.Type, store: storeNever, level: level}
}

// replyOf returns the reply that err is, nil if it is none.
func replyOf(err error) *Reply {
	r, _ := errors.AsType[*Reply](err)
	return r
}
