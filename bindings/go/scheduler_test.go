package hexagent

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
)

// openCluster opens a scheduler with a prefill worker 1 and a decode worker 2 of one model.
func openCluster(t *testing.T, config Config) (*Scheduler, Profile) {
	t.Helper()
	scheduler, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { scheduler.Close() })
	profile, err := scheduler.ProfileBuiltin("H100-80G", "llama-3.1-70b", 4)
	must(t, err)
	must(t, scheduler.ProfileSet(profile, 0))
	for _, role := range []Role{RolePrefill, RoleDecode} {
		must(t, scheduler.WorkerSet(Worker{Worker: uint32(role), Incarnation: 1, Role: role,
			GPU: profile.GPU, Model: profile.Model, TensorParallel: 4}, 0))
	}
	return scheduler, profile
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// advance steps and returns all decisions.
func advance(t *testing.T, scheduler *Scheduler, nowNs int64) []Decision {
	t.Helper()
	waiting, err := scheduler.Step(nowNs)
	must(t, err)
	decisions := make([]Decision, waiting)
	polled, err := scheduler.Poll(decisions)
	must(t, err)
	if polled != waiting {
		t.Fatalf("%d decisions were waiting, %d came", waiting, polled)
	}
	return decisions
}

func TestAWrongKeyNamesItself(t *testing.T) {
	_, err := Open(Config{"polizy": "hexagent"})
	var detail *Error
	if !errors.As(err, &detail) || !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "polizy") {
		t.Fatalf("got %v", err)
	}
	if _, err := Open(Config{"policy\x00x": "hexagent"}); !errors.Is(err, ErrArgument) {
		t.Fatalf("a key with a zero byte gave %v", err)
	}
}

func TestEveryKeyOfTheConfigurationAcceptsItsDefault(t *testing.T) {
	config := Config{}
	for _, info := range DescribeConfig() {
		config[info.Key] = info.Default
	}
	if len(config) < 10 {
		t.Fatalf("only %d keys", len(config))
	}
	scheduler, err := Open(config)
	must(t, err)
	scheduler.Close()
}

