package hexagent

// Set-up: profiles, models, workers, links, and what engines say of themselves.

// #include <hexagent/hexagent.h>
import "C"

import "unsafe"

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

// LinkMeasured tells how fast links were measured to be and returns how many samples were taken.
func (s *Scheduler) LinkMeasured(samples []LinkSample) (int, error) {
	taken, err := s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_link_measured(handle,
			(*C.hexagent_link_sample)(unsafe.Pointer(first(samples))), C.uint32_t(len(samples)))
	})
	return int(taken), err
}

// HeartbeatSubmit reports what engines say of themselves and returns how many were taken.
func (s *Scheduler) HeartbeatSubmit(heartbeats []Heartbeat) (int, error) {
	taken, err := s.count(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_heartbeat_submit(handle,
			(*C.hexagent_heartbeat)(unsafe.Pointer(first(heartbeats))), C.uint32_t(len(heartbeats)))
	})
	return int(taken), err
}
