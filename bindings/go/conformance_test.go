package hexagent

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// The conformance vectors (tests/conformance/README.md) through the Go API.

type vector struct {
	About  string
	Config Config
	Steps  []json.RawMessage
}

// vectorCall is a call with the deps and prefixes that a runner lays side by side.
type vectorCall struct {
	Call
	Deps     []uint64
	Prefixes []Prefix
}

type vectorStep struct {
	Do, Text, Key, Value, Note string
	Name, Worker, Incarnation  uint32
	Workflow, Call             uint64
	UserData                   uint64 `json:"user_data"`
	SourceWorker               uint32 `json:"source_worker"`
	TargetWorker               uint32 `json:"target_worker"`
	NowNs                      int64  `json:"now_ns"`
	Capacity                   int
	Record                     json.RawMessage
	Records                    []json.RawMessage

	Answer, Field, Results, Reads, Info, Placements, Decisions any // what it shows
}

// shown is what a step showed, in the form of the vectors: only what is not as usual.
type shown map[string]any

func TestEveryStepShowsWhatTheVectorSays(t *testing.T) {
	files, err := filepath.Glob("../../tests/conformance/*.json")
	must(t, err)
	if len(files) < 12 {
		t.Fatalf("only %d vectors", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { runVector(t, file) })
	}
}

func runVector(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	must(t, err)
	var vector vector
	decode(t, text, &vector)
	scheduler, err := Open(vector.Config)
	must(t, err)
	defer scheduler.Close()
	for index, raw := range vector.Steps {
		var step vectorStep
		decode(t, raw, &step)
		seen := plain(t, runStep(t, scheduler, &step))
		expected := expectedOf(t, raw)
		if !reflect.DeepEqual(seen, expected) {
			t.Fatalf("step %d (%s)\nsays  %v\nshows %v", index, step.Do, expected, seen)
		}
	}
}

// decode refuses unknown fields: a vector must not say what nobody reads.
func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	must(t, decoder.Decode(into))
}

// plain is a value as JSON reads it back, numbers as their text.
func plain(t *testing.T, value any) map[string]any {
	t.Helper()
	text, err := json.Marshal(value)
	must(t, err)
	var result map[string]any
	decode(t, text, &result)
	return normal(result).(map[string]any)
}

// normal gives floating-point numbers one text; 1.0 and 1e-05 are written differently by others.
func normal(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, item := range value {
			value[key] = normal(item)
		}
	case []any:
		for i, item := range value {
			value[i] = normal(item)
		}
	case json.Number:
		if _, err := value.Int64(); err == nil {
			return value.String()
		}
		if number, err := value.Float64(); err == nil {
			text, _ := json.Marshal(number)
			return string(text)
		}
	}
	return value
}

func expectedOf(t *testing.T, raw []byte) map[string]any {
	var step map[string]any
	decode(t, raw, &step)
	expected := map[string]any{}
	for _, key := range []string{"answer", "field", "results", "reads", "info", "placements", "decisions"} {
		if value, ok := step[key]; ok {
			expected[key] = normal(value)
		}
	}
	if decisions, ok := expected["decisions"].([]any); ok {
		for _, decision := range decisions {
			delete(decision.(map[string]any), "says")
		}
	}
	return expected
}

// failed shows an error as status and field.
func failed(t *testing.T, err error) shown {
	t.Helper()
	var status Status
	if !errors.As(err, &status) {
		t.Fatalf("%v has no status", err)
	}
	seen := shown{"answer": int32(status)}
	var detail *Error
	if errors.As(err, &detail) && detail.Field != FieldNone {
		seen["field"] = detail.Field
	}
	return seen
}

func answer(t *testing.T, err error, number int64) shown {
	t.Helper()
	if err != nil {
		return failed(t, err)
	}
	if number == 0 {
		return shown{}
	}
	return shown{"answer": number}
}

func runStep(t *testing.T, s *Scheduler, step *vectorStep) shown {
	t.Helper()
	switch step.Do {
	case "name":
		id, err := s.Name(step.Text)
		return answer(t, err, int64(id))
	case "label":
		bit, err := s.Label(step.Text)
		return answer(t, err, int64(bit))
	case "name_text":
		text, err := s.NameText(step.Name)
		if err != nil {
			return failed(t, err)
		}
		return shown{"reads": text}
	case "configure":
		return answer(t, s.Configure(step.Key, step.Value), 0)
	case "ready":
		return answer(t, s.Ready(step.Workflow, step.Call, step.UserData), 0)
	case "call_cancel":
		return answer(t, s.CallCancel(step.Workflow, step.Call, step.UserData), 0)
	case "workflow_cancel":
		return answer(t, s.WorkflowCancel(step.Workflow, step.UserData), 0)
	case "workflow_end":
		return answer(t, s.WorkflowEnd(step.Workflow, step.UserData), 0)
	case "worker_drain":
		return answer(t, s.WorkerDrain(step.Worker, step.Incarnation, step.UserData), 0)
	case "worker_lost":
		return answer(t, s.WorkerLost(step.Worker, step.Incarnation, step.UserData), 0)
	case "call_state":
		state, err := s.CallState(step.Workflow, step.Call)
		return answer(t, err, int64(state))
	case "next_timer":
		timer, err := s.NextTimer()
		return answer(t, err, timer)
	case "step":
		return runAdvance(t, s, step)
	case "workflow_begin", "submit", "complete", "heartbeat_submit", "link_measured":
		return runBatch(t, s, step)
	case "profile_set", "model_set", "worker_set", "link_set":
		return runSet(t, s, step)
	}
	return runQuestion(t, s, step)
}

