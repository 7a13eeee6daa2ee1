package main

// One call under the scheduler's command. The call's goroutine reads decisions and what its leg sends,
// starts and stops legs, reports, and writes to the client; so everything here has one thread. What the
// scheduler may decide, and when, is in hexagent.h; retries are its decisions too.

import (
	"context"
	"encoding/json"
	"errors"

	hexagent "github.com/libhexagent/libhexagent/bindings/go"
)

// errFallOpen: the scheduler cannot serve this call and nothing has reached the client.
var errFallOpen = errors.New("the scheduler cannot be asked")

// progressEvery is after how many tokens of a stream the scheduler hears of it again.
const progressEvery = 32

// leg is one request to one engine, running in a goroutine that sends what happens to run.events.
type leg struct {
	worker  Worker
	phase   hexagent.Phase
	local   bool // prefill and decode in one
	startNs int64
	cancel  context.CancelFunc
}

// event is what a leg sends: a piece of the answer, the end of a prefill, or an error.
type event struct {
	leg    *leg
	data   []byte
	last   bool
	tokens uint32
	params json.RawMessage
	usage  *Usage
	err    error
}

// run is a call from its submission to its end.
type run struct {
	gateway  *Gateway
	request  *Request
	client   *Client
	place    Place
	token    uint64
	inbox    *Inbox
	events   chan event
	leg      *leg
	params   json.RawMessage
	attempt  uint32
	reported uint32 // tokens of the last progress report
	detached bool   // the scheduler no longer follows this call; its stream goes on
}

// finished ends a run: err is nil when the whole answer was sent.
type finished struct{ err error }

// scheduled runs a call where and when the scheduler says. errFallOpen when it cannot.
func (g *Gateway) scheduled(ctx context.Context, request *Request, client *Client) error {
	r := &run{gateway: g, request: request, client: client, events: make(chan event)}
	for try := 0; ; try++ {
		r.token, r.inbox = g.planner.Open()
		var err error
		if r.place, err = g.planner.Submit(request, r.token); err != nil {
			g.planner.Close(r.token)
			g.metrics.Add("fallback_"+reason(err), 1)
			return errFallOpen
		}
		err = r.follow(ctx)
		r.stop()
		g.planner.Close(r.token)
		if err != nil {
			g.planner.workflows.Forget(r.place, request.Identity.Call)
		}
		// The workflow expired or ended between two of its calls: this one begins a new one.
		if (errors.Is(err, hexagent.ErrUnknownWorkflow) || errors.Is(err, hexagent.ErrEnded)) && try == 0 {
			g.planner.workflows.End(r.place.Workflow)
			continue
		}
		return err
	}
}

// reason is a metric's name for why the scheduler was not asked.
func reason(err error) string {
	switch {
	case errors.Is(err, hexagent.ErrAgain):
		return "again"
	case errors.Is(err, hexagent.ErrPoisoned):
		return "poisoned"
	}
	return "refused"
}

func (r *run) follow(ctx context.Context) error {
	failed := r.gateway.planner.Failed
	for {
		var end *finished
		select {
		case <-ctx.Done():
			r.stop() // closes the engine's connection, which tells it to drop the call
			r.gateway.planner.Cancel(r.place)
			return ctx.Err()
		case <-failed:
			failed = nil
			r.detached = true
			if !r.client.Started() {
				r.gateway.metrics.Add("fallback_poisoned", 1)
				end = &finished{errFallOpen}
			}
		case <-r.inbox.Ready:
			for _, decision := range r.inbox.Take() {
				if end = r.decide(ctx, decision); end != nil {
					break
				}
			}
		case event := <-r.events:
			if event.leg == r.leg { // an older one's last words
				end = r.happen(event)
			}
		}
		if end != nil {
			return end.err
		}
	}
}

