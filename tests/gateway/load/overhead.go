package main

// What a gateway adds to a call: the same call through it and as two legs by hand, in turns.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// overheadWords is enough for a router not to leave the prefill to the decode engine.
const overheadWords = 600

func measureOverhead(o options, prefill, decode string, count int) error {
	var through, byHand []time.Duration
	for i := 0; i < count; i++ {
		got := send(context.Background(), o.url, o.model, nil, words(overheadWords), 1, false)
		if got.ending != completed {
			return fmt.Errorf("through the gateway: %s %s", got.ending, got.detail)
		}
		took, err := bothLegs(o, prefill, decode)
		if err != nil {
			return err
		}
		if i >= count/10 { // connections are open by then
			through, byHand = append(through, got.whole), append(byHand, took)
		}
	}
	p50, p95 := milliseconds(through, .5)-milliseconds(byHand, .5), milliseconds(through, .95)-milliseconds(byHand, .95)
	_, err := fmt.Printf("{\"overhead_p50_ms\":%.3f,\"overhead_p95_ms\":%.3f,\"by_hand_p50_ms\":%.3f}\n",
		p50, p95, milliseconds(byHand, .5))
	return err
}

func bothLegs(o options, prefill, decode string) (time.Duration, error) {
	from := time.Now()
	body := map[string]any{"model": o.model, "prompt": words(overheadWords), "max_tokens": 1, "stream": false,
		"kv_transfer_params": map[string]any{"do_remote_decode": true, "do_remote_prefill": false}}
	answer, err := post(prefill, body)
	if err != nil {
		return 0, err
	}
	body["kv_transfer_params"] = answer["kv_transfer_params"]
	if _, err = post(decode, body); err != nil {
		return 0, err
	}
	return time.Since(from), nil
}

func post(url string, body map[string]any) (map[string]any, error) {
	text, _ := json.Marshal(body)
	response, err := client.Post(url+"/v1/completions", "application/json", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer := map[string]any{}
	bytes, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %s", url, response.StatusCode, bytes)
	}
	if err == nil {
		err = json.Unmarshal(bytes, &answer)
	}
	return answer, err
}
