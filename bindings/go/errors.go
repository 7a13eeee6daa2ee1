package hexagent

import (
	"bytes"
	"fmt"
)

// Error is the sentence for a status.
func (s Status) Error() string { return statusText(s) }

// String is the name of a status, e.g. "HEXAGENT_E_CYCLE".
func (s Status) String() string { return statusName(s) }

// Err is nil for a status that is no error.
func (s Status) Err() error {
	if s >= 0 {
		return nil
	}
	return s
}

// Error is a refused set-up with what the library says of it. errors.Is finds its status.
type Error struct {
	Status Status
	Field  Field  // what the text speaks of, FieldNone if nothing
	Text   string // names key or field, value and bounds
}

func (e *Error) Error() string {
	if e.Text == "" {
		return e.Status.Error()
	}
	return e.Text
}

// Unwrap gives the status to errors.Is.
func (e *Error) Unwrap() error { return e.Status }

// ItemError is the first record of a batch that was not taken. errors.Is finds its status.
type ItemError struct {
	Index  int
	Status Status
}

func (e *ItemError) Error() string { return fmt.Sprintf("record %d: %s", e.Index, e.Status.Error()) }

// Unwrap gives the status to errors.Is.
func (e *ItemError) Unwrap() error { return e.Status }

// err is nil for success, else an *Error with the detail.
func (e *errorRecord) err(status Status) error {
	if status >= 0 {
		return nil
	}
	return &Error{Status: status, Field: e.Field, Text: text(e.Text[:])}
}

// Err is the status of a refusal, a rejection or an end that is not a success.
func (d *Decision) Err() error { return d.Status.Err() }

// ConfigInfo describes one key of the configuration.
type ConfigInfo struct {
	Key     string
	Default string
	Text    string  // with the unit; for a name, the names allowed
	Minimum float64 // both 0 for a key that takes a name
	Maximum float64
	Live    bool // Configure may change it while running
}

func (r *configInfoRecord) info() ConfigInfo {
	return ConfigInfo{Key: text(r.Key[:]), Default: text(r.DefaultValue[:]), Text: text(r.Text[:]),
		Minimum: r.Minimum, Maximum: r.Maximum, Live: r.Live != 0}
}

// text is the string before the terminating zero.
func text(buffer []byte) string {
	if end := bytes.IndexByte(buffer, 0); end >= 0 {
		buffer = buffer[:end]
	}
	return string(buffer)
}
