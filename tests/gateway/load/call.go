package main

// One call as a client sees it, and the only ways it may end.

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type ending string

const (
	completed   ending = "completed"
	streamError ending = "stream_error" // an explicit error event after the stream began
	httpError   ending = "http_error"
	broken      ending = "broken" // anything else: cut without a word, an error and more after it
)

type result struct {
	ending ending
	first  time.Duration // to the first byte of the answer
	whole  time.Duration
	detail string
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}}

// send posts one completion and reads its answer to the end.
func send(ctx context.Context, url, model string, header map[string]string, prompt string, output int, stream bool) result {
	body, _ := json.Marshal(map[string]any{"model": model, "prompt": prompt, "max_tokens": output,
		"ignore_eos": true, "stream": stream})
	request, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/completions", strings.NewReader(string(body)))
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	from := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return result{ending: broken, detail: err.Error()}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		return result{ending: httpError, detail: strconv.Itoa(response.StatusCode) + " " + string(text)}
	}
	first := time.Since(from)
	got := result{first: first}
	if stream {
		got.ending, got.detail = readStream(response.Body)
	} else {
		got.ending, got.detail = readWhole(response.Body)
	}
	got.whole = time.Since(from)
	return got
}

func readWhole(body io.Reader) (ending, string) {
	answer := struct {
		Choices []json.RawMessage `json:"choices"`
	}{}
	if err := json.NewDecoder(body).Decode(&answer); err != nil || len(answer.Choices) != 1 {
		return broken, "no whole answer"
	}
	return completed, ""
}

// readStream demands that a stream ends with [DONE] or with one error event, and that nothing follows.
func readStream(body io.Reader) (ending, string) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	end, detail := ending(""), ""
	for lines.Scan() {
		data := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "data:"))
		switch {
		case data == "":
		case end != "":
			return broken, "something after the end: " + data
		case data == "[DONE]":
			end = completed
		case strings.HasPrefix(data, `{"error"`):
			end, detail = streamError, data
		}
	}
	if end == "" || lines.Err() != nil {
		return broken, "the stream was cut without a word"
	}
	return end, detail
}
