// What a call from Go through cgo costs: the measurements of boundary.c through the binding.
// `boundary ROUNDS` prints nanoseconds as JSON: medians over rounds of 4096 records. Run by
// tests/boundary/run.py.
package main

import (
	"encoding/json"
	"log"
	"os"
	"sort"
	"strconv"
	"time"

	hexagent "github.com/libhexagent/libhexagent/bindings/go"
)

const records = 4096

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// measure is the median over the rounds of nanoseconds per record; before is not counted.
func measure(rounds int, before, timed func()) float64 {
	times := make([]float64, rounds)
	for i := range times {
		before()
		begin := time.Now()
		timed()
		times[i] = float64(time.Since(begin).Nanoseconds()) / records
	}
	sort.Float64s(times)
	return times[rounds/2]
}

func main() {
	rounds, err := strconv.Atoi(os.Args[1])
	check(err)
	scheduler, err := hexagent.Open(hexagent.Config{"calls_max": "1024"})
	check(err)
	defer scheduler.Close()
	model, err := scheduler.Name("model")
	check(err)
	calls := make([]hexagent.Call, 64)
	for i := range calls {
		calls[i] = hexagent.Call{Workflow: 1, Model: model, PromptTokens: 1000} // of a workflow not begun
	}
	results := make([]hexagent.Status, len(calls))
	decisions := make([]hexagent.Decision, records)
	now := int64(0)
	step := func() {
		now++
		_, err := scheduler.Step(now)
		check(err)
	}
	poll := func(batch int) {
		for left := records; left > 0; {
			count, err := scheduler.Poll(decisions[:batch])
			check(err)
			left -= count
		}
	}
	submit := func(batch int) {
		for sent := 0; sent < records; sent += batch {
			_, err := scheduler.Submit(calls[:batch], nil, nil, results[:batch])
			check(err)
		}
	}
	fill := func() {
		for i := uint64(0); i < records; i++ {
			check(scheduler.Ready(1, 1, i))
		}
		step()
	}
	submitted := false
	drain := func() {
		if submitted {
			step()
			poll(records)
		}
		submitted = true
	}
	version := func() {
		for i := 0; i < records; i++ {
			if hexagent.LibraryVersion() == 0 {
				log.Fatal("no version")
			}
		}
	}
	measure(rounds/10+1, func() {}, version) // warm up
	measured := map[string]float64{"call_ns": measure(rounds, func() {}, version)}
	measured["submit_ns"] = measure(rounds, drain, func() { submit(1) })
	measured["submit_batch_ns"] = measure(rounds, drain, func() { submit(len(calls)) })
	drain()
	measured["poll_ns"] = measure(rounds, fill, func() { poll(1) })
	measured["poll_batch_ns"] = measure(rounds, fill, func() { poll(256) })
	check(json.NewEncoder(os.Stdout).Encode(measured))
}