func TestCloseMayBeCalledAgainAndMethodsSaySo(t *testing.T) {
	scheduler, err := Open(nil)
	must(t, err)
	must(t, scheduler.Close())
	must(t, scheduler.Close())
	if _, err := scheduler.Step(1); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestCloseIsSafeBesideOtherCalls(t *testing.T) {
	scheduler, err := Open(nil)
	must(t, err)
	var group sync.WaitGroup
	group.Add(1)
	begun := make(chan struct{})
	go func() {
		defer group.Done()
		close(begun)
		for {
			if _, err := scheduler.Step(1); err != nil {
				if !errors.Is(err, ErrClosed) {
					t.Errorf("got %v", err)
				}
				return
			}
		}
	}()
	<-begun
	must(t, scheduler.Close())
	group.Wait()
}

func TestAStatusNewerThanTheseBindingsIsPassedOn(t *testing.T) {
	err := error(&Error{Status: -999})
	if !errors.Is(err, Status(-999)) || errors.Is(err, ErrCycle) || err.Error() == "" {
		t.Fatalf("got %v", err)
	}
}

func TestABatchTellsWhichRecordWasNotTaken(t *testing.T) {
	scheduler, profile := openCluster(t, nil)
	_, err := scheduler.WorkflowBegin([]Workflow{{Workflow: 1}}, nil)
	must(t, err)
	calls := []Call{
		{Workflow: 1, Call: 1, Model: profile.Model, PromptTokens: 100},
		{Workflow: 1, Call: 2, Model: profile.Model}, // no prompt
		{Workflow: 1, Call: 3, Model: profile.Model, PromptTokens: 100},
	}
	results := make([]Status, 3)
	taken, err := scheduler.Submit(calls, nil, nil, results)
	var item *ItemError
	if taken != 2 || !errors.As(err, &item) || item.Index != 1 || !errors.Is(err, ErrRange) {
		t.Fatalf("%d taken, %v", taken, err)
	}
	if results[0] != OK || results[1] != ErrRange || results[2] != OK {
		t.Fatalf("results %v", results)
	}
	if _, err := scheduler.Submit(calls, nil, nil, results[:1]); !errors.Is(err, ErrArgument) {
		t.Fatalf("too few results gave %v", err)
	}
}

func TestRefusalsComeAsDecisionsWithStatusAndField(t *testing.T) {
	scheduler, profile := openCluster(t, nil)
	_, err := scheduler.Submit([]Call{{Workflow: 9, Call: 1, UserData: 77, Model: profile.Model,
		PromptTokens: 10}}, nil, nil, nil)
	must(t, err)
	for _, decision := range advance(t, scheduler, 1) {
		if decision.UserData != 77 {
			continue
		}
		if decision.Kind != DecisionRefused || !errors.Is(decision.Err(), ErrUnknownWorkflow) ||
			decision.Field.String() != "workflow" {
			t.Fatalf("got %+v", decision)
		}
		return
	}
	t.Fatal("no verdict")
}

func TestNamesLabelsAndTexts(t *testing.T) {
	scheduler, _ := openCluster(t, nil)
	id, err := scheduler.Name("größe")
	must(t, err)
	if text, err := scheduler.NameText(id); err != nil || text != "größe" {
		t.Fatalf("%q, %v", text, err)
	}
	if _, err := scheduler.Name(""); !errors.Is(err, ErrName) {
		t.Fatalf("an empty name gave %v", err)
	}
	if _, err := scheduler.NameText(4711); !errors.Is(err, ErrName) {
		t.Fatalf("an unknown name gave %v", err)
	}
	if bit, err := scheduler.Label("lora-7"); err != nil || bit > 63 {
		t.Fatalf("%d, %v", bit, err)
	}
	if ErrCycle.String() != "HEXAGENT_E_CYCLE" || ErrCycle.Error() == "" {
		t.Fatal("the status has no name")
	}
	if LibraryVersion()>>8 != VersionMajor<<8|VersionMinor {
		t.Fatal("the library is not of these bindings' version")
	}
}

func TestQuestionsAreAnswered(t *testing.T) {
	scheduler, profile := openCluster(t, nil)
	_, err := scheduler.WorkflowBegin([]Workflow{{Workflow: 1}}, nil)
	must(t, err)
	call := Call{Workflow: 1, Call: 1, Model: profile.Model, PromptTokens: 1000}
	_, err = scheduler.Submit([]Call{call}, nil, nil, nil)
	must(t, err)
	advance(t, scheduler, 1e9)

	if state, err := scheduler.CallState(1, 1); err != nil || state != StateDispatched {
		t.Errorf("state %d, %v", state, err)
	}
	if text, err := scheduler.Explain(1, 1); err != nil || !json.Valid([]byte(text)) {
		t.Errorf("explain %q, %v", text, err)
	}
	if text, err := scheduler.Metrics(); err != nil || !strings.HasSuffix(text, "# EOF\n") {
		t.Errorf("metrics %q, %v", text, err)
	}
	placements := make([]Placement, 4)
	found, err := scheduler.PlacementQuery(call, nil, placements)
	if err != nil || found != 1 || placements[0].PrefillWorker != 1 || placements[0].DecodeWorker != 2 {
		t.Errorf("%d placements, %+v, %v", found, placements[0], err)
	}
	forecast, err := scheduler.WhatIf(Workflow{Workflow: 2, DeadlineNs: 1}, []Call{{Workflow: 2, Call: 1,
		Model: profile.Model, PromptTokens: 1000}}, nil, nil)
	if err != nil || forecast.MeetsDeadline != 0 || forecast.EarliestDeadlineNs < 1e6 {
		t.Errorf("forecast %+v, %v", forecast, err)
	}
	if info, err := scheduler.WorkflowQuery(1); err != nil || info.CallsRevealed != 1 {
		t.Errorf("workflow %+v, %v", info, err)
	}
	if info, err := scheduler.WorkerQuery(1); err != nil || info.PrefillOutstanding != 1 {
		t.Errorf("worker %+v, %v", info, err)
	}
	if stats, err := scheduler.Stats(); err != nil || stats.Workers != 2 || stats.CallsLive != 1 {
		t.Errorf("stats %+v, %v", stats, err)
	}
	if timer, err := scheduler.NextTimer(); err != nil || timer <= 1e9 {
		t.Errorf("timer %d, %v", timer, err)
	}
}
