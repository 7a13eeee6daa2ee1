package hexagent

// The scheduler's life and driving. Every method takes the lock for reading, so that Close, which takes
// it for writing, never frees a handle in use. Wait (wait.go) holds no lock while it waits. Set-up of the
// fleet, inputs, questions, replays and endpoints are in files of those names; only these six use cgo.

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
		events, err := duplicate(int(fd))
		if err != nil {
			C.hexagent_close(handle)
			return nil, err
		}
		s.events = events
	}
	return s, nil
}

// duplicate is an event descriptor for the runtime, which tracks and closes what it is given: the
// descriptor itself stays the library's.
func duplicate(fd int) (*os.File, error) {
	made := C.duplicate_for_runtime(C.int(fd))
	if made < 0 {
		return nil, ErrSystem
	}
	return os.NewFile(uintptr(made), "hexagent"), nil
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

// first points to a slice's first element, nil when there is none.
func first[T any](slice []T) *T {
	if len(slice) == 0 {
		return nil
	}
	return &slice[0]
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
