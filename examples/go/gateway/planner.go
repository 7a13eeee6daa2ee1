package main

// The scheduler, driven by its own thread: inputs from any goroutine, decisions taken by one that waits
// on the event descriptor and puts them into the inbox of the call they are about.

import (
	"context"
	"errors"
	"strconv"
	"sync"

	hexagent "github.com/libhexagent/libhexagent/bindings/go"
)

// reportMark tells a refused report from a refused call by its user data.
const reportMark = 1 << 63

// Inbox holds decisions for one call. The reader of decisions must never wait for a slow call, so it
// grows; a call gets a handful.
type Inbox struct {
	lock    sync.Mutex
	waiting []hexagent.Decision
	Ready   chan struct{}
}

func (i *Inbox) put(decision hexagent.Decision) {
	i.lock.Lock()
	i.waiting = append(i.waiting, decision)
	i.lock.Unlock()
	select {
	case i.Ready <- struct{}{}:
	default:
	}
}

// Take empties the inbox.
func (i *Inbox) Take() []hexagent.Decision {
	i.lock.Lock()
	defer i.lock.Unlock()
	taken := i.waiting
	i.waiting = nil
	return taken
}

// Planner is the library as the gateway uses it.
type Planner struct {
	scheduler *hexagent.Scheduler
	config    Config
	metrics   *Metrics
	workflows *Workflows
	profiles  map[string]hexagent.Profile // by GPU and tensor parallelism
	model     uint32
	Failed    chan struct{} // closed once the scheduler decides no more
	submitted sync.Mutex    // a workflow's begin must be queued before its calls
	lock      sync.Mutex
	inboxes   map[uint64]*Inbox
	token     uint64
}

// NewPlanner opens the scheduler and registers the profiles that the workers need.
func NewPlanner(config Config, metrics *Metrics) (*Planner, error) {
	settings := hexagent.Config{"driving": "thread", "retry_max": strconv.Itoa(config.RetryMax)}
	for key, value := range config.Scheduler {
		settings[key] = value
	}
	scheduler, err := hexagent.Open(settings)
	if err != nil {
		return nil, err
	}
	p := &Planner{scheduler: scheduler, config: config, metrics: metrics, workflows: NewWorkflows(),
		profiles: map[string]hexagent.Profile{}, Failed: make(chan struct{}), inboxes: map[uint64]*Inbox{}}
	for _, worker := range config.Workers {
		profile, err := scheduler.ProfileBuiltin(worker.GPU, config.Profile, parallel(worker))
		if err == nil {
			err = scheduler.ProfileSet(profile, 0)
		}
		if err != nil {
			scheduler.Close()
			return nil, err
		}
		p.profiles[profileKey(worker)], p.model = profile, profile.Model
	}
	return p, nil
}

func parallel(worker WorkerConfig) uint32 {
	if worker.TensorParallel == 0 {
		return 1
	}
	return worker.TensorParallel
}

func profileKey(worker WorkerConfig) string {
	return worker.GPU + "/" + strconv.Itoa(int(parallel(worker)))
}

// Run hands out decisions until ctx ends or the scheduler fails; then every call is told by Failed.
func (p *Planner) Run(ctx context.Context) error {
	defer close(p.Failed)
	return p.scheduler.Run(ctx, func(decisions []hexagent.Decision) {
		for _, decision := range decisions {
			p.deliver(decision)
		}
	})
}

func (p *Planner) deliver(decision hexagent.Decision) {
	p.metrics.Decision(decision.Kind)
	switch decision.Kind {
	case hexagent.DecisionWorkflowDone:
		p.workflows.End(decision.Workflow)
		return
	case hexagent.DecisionAccepted:
		return
	}
	p.lock.Lock()
	inbox := p.inboxes[decision.UserData&^reportMark]
	p.lock.Unlock()
	if inbox != nil {
		inbox.put(decision)
	} else if decision.Kind == hexagent.DecisionAbort {
		p.Aborted(decision) // its leg ended with its call
	}
}

// Open gives a call an inbox and the token its decisions carry. Close takes it away again.
func (p *Planner) Open() (uint64, *Inbox) {
	inbox := &Inbox{Ready: make(chan struct{}, 1)}
	p.lock.Lock()
	defer p.lock.Unlock()
	p.token++
	p.inboxes[p.token] = inbox
	return p.token, inbox
}

