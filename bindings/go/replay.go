package hexagent

// Reading a journal: every step again, with its inputs and decisions, and questions to the state.

// #include <hexagent/hexagent.h>
import "C"

import "unsafe"

// Replay is a journal lived through again, a step at a time. Nothing in the journal is changed; a
// scheduler may be writing it. All methods belong to one goroutine at a time.
//
//	for replay.Next() {
//		if replay.Info().Different != 0 {
//			// Decisions() is what is decided now, Recorded() what was
//		}
//	}
//	err = replay.Err()
type Replay struct {
	handle *C.hexagent_replay // nil once closed
	state  Scheduler          // the replay's own, for questions
	info   ReplayInfo
	err    error
}

// ReplayInfo is what a step of a replay was; at the journal's end, what its end is.
type ReplayInfo struct {
	// of the writer, packed as HEXAGENT_VERSION
	LibraryVersion uint32
	// 1, 2, 3 ...: the last one replayed
	Step uint64
	// taken so far, this step's included
	Inputs uint64
	NowNs  int64
	// of this step
	InputsCount uint32
	// what the replay decided
	DecisionsCount uint32
	// what the journal says was decided
	RecordedCount uint32
	// 1: hexagent_replay_recorded() has them; 0: the journal has a hash
	RecordedFull uint32
	// 1: the decisions are not those of the journal
	Different uint32
	// index of the first that is not; needs recorded_full
	FirstDifferent uint32
	// at the end: 1 = the journal was closed in good order
	Closed uint32
	// at the end: whole frames in what was cut off
	CutFrames uint32
	// at the end: torn tail that does not count, as a crash leaves it
	CutBytes uint64
	// steps before those that are replayed; not 0: it began with a snapshot
	FirstStep uint64
	// which: the segment it precedes; 0 = none
	SnapshotSegment uint32
	// passed so far, and the state was the same to the last bit
	SnapshotsSame uint32
	// passed so far, and it was another one
	SnapshotsDifferent uint32
	// passed so far or at open: damaged or of another release
	SnapshotsUnread uint32
	// what the last one of these two kinds was; empty = none
	SnapshotText string
}

func (r *replayInfoRecord) info() ReplayInfo {
	return ReplayInfo{
		LibraryVersion:     r.LibraryVersion,
		Step:               r.Step,
		Inputs:             r.Inputs,
		NowNs:              r.NowNs,
		InputsCount:        r.InputsCount,
		DecisionsCount:     r.DecisionsCount,
		RecordedCount:      r.RecordedCount,
		RecordedFull:       r.RecordedFull,
		Different:          r.Different,
		FirstDifferent:     r.FirstDifferent,
		Closed:             r.Closed,
		CutFrames:          r.CutFrames,
		CutBytes:           r.CutBytes,
		FirstStep:          r.FirstStep,
		SnapshotSegment:    r.SnapshotSegment,
		SnapshotsSame:      r.SnapshotsSame,
		SnapshotsDifferent: r.SnapshotsDifferent,
		SnapshotsUnread:    r.SnapshotsUnread,
		SnapshotText:       text(r.SnapshotText[:]),
	}
}

// Questions may be asked of the state after the last step; they change nothing. They are those of a
// Scheduler, and answer ErrClosed once the replay is closed.
type Questions interface {
	CallState(workflow, call uint64) (State, error)
	Explain(workflow, call uint64) (string, error)
	Metrics() (string, error)
	NameText(name uint32) (string, error)
	Stats() (Stats, error)
	WorkerQuery(worker uint32) (WorkerInfo, error)
	WorkflowQuery(workflow uint64) (WorkflowInfo, error)
}

// OpenReplay opens the journal in a folder. An *Error tells file and offset of what is wrong. The
// caller closes the replay.
func OpenReplay(path string) (*Replay, error) {
	detail := newDetail()
	r := &Replay{}
	status := withStrings(path, "", func(path, _ *C.char) C.hexagent_status {
		version := C.uint32_t(VersionMajor<<16 | VersionMinor<<8 | VersionPatch)
		r.handle = C.hexagent_replay_open(path, version, detail.pointer())
		return C.hexagent_status(detail.Status)
	})
	if r.handle == nil {
		return nil, detail.err(status)
	}
	r.state.handle = C.hexagent_replay_scheduler(r.handle)
	return r, nil
}

// Close frees the replay. It may be called again.
func (r *Replay) Close() error {
	r.state.lock.Lock()
	r.state.handle = nil // it goes with the replay
	r.state.lock.Unlock()
	C.hexagent_replay_close(r.handle)
	r.handle = nil
	return nil
}

// Next takes the inputs of the next step and decides. It is false at the end of the journal, and
// after an error, which Err tells. That other decisions come out than were recorded is no error.
func (r *Replay) Next() bool {
	if r.handle == nil && r.err == nil {
		r.err = ErrClosed
	}
	if r.err != nil {
		return false
	}
	detail := newDetail()
	info := replayInfoRecord{structSize: uint32(unsafe.Sizeof(replayInfoRecord{}))}
	answer := Status(C.hexagent_replay_step(r.handle,
		(*C.hexagent_replay_info)(unsafe.Pointer(&info)), detail.pointer()))
	if answer < 0 {
		r.err = detail.err(answer)
		return false
	}
	r.info = info.info()
	return answer == 1
}

// Err is why Next was false, nil at the end of the journal.
func (r *Replay) Err() error { return r.err }

// Info is about the last step; at the end, about the end.
func (r *Replay) Info() ReplayInfo { return r.info }

// Questions asks the state after the last step.
func (r *Replay) Questions() Questions { return &r.state }

// Decisions are what the replay decided in the last step.
func (r *Replay) Decisions() ([]Decision, error) {
	return r.decisions(r.info.DecisionsCount, func(decisions *C.hexagent_decision, capacity C.uint32_t) C.int32_t {
		return C.hexagent_replay_decisions(r.handle, 0, decisions, capacity)
	})
}

// Recorded are those that the journal holds of the last step; none if it holds hashes only.
func (r *Replay) Recorded() ([]Decision, error) {
	return r.decisions(r.info.RecordedCount, func(decisions *C.hexagent_decision, capacity C.uint32_t) C.int32_t {
		return C.hexagent_replay_recorded(r.handle, 0, decisions, capacity)
	})
}

func (r *Replay) decisions(count uint32,
	call func(decisions *C.hexagent_decision, capacity C.uint32_t) C.int32_t) ([]Decision, error) {
	if r.handle == nil {
		return nil, ErrClosed
	}
	decisions := make([]Decision, count)
	written := Status(call((*C.hexagent_decision)(unsafe.Pointer(first(decisions))), C.uint32_t(count)))
	if written < 0 {
		return nil, written
	}
	return decisions[:written], nil
}

// Inputs are those of the last step, without their records.
func (r *Replay) Inputs() ([]Input, error) {
	if r.handle == nil {
		return nil, ErrClosed
	}
	inputs := make([]Input, r.info.InputsCount)
	for i := range inputs {
		status := Status(C.hexagent_replay_input(r.handle, C.uint32_t(i),
			(*C.hexagent_input)(unsafe.Pointer(&inputs[i])), nil, 0))
		if status < 0 {
			return nil, status
		}
	}
	return inputs, nil
}
