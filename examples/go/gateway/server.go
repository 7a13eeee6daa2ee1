package main

// The OpenAI-compatible face: reads a request, has it run, and counts how it ended, once.

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// Gateway is everything a request needs.
type Gateway struct {
	config  Config
	metrics *Metrics
	planner *Planner // nil with fallback_only
	fleet   *Fleet
	engine  *Engine
}

// NewGateway opens the scheduler and finds the workers that answer. Run comes next.
func NewGateway(ctx context.Context, config Config) (*Gateway, error) {
	g := &Gateway{config: config, metrics: NewMetrics(), engine: NewEngine()}
	if !config.FallbackOnly {
		planner, err := NewPlanner(config, g.metrics)
		if err != nil {
			return nil, err
		}
		g.planner = planner
	}
	g.fleet = NewFleet(config, g.planner, g.metrics)
	g.fleet.Check(ctx)
	return g, nil
}

// Run takes decisions and checks workers until ctx ends.
func (g *Gateway) Run(ctx context.Context, log func(string, ...any)) {
	if g.planner != nil {
		go func() {
			if err := g.planner.Run(ctx); err != nil && ctx.Err() == nil {
				log("the scheduler decides no more, falling open to round robin: %v", err)
			}
		}()
	}
	g.fleet.Run(ctx)
}

// Handler routes.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/chat/completions", g.complete)
	mux.HandleFunc("/v1/completions", g.complete)
	mux.HandleFunc("/v1/models", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"object": "list", "data": []any{map[string]any{
			"id": g.config.Model, "object": "model", "owned_by": "gateway"}}})
	})
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if g.fleet.Up() == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/metrics", g.writeMetrics)
	return mux
}

func (g *Gateway) complete(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	from := time.Now()
	client := &Client{writer: w}
	g.metrics.Add("calls_received", 1)
	err := g.serve(r, w, client)
	g.metrics.Add(g.ending(r.Context(), client, err), 1)
	if err != nil {
		client.Fail(err)
	}
	g.metrics.Add("call_microseconds", uint64(time.Since(from).Microseconds()))
}

// ending names the one counter of the ledger that a call ends in.
func (g *Gateway) ending(ctx context.Context, client *Client, err error) string {
	switch {
	case err == nil:
		return "calls_completed"
	case ctx.Err() != nil:
		return "calls_cancelled"
	case client.Started():
		return "calls_stream_failed"
	}
	return "calls_failed"
}

func (g *Gateway) serve(r *http.Request, w http.ResponseWriter, client *Client) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.config.BodyMax))
	if err != nil {
		return &Refusal{http.StatusRequestEntityTooLarge, "the body is too large or was cut"}
	}
	request, err := ParseRequest(r.URL.Path, r.Header, body, g.config.CharactersPerTok)
	if err != nil {
		return &Refusal{http.StatusBadRequest, err.Error()}
	}
	if request.Model != g.config.Model {
		return &Refusal{http.StatusNotFound, "no such model: " + request.Model}
	}
	client.stream = request.Stream
	if request.ID = r.Header.Get("X-Request-Id"); request.ID == "" {
		request.ID = newID()
	}
	w.Header().Set("X-Request-Id", request.ID)
	if g.planner != nil {
		select {
		case <-g.planner.Failed:
			g.metrics.Add("fallback_poisoned", 1)
		default:
			if err := g.scheduled(r.Context(), request, client); !errors.Is(err, errFallOpen) {
				return err
			}
		}
	}
	g.metrics.Add("fallback_calls", 1)
	return g.fallback(r.Context(), request, client)
}

func newID() string {
	bytes := make([]byte, 16)
	rand.Read(bytes)
	return hex.EncodeToString(bytes)
}

// writeMetrics adds the library's text, which ends with the end mark.
func (g *Gateway) writeMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
	text := "# EOF\n"
	if g.planner != nil {
		if library, err := g.planner.scheduler.Metrics(); err == nil {
			text = library
		}
	}
	io.WriteString(w, g.metrics.Text()+text)
}
