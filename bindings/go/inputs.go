package hexagent

// Inputs about workflows and calls: any goroutine may hand them over in thread and loop driving.

// #include <hexagent/hexagent.h>
import "C"

import "unsafe"

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