// decide does what one decision says.
func (r *run) decide(ctx context.Context, decision hexagent.Decision) *finished {
	if r.detached {
		if decision.Kind == hexagent.DecisionAbort {
			r.gateway.planner.Aborted(decision)
		}
		return nil
	}
	switch decision.Kind {
	case hexagent.DecisionPrefill, hexagent.DecisionLocal:
		return r.dispatched(ctx, decision)
	case hexagent.DecisionTransfer:
		// The decode engine pulls the KV itself, so its leg starts with the transfer.
		return r.decode(ctx, decision, decision.PeerWorker)
	case hexagent.DecisionDecode:
		if r.leg == nil {
			return r.decode(ctx, decision, decision.Worker)
		}
	case hexagent.DecisionAbort:
		if r.leg != nil && r.leg.worker.ID == decision.Worker && r.attempt == decision.Attempt {
			if r.client.Started() { // CALL_DONE follows and ends the stream
				return nil
			}
			r.stop()
		}
		r.gateway.planner.Aborted(decision)
	case hexagent.DecisionCallDone:
		if err := decision.Err(); err != nil {
			return &finished{&Refusal{502, err.Error()}}
		}
	case hexagent.DecisionReject:
		return &finished{&Refusal{429, "admission: " + decision.Status.Error()}}
	case hexagent.DecisionRefused:
		return r.refused(decision)
	}
	return nil
}

// dispatched starts an attempt. The scheduler plans a call again only while it knows of no stream; if
// one began in the same moment it goes on, and the scheduler is told to forget the call.
func (r *run) dispatched(ctx context.Context, decision hexagent.Decision) *finished {
	if r.client.Started() {
		r.detached = true
		r.gateway.planner.Cancel(r.place)
		return nil
	}
	r.stop()
	if decision.Attempt > 1 {
		r.gateway.metrics.Add("retries", 1)
	}
	r.attempt, r.params = decision.Attempt, nil
	worker, ok := r.worker(decision.Worker, hexagent.PhasePrefill)
	if !ok {
		return nil
	}
	if decision.Kind == hexagent.DecisionLocal {
		r.start(ctx, &leg{worker: worker, phase: hexagent.PhaseDecode, local: true}, priorityOf(worker, decision))
		return nil
	}
	r.start(ctx, &leg{worker: worker, phase: hexagent.PhasePrefill}, priorityOf(worker, decision))
	return nil
}

func (r *run) decode(ctx context.Context, decision hexagent.Decision, id uint32) *finished {
	if decision.Attempt != r.attempt || r.leg != nil {
		return nil
	}
	if worker, ok := r.worker(id, hexagent.PhaseDecode); ok {
		r.start(ctx, &leg{worker: worker, phase: hexagent.PhaseDecode}, priorityOf(worker, decision))
	}
	return nil
}

// worker finds a decision's worker. One that went down since is an attempt that failed.
func (r *run) worker(id uint32, phase hexagent.Phase) (Worker, bool) {
	worker, known := r.gateway.fleet.Get(id)
	if !known || !worker.Up {
		r.report(hexagent.Report{Phase: phase, Outcome: hexagent.OutcomeFailed, Worker: id})
		return worker, false
	}
	return worker, true
}

func priorityOf(worker Worker, decision hexagent.Decision) *int32 {
	if !worker.Priority {
		return nil
	}
	return &decision.Priority
}

// refused: reports that came too late change nothing, as meant. Any other refusal says that scheduler
// and gateway see the call differently, so it goes on without the scheduler.
func (r *run) refused(decision hexagent.Decision) *finished {
	if decision.UserData&reportMark != 0 {
		switch decision.Status {
		case hexagent.ErrStale, hexagent.ErrState, hexagent.ErrDuplicate, hexagent.ErrUnknownCall,
			hexagent.ErrUnknownWorkflow:
			r.gateway.metrics.Add("reports_late", 1)
			return nil
		}
		r.gateway.metrics.Add("reports_refused_"+decision.Field.String(), 1)
		return r.leave()
	}
	switch decision.Status {
	case hexagent.ErrNeverFits, hexagent.ErrTooLong:
		return &finished{&Refusal{400, decision.Status.Error()}}
	case hexagent.ErrUnknownWorkflow, hexagent.ErrEnded:
		return &finished{decision.Status}
	case hexagent.ErrNoWorker:
		return &finished{&Refusal{503, decision.Status.Error()}}
	}
	r.gateway.metrics.Add("fallback_refused", 1)
	return &finished{errFallOpen}
}

// leave takes the call out of the scheduler's hands.
func (r *run) leave() *finished {
	r.gateway.planner.Cancel(r.place)
	if r.client.Started() {
		r.detached = true
		return nil
	}
	r.gateway.metrics.Add("fallback_refused", 1)
	return &finished{errFallOpen}
}
