package main

// Workflows taken in shape from examples/traces: which call waits for which, prompt and output lengths,
// tool gaps. Prompts, outputs and gaps are shortened so that a run fits into seconds.

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"strings"
)

type traceCall struct {
	ID           int      `json:"id"`
	Deps         []int    `json:"deps"`
	PromptTokens int      `json:"prompt_tokens"`
	OutputTokens int      `json:"output_tokens"`
	ToolDelayS   *float64 `json:"tool_delay_s"`
	Stage        string   `json:"stage"`
}

type traceWorkflow struct {
	Name  string      `json:"workflow"`
	Calls []traceCall `json:"calls"`
}

// readTrace takes the first count workflows, each cut after callsMax calls.
func readTrace(path string, count, callsMax int) ([]traceWorkflow, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(unpacked)
	lines.Buffer(nil, 64<<20)
	var workflows []traceWorkflow
	for len(workflows) < count && lines.Scan() {
		workflow := traceWorkflow{}
		if err := json.Unmarshal(lines.Bytes(), &workflow); err != nil {
			return nil, err
		}
		if len(workflow.Calls) > callsMax { // calls come in order, so the rest waits only for these
			workflow.Calls = workflow.Calls[:callsMax]
		}
		workflows = append(workflows, workflow)
	}
	return workflows, lines.Err()
}

func (c traceCall) output(scale int) int { return 1 + c.OutputTokens/scale }

func (c traceCall) prompt(scale int) int { return 1 + c.PromptTokens/scale }

func words(count int) string { return strings.Repeat("word ", count) }
