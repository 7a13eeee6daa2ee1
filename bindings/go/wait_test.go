package hexagent

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// phaseOf is what a decision asks an engine to run, 0 if nothing.
func phaseOf(kind DecisionKind) Phase {
	switch kind {
	case DecisionPrefill:
		return PhasePrefill
	case DecisionTransfer:
		return PhaseTransfer
	case DecisionDecode:
		return PhaseDecode
	}
	return 0
}

// serve answers for the engines at once and counts the workflows that end.
func serve(ctx context.Context, scheduler *Scheduler, workflows int) error {
	done := 0
	return scheduler.Run(ctx, func(decisions []Decision) {
		var reports []Report
		for i := range decisions {
			decision := &decisions[i]
			if phase := phaseOf(decision.Kind); phase != 0 {
				reports = append(reports, Report{Workflow: decision.Workflow, Call: decision.Call,
					Phase: phase, Outcome: OutcomeDone})
			}
			if decision.Kind == DecisionWorkflowDone {
				done++
			}
		}
		if len(reports) > 0 {
			if _, err := scheduler.Complete(reports, nil); err != nil {
				panic(err)
			}
		}
		if done == workflows {
			scheduler.Shutdown()
		}
	})
}

func TestWorkflowsFromManyGoroutinesComeToTheirEnd(t *testing.T) {
	for _, driving := range []string{"thread", "loop"} {
		t.Run(driving, func(t *testing.T) {
			const submitters, each = 4, 25
			scheduler, profile := openCluster(t, Config{"driving": driving})
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			var group sync.WaitGroup
			for submitter := 0; submitter < submitters; submitter++ {
				group.Add(1)
				go func(first uint64) {
					defer group.Done()
					for id := first; id < first+each; id++ {
						_, err := scheduler.WorkflowBegin([]Workflow{{Workflow: id}}, nil)
						_, err2 := scheduler.Submit([]Call{
							{Workflow: id, Call: 1, Model: profile.Model, PromptTokens: 100},
							{Workflow: id, Call: 2, Model: profile.Model, PromptTokens: 200, DepsCount: 1, Flags: CallLast},
						}, []uint64{1}, nil, nil)
						if err != nil || err2 != nil {
							t.Errorf("%v, %v", err, err2)
						}
					}
				}(uint64(1 + submitter*each))
			}
			if err := serve(ctx, scheduler, submitters*each); err != nil {
				t.Fatal(err)
			}
			group.Wait()
			if _, err := scheduler.WorkflowBegin([]Workflow{{Workflow: 999}}, nil); !errors.Is(err, ErrClosed) {
				t.Fatalf("an input after shutdown gave %v", err)
			}
		})
	}
}

// drain polls until a wait has begun to make sense: nothing is left.
func drain(t *testing.T, scheduler *Scheduler) {
	t.Helper()
	if err := scheduler.Run(endedContext(), func([]Decision) {}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func endedContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestAWaitEndsWithItsContextAndTheNextOneWorks(t *testing.T) {
	scheduler, err := Open(Config{"driving": "loop"})
	must(t, err)
	defer scheduler.Close()
	drain(t, scheduler)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := scheduler.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	_, err = scheduler.WorkflowBegin([]Workflow{{Workflow: 1}}, nil)
	must(t, err)
	must(t, scheduler.Wait(context.Background()))
	waiting, err := scheduler.RunOnce(0)
	if err != nil || waiting != 1 {
		t.Fatalf("%d waiting, %v", waiting, err)
	}
}

func TestCloseEndsAWait(t *testing.T) {
	scheduler, err := Open(Config{"driving": "thread"})
	must(t, err)
	drain(t, scheduler)
	ended := make(chan error)
	go func() { ended <- scheduler.Wait(context.Background()) }()
	must(t, scheduler.Close())
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestManualDrivingHasNothingToWaitFor(t *testing.T) {
	scheduler, err := Open(nil)
	must(t, err)
	defer scheduler.Close()
	if err := scheduler.Wait(context.Background()); !errors.Is(err, ErrState) {
		t.Fatalf("got %v", err)
	}
	if before, after := Now(), Now(); before <= 0 || after < before {
		t.Fatalf("the clock went from %d to %d", before, after)
	}
}
