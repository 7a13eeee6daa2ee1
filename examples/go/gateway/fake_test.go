package main

// Fake engines: just enough of vLLM's P/D protocol to be wrong in chosen ways.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const params = `{"do_remote_prefill":true,"remote_block_ids":[7],"remote_engine_id":"e","unknown":{"a":1}}`

type fakeEngine struct {
	*httptest.Server
	lock   sync.Mutex
	bodies []map[string]json.RawMessage
	fail   int           // answers that are 500 from now on
	cut    bool          // streams end after the first event
	hang   chan struct{} // streams wait after the first event until their client goes, then close it
}

func newFake(t *testing.T) *fakeEngine {
	f := &fakeEngine{}
	f.Server = httptest.NewServer(http.HandlerFunc(f.answer))
	t.Cleanup(f.Server.Close)
	return f
}

func (f *fakeEngine) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		return
	}
	bytes, _ := io.ReadAll(r.Body)
	body := map[string]json.RawMessage{}
	json.Unmarshal(bytes, &body)
	f.lock.Lock()
	f.bodies = append(f.bodies, body)
	fail := f.fail > 0
	if fail {
		f.fail--
	}
	f.lock.Unlock()
	switch {
	case fail:
		http.Error(w, "broken", http.StatusInternalServerError)
	case strings.Contains(string(body["kv_transfer_params"]), `"do_remote_decode":true`):
		fmt.Fprintf(w, `{"kv_transfer_params":%s,"usage":{"prompt_tokens":9,"completion_tokens":1}}`, params)
	case string(body["stream"]) != "true":
		io.WriteString(w, `{"choices":[{"text":"all"}],"usage":{"prompt_tokens":9,"completion_tokens":3}}`)
	default:
		io.WriteString(w, "data: {\"choices\":[{\"text\":\"one\"}]}\n\n")
		w.(http.Flusher).Flush()
		if f.hang != nil {
			<-r.Context().Done()
			close(f.hang)
			return
		}
		if !f.cut {
			io.WriteString(w, "data: {\"choices\":[{\"text\":\"two\"}]}\n\ndata: [DONE]\n\n")
		}
	}
}

func (f *fakeEngine) seen() []map[string]json.RawMessage {
	f.lock.Lock()
	defer f.lock.Unlock()
	return append([]map[string]json.RawMessage(nil), f.bodies...)
}

// gatewayOf serves a gateway before two prefill and two decode engines.
func gatewayOf(t *testing.T, change func(*Config)) (*Gateway, string, []*fakeEngine) {
	t.Helper()
	config := Config{Model: "m", Profile: "llama-3.1-70b", HealthMillis: 20}
	var engines []*fakeEngine
	for i, gpu := range []string{"A100-80G", "H100-80G", "A100-80G", "H100-80G"} {
		engine := newFake(t)
		engines = append(engines, engine)
		role := []string{"prefill", "decode"}[i/2]
		config.Workers = append(config.Workers, WorkerConfig{URL: engine.URL, Role: role, GPU: gpu, TensorParallel: 4})
	}
	if change != nil {
		change(&config)
	}
	if err := config.complete(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	gateway, err := NewGateway(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { gateway.Run(ctx, t.Logf); close(ended) }()
	server := httptest.NewServer(gateway.Handler())
	t.Cleanup(func() {
		server.Close()
		cancel()
		<-ended
		if gateway.planner != nil {
			<-gateway.planner.Failed
			gateway.planner.Shutdown()
		}
	})
	return gateway, server.URL, engines
}

// ask posts a completion and returns status and whole body.
func ask(t *testing.T, url string, stream bool, header map[string]string) (int, string) {
	t.Helper()
	body := fmt.Sprintf(`{"model":"m","prompt":"hello","max_tokens":5,"min_tokens":2,"stream":%v}`, stream)
	request, _ := http.NewRequest(http.MethodPost, url+"/v1/completions", strings.NewReader(body))
	for name, value := range header {
		request.Header.Set(name, value)
	}
	client := http.Client{Timeout: 20 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// balanced checks that every call ended once, as counted.
func balanced(t *testing.T, gateway *Gateway, want map[string]uint64) {
	t.Helper()
	sum := uint64(0)
	// A client has its last byte a moment before the call is counted.
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		sum = 0
		for _, name := range ledger[1:] {
			sum += gateway.metrics.Get(name)
		}
		if sum == gateway.metrics.Get("calls_received") {
			break
		}
	}
	for _, name := range ledger[1:] {
		got := gateway.metrics.Get(name)
		if got != want[name] {
			t.Errorf("%s is %d, not %d", name, got, want[name])
		}
	}
	if got := gateway.metrics.Get("calls_received"); got != sum {
		t.Errorf("%d calls came, %d ended", got, sum)
	}
}
