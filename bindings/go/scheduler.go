package hexagent

// The one file with cgo. Every method takes the lock for reading, so that Close, which takes it for
// writing, never frees a handle in use. Wait holds no lock while it waits.

/*
#cgo pkg-config: hexagent
#include <fcntl.h>
#include <hexagent/hexagent.h>
#include <poll.h>
#include <stdlib.h>

// Go's netpoller reports changes only; this asks for the present state.
static int readable(int fd) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  return poll(&entry, 1, 0) > 0;
}

// Non-blocking, since the runtime else gives it a thread of its own to wait on.
static int duplicate_for_runtime(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -1;
  return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}
*/
import "C"

import (
	"os"
	"sort"
	"strings"
	"sync"
	"unsafe"
)

// Config holds keys and values as hexagent_config_set takes them, e.g. "policy": "hexagent".
// DescribeConfig tells which there are.
type Config map[string]string

// Scheduler is one scheduler; several may live side by side. In manual driving (the default) all of
// its methods belong to one goroutine at a time; with "driving": "thread" inputs and questions come
// from any, with "loop" inputs do. Poll, RunOnce, Wait and Run always belong to one at a time, and
// only Close may come from any whatever runs.
type Scheduler struct {
	lock   sync.RWMutex
	handle *C.hexagent_scheduler // nil once closed
	events *os.File              // duplicate of the event descriptor, nil in manual driving
	loop   bool                  // driven by our own event loop
}

// The library must read and write these records as C lays them out.
const (
	_ = uint(unsafe.Sizeof(Call{}) - C.sizeof_hexagent_call)
	_ = uint(C.sizeof_hexagent_call - unsafe.Sizeof(Call{}))
	_ = uint(unsafe.Sizeof(Decision{}) - C.sizeof_hexagent_decision)
	_ = uint(C.sizeof_hexagent_decision - unsafe.Sizeof(Decision{}))
)

// LibraryVersion is the packed version of the loaded library: major << 16 | minor << 8 | patch.
func LibraryVersion() uint32 { return uint32(C.hexagent_version()) }

func statusName(status Status) string { return C.GoString(C.hexagent_status_name(C.int32_t(status))) }
func statusText(status Status) string { return C.GoString(C.hexagent_status_text(C.int32_t(status))) }

// String is the name of a field as it stands in the records, e.g. "prompt_tokens".
func (f Field) String() string { return C.GoString(C.hexagent_field_name(C.uint32_t(f))) }

func newDetail() errorRecord { return errorRecord{structSize: uint32(unsafe.Sizeof(errorRecord{}))} }

func (e *errorRecord) pointer() *C.hexagent_error { return (*C.hexagent_error)(unsafe.Pointer(e)) }

// DescribeConfig lists all keys of the configuration with their bounds and defaults.
func DescribeConfig() []ConfigInfo {
	var infos []ConfigInfo
	for index := C.uint32_t(0); ; index++ {
		record := configInfoRecord{structSize: uint32(unsafe.Sizeof(configInfoRecord{}))}
		if C.hexagent_config_describe(index, (*C.hexagent_config_info)(unsafe.Pointer(&record))) != 0 {
			return infos
		}
		infos = append(infos, record.info())
	}
}

// Open opens a scheduler; nil stands for all defaults. A wrong key or value is an *Error that names
// it. The caller closes the scheduler.
func Open(config Config) (*Scheduler, error) {
	raw := C.hexagent_config_create()
	if raw == nil {
		return nil, ErrNoMemory
	}
	defer C.hexagent_config_free(raw)
	keys := make([]string, 0, len(config))
	for key := range config {
		keys = append(keys, key)
	}
	sort.Strings(keys) // the same mistake is reported each time
	detail := newDetail()
	for _, key := range keys {
		status := withStrings(key, config[key], func(key, value *C.char) C.hexagent_status {
			return C.hexagent_config_set(raw, key, value, detail.pointer())
		})
		if err := detail.err(status); err != nil {
			return nil, err
		}
	}
	version := C.uint32_t(VersionMajor<<16 | VersionMinor<<8 | VersionPatch)
	handle := C.hexagent_open(raw, version, detail.pointer())
	if handle == nil {
		return nil, detail.err(detail.Status)
	}
	s := &Scheduler{handle: handle, loop: config["driving"] == "loop"}
	if fd := C.hexagent_event_fd(handle); fd >= 0 {
		// The descriptor stays the library's; the runtime tracks and closes what it is given.
		duplicate := C.duplicate_for_runtime(C.int(fd))
		if duplicate < 0 {
			C.hexagent_close(handle)
			return nil, ErrSystem
		}
		s.events = os.NewFile(uintptr(duplicate), "hexagent")
	}
	return s, nil
}

