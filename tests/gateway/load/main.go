// Load for tests/gateway.sh: runs workflows through a gateway and keeps a ledger of every call. Prints
// one JSON object; fails when a call ended other than it may.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

type options struct {
	url, model string
	output     int
	prompt     int
	every      time.Duration
	duration   time.Duration
}

// ledger counts endings; a client that gets an error event sends the call again, as agents do.
type ledger struct {
	lock      sync.Mutex
	Sent      int            `json:"sent"`
	Endings   map[ending]int `json:"endings"`
	Details   []string       `json:"details,omitempty"`
	Workflows int            `json:"workflows"`
	workflow  []time.Duration
	call      []time.Duration
	first     []time.Duration
}

func (l *ledger) add(r result) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.Endings[r.ending]++
	if r.ending == completed {
		l.call, l.first = append(l.call, r.whole), append(l.first, r.first)
	} else if len(l.Details) < 8 {
		l.Details = append(l.Details, string(r.ending)+": "+r.detail)
	}
}

func milliseconds(values []time.Duration, quantile float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	return float64(values[int(quantile*float64(len(values)-1)+0.5)].Microseconds()) / 1000
}

// run sends each call when those it waits for are done and its tool gap is over.
func (o options) run(ctx context.Context, name string, workflow traceWorkflow, l *ledger) {
	from := time.Now()
	done := map[int]chan struct{}{}
	for _, call := range workflow.Calls {
		done[call.ID] = make(chan struct{})
	}
	var group sync.WaitGroup
	for index, call := range workflow.Calls {
		group.Add(1)
		go func(index int, call traceCall) {
			defer group.Done()
			defer close(done[call.ID])
			var deps []string
			for _, dep := range call.Deps {
				<-done[dep]
				deps = append(deps, fmt.Sprint(dep))
			}
			if call.ToolDelayS != nil {
				time.Sleep(time.Duration(*call.ToolDelayS * 0.05 * float64(time.Second)))
			}
			header := map[string]string{"X-Hexagent-Workflow": name, "X-Hexagent-Call": fmt.Sprint(call.ID),
				"X-Hexagent-Deps": strings.Join(deps, ","), "X-Hexagent-Stage": call.Stage,
				"X-Hexagent-Prompt-Tokens": fmt.Sprint(call.prompt(o.prompt))}
			for try := 0; try < 4; try++ {
				l.lock.Lock()
				l.Sent++
				l.lock.Unlock()
				got := send(ctx, o.url, o.model, header, words(call.prompt(o.prompt)), call.output(o.output), index%2 == 0)
				l.add(got)
				if got.ending != streamError {
					return
				}
			}
		}(index, call)
	}
	group.Wait()
	l.lock.Lock()
	defer l.lock.Unlock()
	l.Workflows++
	l.workflow = append(l.workflow, time.Since(from))
}

func main() {
	o := options{}
	var traces string
	var count, callsMax, overhead int
	var prefill, decode string
	flag.StringVar(&o.url, "url", "", "the gateway")
	flag.StringVar(&o.model, "model", "llama", "the model's name")
	flag.StringVar(&traces, "traces", "", "trace files, comma separated")
	flag.IntVar(&count, "workflows", 8, "of each trace")
	flag.IntVar(&callsMax, "calls", 24, "of a workflow at most")
	flag.IntVar(&o.output, "output-divisor", 12, "outputs are this much shorter than in the trace")
	flag.IntVar(&o.prompt, "prompt-divisor", 4, "and prompts")
	flag.DurationVar(&o.every, "every", 300*time.Millisecond, "between two arrivals")
	flag.DurationVar(&o.duration, "for", 0, "begin workflows for this long, over and over; 0 = each once")
	flag.IntVar(&overhead, "overhead", 0, "instead: this many calls, alternating gateway and both legs by hand")
	flag.StringVar(&prefill, "prefill", "", "engine for -overhead")
	flag.StringVar(&decode, "decode", "", "engine for -overhead")
	flag.Parse()
	var err error
	if overhead > 0 {
		err = measureOverhead(o, prefill, decode, overhead)
	} else {
		err = o.load(strings.Split(traces, ","), count, callsMax)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (o options) load(traces []string, count, callsMax int) error {
	var mixed []traceWorkflow
	byTrace := make([][]traceWorkflow, len(traces))
	for i, trace := range traces {
		workflows, err := readTrace(trace, count, callsMax)
		if err != nil {
			return err
		}
		byTrace[i] = workflows
	}
	for i := 0; i < count; i++ { // one of each in turn
		for _, workflows := range byTrace {
			if i < len(workflows) {
				mixed = append(mixed, workflows[i])
			}
		}
	}
	l := &ledger{Endings: map[ending]int{completed: 0, streamError: 0, httpError: 0, broken: 0}}
	var group sync.WaitGroup
	from := time.Now()
	for i := 0; o.duration == 0 && i < len(mixed) || time.Since(from) < o.duration; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			o.run(context.Background(), fmt.Sprintf("w%d", i), mixed[i%len(mixed)], l)
		}(i)
		time.Sleep(o.every)
	}
	group.Wait()
	text, _ := json.Marshal(struct {
		*ledger
		WorkflowP50 float64 `json:"workflow_p50_ms"`
		WorkflowP95 float64 `json:"workflow_p95_ms"`
		CallP50     float64 `json:"call_p50_ms"`
		CallP95     float64 `json:"call_p95_ms"`
		FirstP50    float64 `json:"first_p50_ms"`
	}{l, milliseconds(l.workflow, .5), milliseconds(l.workflow, .95), milliseconds(l.call, .5),
		milliseconds(l.call, .95), milliseconds(l.first, .5)})
	fmt.Println(string(text))
	ended := 0
	for _, count := range l.Endings {
		ended += count
	}
	if l.Endings[broken] > 0 || l.Endings[httpError] > 0 || ended != l.Sent {
		return fmt.Errorf("%d calls sent, %d ended: %v", l.Sent, ended, l.Endings)
	}
	return nil
}
