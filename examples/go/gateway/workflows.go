package main

// Names of workflows and calls as clients give them, against the numbers the scheduler knows.

import "sync"

// workflow is one that the scheduler was told of and that has not ended.
type workflow struct {
	name  string
	calls map[string]uint64 // calls that may be named as dependencies
	next  uint64
}

// Workflows hands out ids. Ids are never used twice, so a name that comes back after its workflow
// expired is a new workflow to the scheduler.
type Workflows struct {
	lock   sync.Mutex
	byName map[string]uint64
	live   map[uint64]*workflow
	next   uint64
}

// NewWorkflows is an empty table.
func NewWorkflows() *Workflows {
	return &Workflows{byName: map[string]uint64{}, live: map[uint64]*workflow{}}
}

// Place is where a call stands in the table.
type Place struct {
	Workflow, Call uint64
	Deps           []uint64
	New            bool // the workflow must be begun first
}

// Enter adds a call. Dependencies that the table does not know (of before the gateway's start, or
// failed) are left out: the client sends a call only when it may run.
func (w *Workflows) Enter(identity Identity) Place {
	w.lock.Lock()
	defer w.lock.Unlock()
	id, known := w.byName[identity.Workflow]
	if !known || identity.Workflow == "" {
		w.next++
		id = w.next
		w.live[id] = &workflow{name: identity.Workflow, calls: map[string]uint64{}}
		if identity.Workflow != "" {
			w.byName[identity.Workflow] = id
		}
	}
	entry := w.live[id]
	entry.next++
	place := Place{Workflow: id, Call: entry.next, New: entry.next == 1}
	for _, dep := range identity.Deps {
		if call, known := entry.calls[dep]; known {
			place.Deps = append(place.Deps, call)
		}
	}
	if identity.Call != "" {
		entry.calls[identity.Call] = place.Call
	}
	return place
}

// Forget takes a call off that failed: nothing can depend on it any more.
func (w *Workflows) Forget(place Place, name string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if entry := w.live[place.Workflow]; entry != nil && entry.calls[name] == place.Call {
		delete(entry.calls, name)
	}
}

// End removes a workflow that the scheduler has ended or refused.
func (w *Workflows) End(id uint64) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if entry := w.live[id]; entry != nil {
		delete(w.live, id)
		if w.byName[entry.name] == id {
			delete(w.byName, entry.name)
		}
	}
}

// Count is how many are live.
func (w *Workflows) Count() int {
	w.lock.Lock()
	defer w.lock.Unlock()
	return len(w.live)
}
