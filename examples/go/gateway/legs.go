package main

// What a call's legs do and what their events mean: the other half of dispatch.go.

import (
	"context"
	"errors"

	hexagent "github.com/libhexagent/libhexagent/bindings/go"
)

// start runs a leg. It ends by itself or by stop; its goroutine never outlives the request's context.
func (r *run) start(ctx context.Context, started *leg, priority *int32) {
	legContext, cancel := context.WithCancel(ctx)
	started.cancel, started.startNs = cancel, hexagent.Now()
	r.leg, r.reported = started, 0
	send := func(e event) error {
		e.leg = started
		select {
		case r.events <- e:
			return nil
		case <-legContext.Done():
			return legContext.Err()
		}
	}
	params := r.params
	go func() {
		defer cancel()
		if started.phase == hexagent.PhasePrefill {
			params, usage, err := r.gateway.engine.Prefill(legContext, started.worker.URL, r.request, priority)
			send(event{params: params, usage: &usage, err: err})
			return
		}
		err := r.gateway.engine.Decode(legContext, started.worker.URL, r.request, params, priority,
			func(data []byte, last bool, tokens uint32) error {
				return send(event{data: data, last: last, tokens: tokens})
			})
		if err != nil {
			send(event{err: err})
		}
	}()
}

// stop ends the present leg, if any; what it still sends is not listened to.
func (r *run) stop() {
	if r.leg != nil {
		r.leg.cancel()
		r.leg = nil
	}
}

// report tells the scheduler, unless it no longer follows this call.
func (r *run) report(report hexagent.Report) {
	if r.detached {
		return
	}
	report.Workflow, report.Call, report.Attempt = r.place.Workflow, r.place.Call, r.attempt
	if r.leg != nil && report.Worker == 0 {
		report.Worker, report.Incarnation = r.leg.worker.ID, r.leg.worker.Incarnation
	}
	if r.gateway.planner.Report(report, r.token) != nil && report.Outcome != hexagent.OutcomeProgress {
		// No decision would follow: put the refusal where one is awaited.
		r.inbox.put(hexagent.Decision{Kind: hexagent.DecisionRefused, Status: hexagent.ErrAgain,
			UserData: r.token | reportMark})
	}
}

// happen takes an event of the present leg.
func (r *run) happen(e event) *finished {
	switch {
	case e.err != nil:
		return r.failed(e.err)
	case e.usage != nil:
		r.prefilled(e)
		return nil
	}
	return r.piece(e)
}

func (r *run) prefilled(e event) {
	report := hexagent.Report{Phase: hexagent.PhasePrefill, Outcome: hexagent.OutcomeDone,
		StartNs: r.leg.startNs, EndNs: hexagent.Now(), Tokens: e.usage.PromptTokens}
	if e.usage.Details != nil {
		report.CachedTokens, report.Flags = e.usage.Details.CachedTokens, hexagent.ReportCachedTokens
	}
	r.report(report)
	r.stop()
	r.params = e.params
}

// piece reports before it writes, so that a client's next call finds this one done.
func (r *run) piece(e event) *finished {
	tokens := e.tokens
	if r.request.MaxTokens > 0 && tokens > r.request.MaxTokens {
		tokens = r.request.MaxTokens // events may carry less than a token
	}
	now := hexagent.Now()
	if e.last {
		r.report(hexagent.Report{Phase: hexagent.PhaseDecode, Outcome: hexagent.OutcomeDone,
			StartNs: r.leg.startNs, EndNs: now, Tokens: tokens})
	} else if tokens >= 1 && (r.reported == 0 || tokens >= r.reported+progressEvery) {
		r.reported = tokens
		r.report(hexagent.Report{Phase: hexagent.PhaseDecode, Outcome: hexagent.OutcomeProgress,
			EndNs: now, Tokens: tokens})
	}
	err := r.client.Write(e.data, e.last)
	if e.last || err != nil {
		if err != nil && !e.last && !r.detached {
			r.gateway.planner.Cancel(r.place)
		}
		return &finished{err}
	}
	return nil
}

// failed: before the stream began the scheduler plans the call again or gives it up.
func (r *run) failed(err error) *finished {
	failed := r.leg
	var engine *EngineError
	if errors.As(err, &engine) && engine.final() {
		r.gateway.planner.Cancel(r.place)
		return &finished{err}
	}
	if unreachable(err) {
		r.gateway.fleet.Lost(failed.worker)
	}
	r.gateway.metrics.Add("legs_failed", 1)
	r.report(hexagent.Report{Phase: failed.phase, Outcome: hexagent.OutcomeFailed})
	if r.client.Started() {
		return &finished{err}
	}
	r.stop()
	if r.detached {
		return &finished{errFallOpen}
	}
	return nil
}
