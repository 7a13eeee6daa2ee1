package hexagent

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// recorded writes a journal of two steps and returns its folder, the decisions polled and the model.
func recorded(t *testing.T) (string, []Decision, Profile) {
	t.Helper()
	folder := t.TempDir()
	scheduler, profile := openCluster(t, Config{"journal": folder, "journal_full_decisions": "1"})
	polled := advance(t, scheduler, 10)
	_, err := scheduler.WorkflowBegin([]Workflow{{Workflow: 1}}, nil)
	must(t, err)
	_, err = scheduler.Submit([]Call{{Workflow: 1, Call: 1, Model: profile.Model, PromptTokens: 1000}},
		nil, nil, nil)
	must(t, err)
	polled = append(polled, advance(t, scheduler, 20)...)
	must(t, scheduler.Close())
	return folder, polled, profile
}

func TestAReplayDecidesWhatWasPolled(t *testing.T) {
	folder, polled, profile := recorded(t)
	replay, err := OpenReplay(folder)
	must(t, err)
	defer replay.Close()
	var decided, told []Decision
	var kinds []InputKind
	for replay.Next() {
		if info := replay.Info(); info.Different != 0 || info.RecordedFull != 1 {
			t.Fatalf("got %+v", info)
		}
		decisions, err := replay.Decisions()
		must(t, err)
		was, err := replay.Recorded()
		must(t, err)
		inputs, err := replay.Inputs()
		must(t, err)
		decided, told = append(decided, decisions...), append(told, was...)
		kinds = kinds[:0]
		for _, input := range inputs {
			kinds = append(kinds, input.Kind)
		}
	}
	must(t, replay.Err())
	if !reflect.DeepEqual(decided, polled) || !reflect.DeepEqual(told, polled) {
		t.Errorf("polled %v, decided %v, recorded %v", polled, decided, told)
	}
	if want := []InputKind{InputWorkflowBegin, InputSubmit}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("the inputs of the last step are %v", kinds)
	}
	if info := replay.Info(); info.Step != 2 || info.Closed != 1 || info.NowNs != 20 {
		t.Errorf("the end is %+v", info)
	}
	if decisions, err := replay.Decisions(); err != nil || len(decisions) != 0 {
		t.Errorf("the end decided %v, %v", decisions, err)
	}
	explained, err := replay.Questions().Explain(1, 1)
	must(t, err)
	model, err := replay.Questions().NameText(profile.Model)
	must(t, err)
	if !strings.Contains(explained, `"attempt":1`) || model != "llama-3.1-70b" {
		t.Errorf("got %s, model %s", explained, model)
	}
}

func TestAClosedReplayIsTold(t *testing.T) {
	folder, _, _ := recorded(t)
	replay, err := OpenReplay(folder)
	must(t, err)
	if !replay.Next() {
		t.Fatal(replay.Err())
	}
	must(t, replay.Close())
	must(t, replay.Close())
	_, decisions := replay.Decisions()
	_, inputs := replay.Inputs()
	_, stats := replay.Questions().Stats()
	if replay.Next() {
		t.Error("a closed replay went on")
	}
	for _, err := range []error{replay.Err(), decisions, inputs, stats} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

func TestADamagedJournalEndsItsReplayWithTheFile(t *testing.T) {
	folder, _, _ := recorded(t)
	path := filepath.Join(folder, "0000000001.journal")
	bytes, err := os.ReadFile(path)
	must(t, err)
	bytes[len(bytes)/2] ^= 1 // in front of the closing frame, which says that all before it was on disk
	must(t, os.WriteFile(path, bytes, 0o600))
	replay, err := OpenReplay(folder)
	if err == nil {
		defer replay.Close()
		for replay.Next() {
		}
		err = replay.Err()
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "0000000001.journal") {
		t.Fatalf("got %v", err)
	}
}

func TestAFolderWithoutAJournalIsTold(t *testing.T) {
	_, err := OpenReplay(t.TempDir())
	if !errors.Is(err, ErrIo) || !strings.Contains(err.Error(), "no journal") {
		t.Fatalf("got %v", err)
	}
	if _, err = OpenReplay("a\x00b"); !errors.Is(err, ErrArgument) {
		t.Fatalf("a path with a zero byte gave %v", err)
	}
}
