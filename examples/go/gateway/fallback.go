package main

// Round robin, for when the scheduler cannot be asked. Keeps the gateway serving; nothing else.

import (
	"context"
	"encoding/json"
	"errors"
)

var errNoWorker = errors.New("no worker answers")

// fallback runs a call without the scheduler: at most RetryMax times more while nothing has been sent
// to the client.
func (g *Gateway) fallback(ctx context.Context, request *Request, client *Client) error {
	avoid := map[uint32]bool{}
	var err error
	for try := 0; try <= g.config.RetryMax; try++ {
		if try > 0 {
			g.metrics.Add("retries", 1)
		}
		var failed Worker
		failed, err = g.roundRobin(ctx, request, client, avoid)
		var engine *EngineError
		if err == nil || client.Started() || ctx.Err() != nil || errors.As(err, &engine) && engine.final() {
			return err
		}
		if failed.ID == 0 {
			return err
		}
		avoid[failed.ID] = true
		if unreachable(err) {
			g.fleet.Lost(failed)
		}
	}
	return err
}

// roundRobin sends both legs once and tells which worker failed.
func (g *Gateway) roundRobin(ctx context.Context, request *Request, client *Client, avoid map[uint32]bool) (Worker, error) {
	prefill, ok := g.fleet.Next("prefill", avoid)
	if !ok {
		return Worker{}, errNoWorker
	}
	decode, params := prefill, json.RawMessage(nil)
	if prefill.Role != "both" {
		var err error
		if params, _, err = g.engine.Prefill(ctx, prefill.URL, request, nil); err != nil {
			return prefill, err
		}
		if decode, ok = g.fleet.Next("decode", avoid); !ok {
			return Worker{}, errNoWorker
		}
	}
	return decode, g.engine.Decode(ctx, decode.URL, request, params, nil,
		func(data []byte, last bool, _ uint32) error { return client.Write(data, last) })
}