// Close frees the scheduler, a poisoned one too. It may be called again; methods then answer
// ErrClosed.
func (s *Scheduler) Close() error {
	s.lock.Lock()
	defer s.lock.Unlock()
	C.hexagent_close(s.handle)
	s.handle = nil
	if s.events != nil {
		s.events.Close() // ends a Wait
	}
	return nil
}

// use runs a call into the library with a handle that stays open meanwhile.
func (s *Scheduler) use(call func(handle *C.hexagent_scheduler) C.int32_t) Status {
	s.lock.RLock()
	defer s.lock.RUnlock()
	if s.handle == nil {
		return ErrClosed
	}
	return Status(call(s.handle))
}

// withStrings lends two zero-terminated strings; one with a zero inside would reach C cut short.
func withStrings(a, b string, call func(a, b *C.char) C.hexagent_status) Status {
	if strings.IndexByte(a, 0) >= 0 || strings.IndexByte(b, 0) >= 0 {
		return ErrArgument
	}
	cA, cB := C.CString(a), C.CString(b)
	defer C.free(unsafe.Pointer(cA))
	defer C.free(unsafe.Pointer(cB))
	return Status(call(cA, cB))
}

// Configure changes a live key while running; its verdict is a decision with user data 0.
func (s *Scheduler) Configure(key, value string) error {
	detail := newDetail()
	return detail.err(s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.int32_t(withStrings(key, value, func(key, value *C.char) C.hexagent_status {
			return C.hexagent_configure(handle, key, value, detail.pointer())
		}))
	}))
}

// Name interns a string (class, stage, tenant, model, GPU, domain); the same text has one id.
func (s *Scheduler) Name(text string) (uint32, error) {
	return s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_name(handle, chars(text), C.uint32_t(len(text)))
	})
}

// Label interns a worker label and returns its bit, 0 to 63.
func (s *Scheduler) Label(text string) (uint32, error) {
	return s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_label(handle, chars(text), C.uint32_t(len(text)))
	})
}

// NameText is the text of a name id.
func (s *Scheduler) NameText(name uint32) (string, error) {
	var buffer [256]byte
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_name_text(handle, C.uint32_t(name), (*C.char)(unsafe.Pointer(&buffer[0])),
			C.uint32_t(len(buffer)))
	})
	return text(buffer[:]), status.Err()
}

// chars lends the bytes of a string to a call that takes pointer and length.
func chars(text string) *C.char {
	bytes := append([]byte(text), 0)
	return (*C.char)(unsafe.Pointer(&bytes[0]))
}

func (s *Scheduler) count(call func(handle *C.hexagent_scheduler) C.int32_t) (uint32, error) {
	status := s.use(call)
	if status < 0 {
		return 0, status
	}
	return uint32(status), nil
}

// ProfileBuiltin is a profile that ships with the library, with this scheduler's name ids.
func (s *Scheduler) ProfileBuiltin(gpu, model string, tensorParallel uint32) (Profile, error) {
	profile := Profile{structSize: uint32(unsafe.Sizeof(Profile{}))}
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.int32_t(withStrings(gpu, model, func(gpu, model *C.char) C.hexagent_status {
			return C.hexagent_profile_builtin(handle, gpu, model, C.uint32_t(tensorParallel),
				(*C.hexagent_profile)(unsafe.Pointer(&profile)))
		}))
	})
	return profile, status.Err()
}

// ProfileDerive predicts a profile from hardware and model shape.
func ProfileDerive(gpu GPU, model Model, tensorParallel uint32) (Profile, error) {
	gpu.structSize = uint32(unsafe.Sizeof(gpu))
	model.structSize = uint32(unsafe.Sizeof(model))
	profile := Profile{structSize: uint32(unsafe.Sizeof(Profile{}))}
	detail := newDetail()
	status := C.hexagent_profile_derive((*C.hexagent_gpu)(unsafe.Pointer(&gpu)),
		(*C.hexagent_model)(unsafe.Pointer(&model)), C.uint32_t(tensorParallel),
		(*C.hexagent_profile)(unsafe.Pointer(&profile)), detail.pointer())
	return profile, detail.err(Status(status))
}

