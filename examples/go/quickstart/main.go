// Two workers, one workflow of two dependent calls, virtual time; the engines are played by hand.
package main

import (
	"fmt"
	"log"

	hexagent "github.com/libhexagent/libhexagent/bindings/go"
)

// phases tells what a decision asks an engine to run.
var phases = map[hexagent.DecisionKind]hexagent.Phase{
	hexagent.DecisionPrefill:  hexagent.PhasePrefill,
	hexagent.DecisionTransfer: hexagent.PhaseTransfer,
	hexagent.DecisionDecode:   hexagent.PhaseDecode,
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	scheduler, err := hexagent.Open(hexagent.Config{"policy": "default"})
	check(err)
	defer scheduler.Close()
	profile, err := scheduler.ProfileBuiltin("H100-80G", "llama-3.1-70b", 4)
	check(err)
	check(scheduler.ProfileSet(profile, 0))
	for _, role := range []hexagent.Role{hexagent.RolePrefill, hexagent.RoleDecode} {
		check(scheduler.WorkerSet(hexagent.Worker{Worker: uint32(role), Incarnation: 1, Role: role,
			GPU: profile.GPU, Model: profile.Model, TensorParallel: 4}, 0))
	}

	_, err = scheduler.WorkflowBegin([]hexagent.Workflow{{Workflow: 7}}, nil)
	check(err)
	calls := []hexagent.Call{
		{Workflow: 7, Call: 1, Model: profile.Model, PromptTokens: 1000},
		{Workflow: 7, Call: 2, Model: profile.Model, PromptTokens: 1500, DepsCount: 1, Flags: hexagent.CallLast},
	}
	_, err = scheduler.Submit(calls, []uint64{1}, nil, nil)
	check(err)
	decisions := make([]hexagent.Decision, 64)
	for now := int64(0); now < 1e10; now += 1e8 {
		_, err = scheduler.Step(now)
		check(err)
		count, err := scheduler.Poll(decisions)
		check(err)
		for _, decision := range decisions[:count] {
			fmt.Printf("%4.1f s  %-13s  call %d\n", float64(now)/1e9, decision.Kind, decision.Call)
			if phase := phases[decision.Kind]; phase != 0 {
				_, err = scheduler.Complete([]hexagent.Report{{Workflow: 7, Call: decision.Call,
					Phase: phase, Outcome: hexagent.OutcomeDone}}, nil)
				check(err)
			}
		}
	}
}