// Close ends the delivery of a token's decisions; an ABORT among those left is answered.
func (p *Planner) Close(token uint64) {
	p.lock.Lock()
	inbox := p.inboxes[token]
	delete(p.inboxes, token)
	p.lock.Unlock()
	for _, decision := range inbox.Take() {
		if decision.Kind == hexagent.DecisionAbort {
			p.Aborted(decision)
		}
	}
}

// Submit reveals a call, and its workflow if it is new.
func (p *Planner) Submit(request *Request, token uint64) (Place, error) {
	p.submitted.Lock()
	defer p.submitted.Unlock()
	place := p.workflows.Enter(request.Identity)
	call := hexagent.Call{Workflow: place.Workflow, Call: place.Call, UserData: token, Model: p.model,
		PromptTokens: request.PromptTokens, MaxOutputTokens: request.MaxTokens,
		DepsCount: uint32(len(place.Deps))}
	if request.Identity.Last {
		call.Flags |= hexagent.CallLast
	}
	call.Stage = p.name(request.Identity.Stage)
	if place.New {
		begin := hexagent.Workflow{Workflow: place.Workflow, UserData: token,
			Tenant: p.name(request.Identity.Tenant)}
		if _, err := p.scheduler.WorkflowBegin([]hexagent.Workflow{begin}, nil); err != nil {
			p.workflows.End(place.Workflow)
			return place, err
		}
	}
	_, err := p.scheduler.Submit([]hexagent.Call{call}, place.Deps, nil, nil)
	return place, err
}

// name interns a text of a client's; when the table is full the call goes without it.
func (p *Planner) name(text string) uint32 {
	if text == "" {
		return 0
	}
	id, err := p.scheduler.Name(text)
	if err != nil {
		p.metrics.Add("names_refused", 1)
		return 0
	}
	return id
}

// Cancel withdraws a call; ABORT follows for what was sent.
func (p *Planner) Cancel(place Place) {
	p.note(p.scheduler.CallCancel(place.Workflow, place.Call, 0))
}

// Report tells what happened. The queue is short of space only while the scheduler is overloaded; a
// report that is lost then costs the call its place, and the idle time of its workflow frees the rest.
func (p *Planner) Report(report hexagent.Report, token uint64) error {
	report.UserData = token | reportMark
	_, err := p.scheduler.Complete([]hexagent.Report{report}, nil)
	p.note(err)
	return err
}

// Aborted answers an ABORT once nothing of the call runs on that worker.
func (p *Planner) Aborted(decision hexagent.Decision) {
	_, err := p.scheduler.Complete([]hexagent.Report{{Workflow: decision.Workflow, Call: decision.Call,
		Worker: decision.Worker, Attempt: decision.Attempt, Phase: hexagent.PhasePrefill,
		Outcome: hexagent.OutcomeAborted, UserData: reportMark}}, nil)
	p.note(err)
}

func (p *Planner) note(err error) {
	if err != nil && !errors.Is(err, hexagent.ErrClosed) {
		p.metrics.Add("inputs_not_taken", 1)
	}
}

// WorkerUp adds an instance in a new incarnation.
func (p *Planner) WorkerUp(id, incarnation uint32, config WorkerConfig) error {
	profile := p.profiles[profileKey(config)]
	return p.scheduler.WorkerSet(hexagent.Worker{Worker: id, Incarnation: incarnation,
		Role: roles[config.Role], GPU: profile.GPU, Model: profile.Model,
		TensorParallel: profile.TensorParallel, Engine: hexagent.EngineVllm,
		Binding: hexagent.BindingPrefillEnd, KVCapacityTokens: config.KVTokens,
		DecodeBatchMax: config.BatchMax}, 0)
}

// WorkerLost tells that an instance is gone.
func (p *Planner) WorkerLost(id, incarnation uint32) error {
	return p.scheduler.WorkerLost(id, incarnation, 0)
}

// Shutdown frees the library. No method may be used afterwards but those that answer ErrClosed.
func (p *Planner) Shutdown() { p.scheduler.Close() }