// ProfileSet registers or replaces a profile. Verdict as a decision.
func (s *Scheduler) ProfileSet(profile Profile, userData uint64) error {
	profile.structSize = uint32(unsafe.Sizeof(profile))
	detail := newDetail()
	return detail.err(s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_profile_set(handle, (*C.hexagent_profile)(unsafe.Pointer(&profile)),
			C.uint64_t(userData), detail.pointer())
	}))
}

// ModelSet registers or replaces a model's shape. Verdict as a decision.
func (s *Scheduler) ModelSet(model Model, userData uint64) error {
	model.structSize = uint32(unsafe.Sizeof(model))
	detail := newDetail()
	return detail.err(s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_model_set(handle, (*C.hexagent_model)(unsafe.Pointer(&model)),
			C.uint64_t(userData), detail.pointer())
	}))
}

// WorkerSet adds or updates a worker. Verdict as a decision.
func (s *Scheduler) WorkerSet(worker Worker, userData uint64) error {
	worker.structSize = uint32(unsafe.Sizeof(worker))
	detail := newDetail()
	return detail.err(s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_worker_set(handle, (*C.hexagent_worker)(unsafe.Pointer(&worker)),
			C.uint64_t(userData), detail.pointer())
	}))
}

// WorkerDrain stops new calls for a worker. Verdict as a decision.
func (s *Scheduler) WorkerDrain(worker, incarnation uint32, userData uint64) error {
	return s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_worker_drain(handle, C.uint32_t(worker), C.uint32_t(incarnation),
			C.uint64_t(userData))
	}).Err()
}

// WorkerLost tells that a worker is gone. Verdict as a decision.
func (s *Scheduler) WorkerLost(worker, incarnation uint32, userData uint64) error {
	return s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_worker_lost(handle, C.uint32_t(worker), C.uint32_t(incarnation),
			C.uint64_t(userData))
	}).Err()
}

// WorkerResync tells all calls of ours that a worker holds. Verdict as a decision.
func (s *Scheduler) WorkerResync(resync Resync, held []HeldCall) error {
	detail := newDetail()
	return detail.err(s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_worker_resync(handle, (*C.hexagent_resync)(unsafe.Pointer(&resync)),
			(*C.hexagent_held_call)(unsafe.Pointer(first(held))), C.uint32_t(len(held)),
			detail.pointer())
	}))
}

// LinkSet registers or replaces the bandwidth between two domains. Verdict as a decision.
func (s *Scheduler) LinkSet(link Link, userData uint64) error {
	link.structSize = uint32(unsafe.Sizeof(link))
	detail := newDetail()
	return detail.err(s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_link_set(handle, (*C.hexagent_link)(unsafe.Pointer(&link)),
			C.uint64_t(userData), detail.pointer())
	}))
}

// HeartbeatSubmit reports what engines say of themselves and returns how many were taken.
func (s *Scheduler) HeartbeatSubmit(heartbeats []Heartbeat) (int, error) {
	taken, err := s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_heartbeat_submit(handle,
			(*C.hexagent_heartbeat)(unsafe.Pointer(first(heartbeats))), C.uint32_t(len(heartbeats)))
	})
	return int(taken), err
}

// first points to a slice's first element, nil when there is none.
func first[T any](slice []T) *T {
	if len(slice) == 0 {
		return nil
	}
	return &slice[0]
}

// batch hands n records over and returns how many were taken and the first reason for one that was
// not. results may be nil; else it holds n statuses.
func (s *Scheduler) batch(n int, results []Status,
	call func(handle *C.hexagent_scheduler, results *C.hexagent_status) C.int32_t) (int, error) {
	if results == nil {
		results = make([]Status, n)
	}
	if len(results) != n || n > BatchMax {
		return 0, ErrArgument
	}
	taken, err := s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return call(handle, (*C.hexagent_status)(unsafe.Pointer(first(results))))
	})
	for i := 0; i < n && err == nil && int(taken) < n; i++ {
		if results[i] < 0 {
			err = &ItemError{Index: i, Status: results[i]}
		}
	}
	return int(taken), err
}

// WorkflowBegin begins workflows; results and errors are as in Submit.
func (s *Scheduler) WorkflowBegin(workflows []Workflow, results []Status) (int, error) {
	return s.batch(len(workflows), results,
		func(handle *C.hexagent_scheduler, results *C.hexagent_status) C.int32_t {
			return C.hexagent_workflow_begin(handle,
				(*C.hexagent_workflow)(unsafe.Pointer(first(workflows))),
				C.uint32_t(len(workflows)), results)
		})
}

