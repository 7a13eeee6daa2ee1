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

// JournalInfo is what became of a scheduler's journal, and what came back from it at Open.
type JournalInfo struct {
	// OK; why it has failed; closed after the last step
	Status Status
	// 0 = the journal was new
	RecoveredSteps uint64
	// of all its life
	RecoveredInputs uint64
	// sequence number of the last one; 0 = none
	RecoveredDecisions uint64
	// time of the last step, the journal's clock
	RecoveredNowNs int64
	// the journal's clock minus the caller's; manual driving: 0 until a step
	ClockShiftNs int64
	// torn tail that a crash had left and that does not count
	CutBytes uint64
	// whole frames in it
	CutFrames uint32
	// it had been closed in good order
	Closed bool
	// why it has failed, with file and reason; empty otherwise
	Text string
	// of RecoveredSteps, those that a snapshot stood for; 0 = none
	SnapshotSteps uint64
	// the segment it precedes; 0 = recovered from the first segment
	SnapshotSegment uint32
	// newer ones that were damaged and passed over
	SnapshotsPassed uint32
	// why the last one was passed over at open, or was skipped or could not be written since
	SnapshotText string
}

func (r *journalInfoRecord) info() JournalInfo {
	return JournalInfo{Status: r.Status, RecoveredSteps: r.RecoveredSteps, RecoveredInputs: r.RecoveredInputs,
		RecoveredDecisions: r.RecoveredDecisions, RecoveredNowNs: r.RecoveredNowNs, ClockShiftNs: r.ClockShiftNs,
		CutBytes: r.CutBytes, CutFrames: r.CutFrames,
		Closed: r.Closed != 0, Text: text(r.Text[:]),
		SnapshotSteps: r.SnapshotSteps, SnapshotSegment: r.SnapshotSegment,
		SnapshotsPassed: r.SnapshotsPassed, SnapshotText: text(r.SnapshotText[:])}
}

// text is the string before the terminating zero.
func text(buffer []byte) string {
	if end := bytes.IndexByte(buffer, 0); end >= 0 {
		buffer = buffer[:end]
	}
	return string(buffer)
}
