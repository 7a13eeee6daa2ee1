package hexagent

// Questions: they change nothing, and see what their asker has handed over before.

// #include <hexagent/hexagent.h>
import "C"

import "unsafe"

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

// LinkQuery is the link estimate of a pair of workers.
func (s *Scheduler) LinkQuery(source, target uint32) (LinkInfo, error) {
	info := LinkInfo{structSize: uint32(unsafe.Sizeof(LinkInfo{}))}
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_link_query(handle, C.uint32_t(source), C.uint32_t(target),
			(*C.hexagent_link_info)(unsafe.Pointer(&info)))
	})
	return info, status.Err()
}

// ShadowQuery is the regret of an existing router, in shadow mode.
func (s *Scheduler) ShadowQuery() (ShadowInfo, error) {
	info := ShadowInfo{structSize: uint32(unsafe.Sizeof(ShadowInfo{}))}
	status := s.use(func(handle *C.hexagent_scheduler) C.int32_t {
		return C.hexagent_shadow_query(handle, (*C.hexagent_shadow_info)(unsafe.Pointer(&info)))
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
