package hexagent

import (
	"errors"
	"strings"
	"testing"
)

func TestADispatchThatNeverArrivedIsSentAgainAfterARestart(t *testing.T) {
	config := Config{"journal": t.TempDir(), "journal_durability": "before_accepted"}
	scheduler, profile := openCluster(t, config)
	_, err := scheduler.WorkflowBegin([]Workflow{{Workflow: 1}}, nil)
	must(t, err)
	_, err = scheduler.Submit([]Call{{Workflow: 1, Call: 1, Model: profile.Model, PromptTokens: 1000}},
		nil, nil, nil)
	must(t, err)
	decided := advance(t, scheduler, 10)
	must(t, scheduler.Close())

	scheduler, err = Open(config)
	must(t, err)
	defer scheduler.Close()
	info, err := scheduler.JournalQuery()
	must(t, err)
	if info.RecoveredDecisions != decided[len(decided)-1].Sequence || info.RecoveredSteps != 1 ||
		info.RecoveredNowNs != 10 || !info.Closed || info.Text != "" {
		t.Fatalf("got %+v", info)
	}
	resync := Resync{Worker: 1, Incarnation: 1, DecisionSequence: info.RecoveredDecisions}
	must(t, scheduler.WorkerResync(resync, []HeldCall{{Workflow: 1, Call: 1, Attempt: 1}}))
	if decided = advance(t, scheduler, 20); len(decided) != 1 {
		t.Fatalf("a call that is held gave %+v", decided)
	}
	must(t, scheduler.WorkerResync(resync, nil))
	decided = advance(t, scheduler, 30)
	last := decided[len(decided)-1]
	if last.Kind != DecisionPrefill || last.Attempt != 2 {
		t.Fatalf("got %+v", last)
	}
}

func TestAJournalHasOneScheduler(t *testing.T) {
	config := Config{"journal": t.TempDir()}
	scheduler, err := Open(config)
	must(t, err)
	defer scheduler.Close()
	if _, err = Open(config); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "LOCK") {
		t.Fatalf("got %v", err)
	}
}

func TestWithoutAJournalThereIsNothingToAsk(t *testing.T) {
	scheduler, _ := openCluster(t, nil)
	if _, err := scheduler.JournalQuery(); !errors.Is(err, ErrState) {
		t.Fatalf("got %v", err)
	}
}