// Submit reveals calls. deps and prefixes are what the records point into by offset and count.
//
// It returns how many were taken. When some were not, the error is an *ItemError for the first of
// them, and results, if given (as long as calls), has the status of each: take those with ErrAgain
// again after the next Poll.
func (s *Scheduler) Submit(calls []Call, deps []uint64, prefixes []Prefix, results []Status) (int, error) {
	return s.batch(len(calls), results,
		func(handle *C.hexagent_scheduler, results *C.hexagent_status) C.int32_t {
			return C.hexagent_submit(handle, (*C.hexagent_call)(unsafe.Pointer(first(calls))),
				C.uint32_t(len(calls)), (*C.uint64_t)(unsafe.Pointer(first(deps))),
				C.uint32_t(len(deps)), (*C.hexagent_prefix)(unsafe.Pointer(first(prefixes))),
				C.uint32_t(len(prefixes)), results)
		})
}

// Complete reports phases; results and errors are as in Submit.
func (s *Scheduler) Complete(reports []Report, results []Status) (int, error) {
	return s.batch(len(reports), results,
		func(handle *C.hexagent_scheduler, results *C.hexagent_status) C.int32_t {
			return C.hexagent_complete(handle,
				(*C.hexagent_report)(unsafe.Pointer(first(reports))), C.uint32_t(len(reports)), results)
		})
}

// Ready lifts CallHeld. Verdict as a decision.
func (s *Scheduler) Ready(workflow, call, userData uint64) error {
	return s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_ready(handle, C.uint64_t(workflow), C.uint64_t(call), C.uint64_t(userData))
	}).Err()
}

// CallCancel cancels a call and all that depend on it. Verdict as a decision.
func (s *Scheduler) CallCancel(workflow, call, userData uint64) error {
	return s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_call_cancel(handle, C.uint64_t(workflow), C.uint64_t(call),
			C.uint64_t(userData))
	}).Err()
}

// WorkflowCancel cancels a workflow with all of its calls. Verdict as a decision.
func (s *Scheduler) WorkflowCancel(workflow, userData uint64) error {
	return s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_workflow_cancel(handle, C.uint64_t(workflow), C.uint64_t(userData))
	}).Err()
}

// WorkflowEnd tells that no further call will come. Verdict as a decision.
func (s *Scheduler) WorkflowEnd(workflow, userData uint64) error {
	return s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_workflow_end(handle, C.uint64_t(workflow), C.uint64_t(userData))
	}).Err()
}

// Step takes all queued inputs as of nowNs and plans; manual driving only. It returns how many
// decisions wait for Poll.
func (s *Scheduler) Step(nowNs int64) (int, error) {
	waiting, err := s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_step(handle, C.int64_t(nowNs))
	})
	return int(waiting), err
}

// NextTimer is the time of the earliest timer, math.MaxInt64 when there is none.
func (s *Scheduler) NextTimer() (int64, error) {
	var timer int64
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		timer = int64(C.hexagent_next_timer(handle))
		if timer < 0 {
			return C.int32_t(timer)
		}
		return 0
	})
	return timer, status.Err()
}

// Poll fills decisions, oldest first, and returns how many.
func (s *Scheduler) Poll(decisions []Decision) (int, error) {
	polled, err := s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_poll(handle, (*C.hexagent_decision)(unsafe.Pointer(first(decisions))),
			C.uint32_t(len(decisions)))
	})
	return int(polled), err
}

// RunOnce takes at most inputsMax queued inputs (0 = all) and plans; loop driving only. It returns
// how many decisions wait for Poll.
func (s *Scheduler) RunOnce(inputsMax uint32) (int, error) {
	waiting, err := s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_run_once(handle, C.uint32_t(inputsMax))
	})
	return int(waiting), err
}

// Shutdown begins the orderly end: inputs answer ErrClosed, and so does Poll after the last decision.
// Close comes afterwards.
func (s *Scheduler) Shutdown() error {
	return s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_shutdown(handle)
	}).Err()
}

// Now is the clock of thread and loop driving: CLOCK_MONOTONIC in nanoseconds.
func Now() int64 { return int64(C.hexagent_now()) }

func readable(fd uintptr) bool { return C.readable(C.int(fd)) != 0 }

// CallState is the state of a call.
func (s *Scheduler) CallState(workflow, call uint64) (State, error) {
	state, err := s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_call_state(handle, C.uint64_t(workflow), C.uint64_t(call))
	})
	return State(state), err
}

