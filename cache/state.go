package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// List returns the stored version list of one provider, whose form is the
// caller's. Errors: outcome.NotFound, outcome.Busy.
func (c *Cache) List(name pkgref.Name, provider string) ([]byte, error) {
	data, err := c.root.ReadFile(listFile(name, provider))
	if isMissing(err) || nameTooLong(err) {
		return nil, outcome.New(outcome.NotFound, "no version list of %s from %s is held", name, provider)
	}
	return data, durable.Wrap(err, "read version list of %s from %s", name, provider)
}

// PutList stores the version list of one provider. Errors: outcome.Busy.
func (c *Cache) PutList(name pkgref.Name, provider string, data []byte) error {
	return c.disk.WriteFile(listFile(name, provider), data, durable.Options{Mode: 0o600})
}

// DropList removes the version list of one provider. Errors: outcome.Busy.
func (c *Cache) DropList(name pkgref.Name, provider string) error {
	err := c.root.Remove(listFile(name, provider))
	if isMissing(err) {
		return nil
	}
	return durable.Wrap(err, "remove version list of %s from %s", name, provider)
}

// maxMarks bounds the marks of one package, since anybody can ask for versions
// that do not exist.
const maxMarks = 64

// mark says that a version is absent.
type mark struct {
	Until int64  `json:"until"` // Unix time
	Asked string `json:"asked"` // who said so, as given to MarkAbsent
}

func absentFile(name pkgref.Name) string { return stateDir(name) + "/absent.json" }

// marked reads the marks of name that still hold. What cannot be read counts as
// absent: a mark only spares a question.
func (c *Cache) marked(name pkgref.Name) map[string]mark {
	data, err := c.root.ReadFile(absentFile(name))
	if err != nil {
		return nil
	}
	var marks map[string]mark
	if err := json.Unmarshal(data, &marks); err != nil {
		c.log.Warn("state file is unreadable and counts as absent", "file", absentFile(name), "error", err)
		return nil
	}
	now := c.now().Unix()
	maps.DeleteFunc(marks, func(_ string, m mark) bool { return m.Until <= now })
	return marks
}

// MarkAbsent remembers for ttl that a version does not exist, if anything is
// held of the package: a name that does not exist costs no disk. asked stands for
// those who know. Errors: outcome.Busy.
func (c *Cache) MarkAbsent(name pkgref.Name, v pkgref.Version, asked string, ttl time.Duration) error {
	c.marks.Lock()
	defer c.marks.Unlock()
	if !c.Known(name) {
		return nil
	}
	marks := c.marked(name)
	if len(marks) >= maxMarks {
		return nil
	}
	if marks == nil {
		marks = map[string]mark{}
	}
	marks[v.String()] = mark{c.now().Add(ttl).Unix(), asked}
	data, err := json.Marshal(marks)
	if err != nil {
		return fmt.Errorf("encode marks of %s: %w", name, err)
	}
	return c.disk.WriteFile(absentFile(name), append(data, '\n'), durable.Options{Mode: 0o600})
}

// AbsentFor returns how long a version still counts as absent for those who
// would be asked for it; 0 if it does not.
func (c *Cache) AbsentFor(name pkgref.Name, v pkgref.Version, asked string) time.Duration {
	m, ok := c.marked(name)[v.String()]
	if !ok || m.Asked != asked {
		return 0
	}
	return max(0, time.Unix(m.Until, 0).Sub(c.now()))
}

// ClearAbsent forgets the marks of name. Errors: outcome.Busy.
func (c *Cache) ClearAbsent(name pkgref.Name) error {
	err := c.root.Remove(absentFile(name))
	if isMissing(err) {
		return nil
	}
	return durable.Wrap(err, "remove marks of %s", name)
}

// Audit appends one line to the audit log and puts it on the disk. record is
// encoded as JSON. Errors: outcome.Busy; the log is as before then.
func (c *Cache) Audit(record any) error {
	data, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode audit record: %w", err)
	}
	c.audits.Lock()
	defer c.audits.Unlock()
	f, err := c.root.OpenFile(dirState+"/audit.jsonl", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return durable.Wrap(err, "open audit log")
	}
	defer f.Close()
	size, err := appendWhole(f, append(data, '\n'))
	if err != nil {
		return durable.Wrap(err, "write audit log")
	}
	if size == 0 { // its first line: the name must survive too
		return c.syncState()
	}
	return nil
}

// appendWhole appends data and puts it on the disk, or else takes back what
// there was room for. It returns the size from before.
func appendWhole(f *os.File, data []byte) (size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err != nil {
		err = errors.Join(err, f.Truncate(info.Size()))
	}
	return info.Size(), err
}

func (c *Cache) syncState() error {
	dir, err := c.root.Open(dirState)
	if err != nil {
		return durable.Wrap(err, "synchronise %s", dirState)
	}
	return durable.Wrap(errors.Join(dir.Sync(), dir.Close()), "synchronise %s", dirState)
}

// Note returns a small text that PutNote kept under a plain word, "" if none.
func (c *Cache) Note(key string) string {
	data, err := c.root.ReadFile(dirState + "/notes/" + key)
	if err != nil {
		return ""
	}
	return string(data)
}

// PutNote keeps a small text for the next start. Errors: outcome.Busy.
func (c *Cache) PutNote(key, text string) error {
	return c.disk.WriteFile(dirState+"/notes/"+key, []byte(text), durable.Options{Mode: 0o600})
}
