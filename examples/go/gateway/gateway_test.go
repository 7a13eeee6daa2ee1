package main

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestHeadersTellTheWorkflow(t *testing.T) {
	for _, c := range []struct {
		name   string
		header map[string]string
		want   Identity
	}{
		{"none is a workflow of one call", nil, Identity{Last: true}},
		{"explicit", map[string]string{"X-Hexagent-Workflow": "w", "X-Hexagent-Call": "c", "X-Hexagent-Deps": "a, b",
			"X-Hexagent-Stage": "plan", "X-Hexagent-Last": "true"},
			Identity{Workflow: "workflow:w", Call: "c", Deps: []string{"a", "b"}, Stage: "plan", Last: true}},
		{"explicit wins", map[string]string{"X-Hexagent-Workflow": "w", "Session-Id": "s"}, Identity{Workflow: "workflow:w"}},
		{"Claude Code", map[string]string{"X-Claude-Code-Session-Id": "s"}, Identity{Workflow: "session:s"}},
		{"a child session joins its parent", map[string]string{"X-Dynamo-Session-Id": "child",
			"X-Dynamo-Parent-Session-Id": "s", "X-Dynamo-Session-Final": "true"}, Identity{Workflow: "session:s"}},
		{"a final session", map[string]string{"X-Dynamo-Session-Id": "s", "X-Dynamo-Session-Final": "1"},
			Identity{Workflow: "session:s", Last: true}},
		{"dependencies mean nothing without a workflow", map[string]string{"X-Hexagent-Deps": "a"}, Identity{Last: true}},
		{"a long name is cut between characters", map[string]string{"Session-Id": strings.Repeat("ö", 150)},
			Identity{Workflow: "session:" + strings.Repeat("ö", 100)}},
	} {
		header := http.Header{}
		for name, value := range c.header {
			header.Set(name, value)
		}
		if got := Identify(header); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

func TestBothLegsSpeakTheProtocol(t *testing.T) {
	gateway, url, engines := gatewayOf(t, nil)
	if status, body := ask(t, url, true, nil); status != 200 || !strings.HasSuffix(body, "[DONE]\n\n") ||
		!strings.Contains(body, "one") || !strings.Contains(body, "two") {
		t.Fatalf("%d %s", status, body)
	}
	prefills := append(engines[0].seen(), engines[1].seen()...)
	decodes := append(engines[2].seen(), engines[3].seen()...)
	if len(prefills) != 1 || len(decodes) != 1 {
		t.Fatalf("%d prefill and %d decode legs", len(prefills), len(decodes))
	}
	prefill, decode := prefills[0], decodes[0]
	if string(prefill["max_tokens"]) != "1" || string(prefill["stream"]) != "false" || prefill["min_tokens"] != nil {
		t.Errorf("prefill leg %s", encode(prefill))
	}
	if string(decode["max_tokens"]) != "5" || string(decode["stream"]) != "true" ||
		string(decode["kv_transfer_params"]) != params {
		t.Errorf("decode leg %s", encode(decode))
	}
	balanced(t, gateway, map[string]uint64{"calls_completed": 1})
}

func TestCallsOfAWorkflowWaitForNothingThatIsDone(t *testing.T) {
	gateway, url, _ := gatewayOf(t, nil)
	calls := []map[string]string{{"X-Hexagent-Call": "a"}, {"X-Hexagent-Call": "b", "X-Hexagent-Deps": "a,never-seen"},
		{"X-Hexagent-Call": "c", "X-Hexagent-Deps": "a,b", "X-Hexagent-Last": "true"}}
	for _, header := range calls {
		header["X-Hexagent-Workflow"] = "w"
		if status, body := ask(t, url, false, header); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	// After its last call the name is free for a workflow of its own.
	if status, body := ask(t, url, false, calls[0]); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	balanced(t, gateway, map[string]uint64{"calls_completed": 4})
	if got := gateway.metrics.Get("fallback_calls"); got != 0 {
		t.Errorf("%d calls were not scheduled", got)
	}
}

func TestACallNotYetStreamingIsRetriedUnseen(t *testing.T) {
	for _, stream := range []bool{false, true} {
		for _, stage := range []int{0, 2} { // prefill, decode
			gateway, url, engines := gatewayOf(t, nil)
			engines[stage].fail, engines[stage+1].fail = 1, 1
			if status, body := ask(t, url, stream, nil); status != 200 || strings.Contains(body, "error") {
				t.Fatalf("%d %s", status, body)
			}
			balanced(t, gateway, map[string]uint64{"calls_completed": 1})
			if gateway.metrics.Get("retries") == 0 {
				t.Error("no retry was counted")
			}
		}
	}
}

func TestRetriesAreBounded(t *testing.T) {
	gateway, url, engines := gatewayOf(t, nil)
	for _, engine := range engines[2:] {
		engine.fail = 1000
	}
	if status, body := ask(t, url, false, nil); status != 502 {
		t.Fatalf("%d %s", status, body)
	}
	balanced(t, gateway, map[string]uint64{"calls_failed": 1})
	if sent := len(engines[2].seen()) + len(engines[3].seen()); sent != 3 {
		t.Errorf("the decode leg was sent %d times", sent)
	}
}

func TestAStreamThatBreaksEndsWithAnErrorEvent(t *testing.T) {
	for _, only := range []bool{false, true} {
		gateway, url, engines := gatewayOf(t, func(c *Config) { c.FallbackOnly = only })
		engines[2].cut, engines[3].cut = true, true
		status, body := ask(t, url, true, nil)
		if status != 200 || strings.Count(body, `"error"`) != 1 || strings.Contains(body, "[DONE]") {
			t.Fatalf("%d %s", status, body)
		}
		balanced(t, gateway, map[string]uint64{"calls_stream_failed": 1})
		if sent := len(engines[2].seen()) + len(engines[3].seen()); sent != 1 {
			t.Errorf("a stream was sent %d times", sent)
		}
	}
}

func TestAClientThatGoesEndsItsEngineConnection(t *testing.T) {
	gateway, url, engines := gatewayOf(t, nil)
	gone := make(chan struct{})
	engines[2].hang, engines[3].hang = gone, gone
	ctx, cancel := context.WithCancel(context.Background())
	request, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/completions",
		strings.NewReader(`{"model":"m","prompt":"hello","stream":true}`))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	cancel()
	<-gone
	for gateway.metrics.Get("decisions_call_done") == 0 {
		time.Sleep(time.Millisecond) // until the scheduler has let the call go
	}
	balanced(t, gateway, map[string]uint64{"calls_cancelled": 1})
	if count := gateway.planner.workflows.Count(); count != 0 {
		t.Errorf("%d workflows are left", count)
	}
}

func TestTheGatewayFallsOpenWhenTheSchedulerDecidesNoMore(t *testing.T) {
	gateway, url, engines := gatewayOf(t, nil)
	if err := gateway.planner.scheduler.Shutdown(); err != nil {
		t.Fatal(err)
	}
	<-gateway.planner.Failed
	engines[2].fail = 1 // it retries there too
	for i := 0; i < 4; i++ {
		if status, body := ask(t, url, false, nil); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	balanced(t, gateway, map[string]uint64{"calls_completed": 4})
	if gateway.metrics.Get("fallback_calls") != 4 || gateway.metrics.Get("fallback_poisoned") != 4 {
		t.Error(gateway.metrics.Text())
	}
	if len(engines[0].seen()) == 0 || len(engines[1].seen()) == 0 {
		t.Error("one prefill engine got nothing")
	}
}

func TestALostWorkerComesBackAsANewIncarnation(t *testing.T) {
	gateway, _, _ := gatewayOf(t, nil)
	before, _ := gateway.fleet.Get(4)
	gateway.fleet.Lost(before)
	for {
		after, _ := gateway.fleet.Get(4)
		if after.Up && after.Incarnation == before.Incarnation+1 {
			break
		}
		time.Sleep(time.Millisecond) // until the health check finds it
	}
	gateway.fleet.Lost(before) // late news of the old one
	if after, _ := gateway.fleet.Get(4); !after.Up {
		t.Error("late news of the old incarnation lost the new one")
	}
}

func TestMetricsHoldBothTexts(t *testing.T) {
	_, url, _ := gatewayOf(t, nil)
	response, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	response.Write(&text)
	if body := text.String(); strings.Count(body, "# EOF") != 1 || !strings.Contains(body, "gateway_calls_received_total 0") ||
		!strings.Contains(body, "hexagent_workers 4") {
		t.Fatal(body)
	}
}

func TestManyClientsAtOnceEachGetOneAnswer(t *testing.T) {
	gateway, url, _ := gatewayOf(t, nil)
	var group sync.WaitGroup
	for client := 0; client < 8; client++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 10; i++ {
				if status, body := ask(t, url, i%2 == 0, map[string]string{"Session-Id": "shared"}); status != 200 {
					t.Errorf("%d %s", status, body)
				}
			}
		}()
	}
	group.Wait()
	balanced(t, gateway, map[string]uint64{"calls_completed": 80})
}