// PlacementQuery fills placements with where this call would go now, best first, and returns how
// many. It commits nothing; prefixes are what the call points into.
func (s *Scheduler) PlacementQuery(call Call, prefixes []Prefix, placements []Placement) (int, error) {
	found, err := s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_placement_query(handle, (*C.hexagent_call)(unsafe.Pointer(&call)),
			(*C.hexagent_prefix)(unsafe.Pointer(first(prefixes))), C.uint32_t(len(prefixes)),
			(*C.hexagent_placement)(unsafe.Pointer(first(placements))), C.uint32_t(len(placements)))
	})
	return int(found), err
}

// WhatIf tells whether a workflow would meet its deadline if it were admitted now.
func (s *Scheduler) WhatIf(workflow Workflow, calls []Call, deps []uint64, prefixes []Prefix) (Forecast, error) {
	forecast := Forecast{structSize: uint32(unsafe.Sizeof(Forecast{}))}
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_what_if(handle, (*C.hexagent_workflow)(unsafe.Pointer(&workflow)),
			(*C.hexagent_call)(unsafe.Pointer(first(calls))), C.uint32_t(len(calls)),
			(*C.uint64_t)(unsafe.Pointer(first(deps))), C.uint32_t(len(deps)),
			(*C.hexagent_prefix)(unsafe.Pointer(first(prefixes))), C.uint32_t(len(prefixes)),
			(*C.hexagent_forecast)(unsafe.Pointer(&forecast)))
	})
	return forecast, status.Err()
}

// Explain tells as one JSON object why a call went where it went.
func (s *Scheduler) Explain(workflow, call uint64) (string, error) {
	return s.longText(func(handle *C.hexagent_scheduler, buffer *C.char, capacity C.uint32_t,
		needed *C.uint32_t) C.int32_t {
		return C.hexagent_explain(handle, C.uint64_t(workflow), C.uint64_t(call), buffer, capacity,
			needed)
	})
}

// Metrics is the OpenMetrics text of the statistics.
func (s *Scheduler) Metrics() (string, error) {
	return s.longText(func(handle *C.hexagent_scheduler, buffer *C.char, capacity C.uint32_t,
		needed *C.uint32_t) C.int32_t {
		return C.hexagent_metrics_write(handle, buffer, capacity, needed)
	})
}

// longText asks again with a larger buffer until the text fits.
func (s *Scheduler) longText(call func(handle *C.hexagent_scheduler, buffer *C.char,
	capacity C.uint32_t, needed *C.uint32_t) C.int32_t) (string, error) {
	buffer := make([]byte, 8192)
	for {
		var needed C.uint32_t
		status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
			return call(handle, (*C.char)(unsafe.Pointer(&buffer[0])), C.uint32_t(len(buffer)), &needed)
		})
		if status == ErrBuffer && int(needed) > len(buffer) {
			buffer = make([]byte, int(needed)+int(needed)/4) // it may grow meanwhile
			continue
		}
		return text(buffer), status.Err()
	}
}

// WorkflowQuery is the progress of a workflow.
func (s *Scheduler) WorkflowQuery(workflow uint64) (WorkflowInfo, error) {
	info := WorkflowInfo{structSize: uint32(unsafe.Sizeof(WorkflowInfo{}))}
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_workflow_query(handle, C.uint64_t(workflow),
			(*C.hexagent_workflow_info)(unsafe.Pointer(&info)))
	})
	return info, status.Err()
}

// WorkerQuery is the library's picture of a worker.
func (s *Scheduler) WorkerQuery(worker uint32) (WorkerInfo, error) {
	info := WorkerInfo{structSize: uint32(unsafe.Sizeof(WorkerInfo{}))}
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_worker_query(handle, C.uint32_t(worker),
			(*C.hexagent_worker_info)(unsafe.Pointer(&info)))
	})
	return info, status.Err()
}

// Stats are the counters since Open and the gauges of now.
func (s *Scheduler) Stats() (Stats, error) {
	stats := Stats{structSize: uint32(unsafe.Sizeof(Stats{}))}
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_stats_read(handle, (*C.hexagent_stats)(unsafe.Pointer(&stats)))
	})
	return stats, status.Err()
}

// JournalQuery tells what became of the journal and what came back from it; ErrState without one.
func (s *Scheduler) JournalQuery() (JournalInfo, error) {
	info := journalInfoRecord{structSize: uint32(unsafe.Sizeof(journalInfoRecord{}))}
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_journal_query(handle, (*C.hexagent_journal_info)(unsafe.Pointer(&info)))
	})
	return info.info(), status.Err()
}