func runAdvance(t *testing.T, s *Scheduler, step *vectorStep) shown {
	waiting, err := s.Step(step.NowNs)
	if err != nil || waiting == 0 {
		return answer(t, err, 0)
	}
	decisions := make([]Decision, waiting+1)
	polled, err := s.Poll(decisions)
	must(t, err)
	return shown{"decisions": decisions[:polled]}
}

func runSet(t *testing.T, s *Scheduler, step *vectorStep) shown {
	var err error
	switch step.Do {
	case "profile_set":
		var record Profile
		decode(t, step.Record, &record)
		err = s.ProfileSet(record, step.UserData)
	case "model_set":
		var record Model
		decode(t, step.Record, &record)
		err = s.ModelSet(record, step.UserData)
	case "worker_set":
		var record Worker
		decode(t, step.Record, &record)
		err = s.WorkerSet(record, step.UserData)
	case "link_set":
		var record Link
		decode(t, step.Record, &record)
		err = s.LinkSet(record, step.UserData)
	}
	return answer(t, err, 0)
}

func decodeAll[T any](t *testing.T, raw []json.RawMessage) []T {
	records := make([]T, len(raw))
	for i := range raw {
		decode(t, raw[i], &records[i])
	}
	return records
}

func flatten(t *testing.T, raw []json.RawMessage) (calls []Call, deps []uint64, prefixes []Prefix) {
	for _, one := range decodeAll[vectorCall](t, raw) {
		one.DepsOffset, one.DepsCount = uint32(len(deps)), uint32(len(one.Deps))
		one.PrefixesOffset, one.PrefixesCount = uint32(len(prefixes)), uint32(len(one.Prefixes))
		calls = append(calls, one.Call)
		deps = append(deps, one.Deps...)
		prefixes = append(prefixes, one.Prefixes...)
	}
	return calls, deps, prefixes
}

func runBatch(t *testing.T, s *Scheduler, step *vectorStep) shown {
	results := make([]Status, len(step.Records))
	var taken int
	var err error
	switch step.Do {
	case "workflow_begin":
		taken, err = s.WorkflowBegin(decodeAll[Workflow](t, step.Records), results)
	case "complete":
		taken, err = s.Complete(decodeAll[Report](t, step.Records), results)
	case "heartbeat_submit":
		taken, err = s.HeartbeatSubmit(decodeAll[Heartbeat](t, step.Records))
	case "link_measured":
		taken, err = s.LinkMeasured(decodeAll[LinkSample](t, step.Records))
	case "submit":
		calls, deps, prefixes := flatten(t, step.Records)
		taken, err = s.Submit(calls, deps, prefixes, results)
	}
	var item *ItemError
	if err != nil && !errors.As(err, &item) {
		return failed(t, err)
	}
	seen := shown{}
	if taken != len(step.Records) {
		seen["answer"] = taken
	}
	if item != nil {
		seen["results"] = results
	}
	return seen
}

func runQuestion(t *testing.T, s *Scheduler, step *vectorStep) shown {
	var info any
	var err error
	switch step.Do {
	case "workflow_query":
		info, err = s.WorkflowQuery(step.Workflow)
	case "worker_query":
		info, err = s.WorkerQuery(step.Worker)
	case "link_query":
		info, err = s.LinkQuery(step.SourceWorker, step.TargetWorker)
	case "what_if":
		var workflow Workflow
		decode(t, step.Record, &workflow)
		calls, deps, prefixes := flatten(t, step.Records)
		info, err = s.WhatIf(workflow, calls, deps, prefixes)
	case "placement_query":
		calls, _, prefixes := flatten(t, step.Records)
		placements := make([]Placement, step.Capacity)
		found, err := s.PlacementQuery(calls[0], prefixes, placements)
		if err != nil {
			return failed(t, err)
		}
		return shown{"placements": placements[:found]}
	default:
		t.Fatalf("unknown step %q", step.Do)
	}
	seen := answer(t, err, 0)
	seen["info"] = info
	return seen
}
