package main

// The client's side of one call: whole answers, streams, and the one error that ends either.

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// Client writes one answer. It belongs to the call's own goroutine.
type Client struct {
	writer  http.ResponseWriter
	stream  bool
	started bool
	ended   bool
}

// Started tells that the client has seen something, so that the call cannot be tried again unseen.
func (c *Client) Started() bool { return c.started }

// Write passes on a piece; the first sends the headers.
func (c *Client) Write(data []byte, last bool) error {
	if !c.started {
		c.started = true
		kind := "application/json"
		if c.stream {
			kind = "text/event-stream"
			c.writer.Header().Set("Cache-Control", "no-cache")
		}
		c.writer.Header().Set("Content-Type", kind)
	}
	c.ended = c.ended || last
	_, err := c.writer.Write(data)
	if flusher, ok := c.writer.(http.Flusher); ok && c.stream {
		flusher.Flush()
	}
	return err
}

// Fail ends the answer with an error: a status before anything was sent, an error event in a stream.
func (c *Client) Fail(err error) {
	if c.ended {
		return
	}
	c.ended = true
	var engine *EngineError
	if errors.As(err, &engine) && !c.started {
		c.writer.Header().Set("Content-Type", engine.ContentType)
		c.writer.WriteHeader(engine.Code)
		c.writer.Write(engine.Body)
		return
	}
	var refusal *Refusal
	code := http.StatusBadGateway
	if errors.As(err, &refusal) {
		code = refusal.Code
	}
	text, _ := json.Marshal(map[string]any{"error": map[string]any{
		"message": err.Error(), "type": "gateway_error", "code": code}})
	if c.started {
		c.writer.Write([]byte("data: " + string(text) + "\n\n"))
		if flusher, ok := c.writer.(http.Flusher); ok {
			flusher.Flush()
		}
		return
	}
	c.writer.Header().Set("Content-Type", "application/json")
	c.writer.WriteHeader(code)
	c.writer.Write(append(text, '\n'))
}

// Refusal is an answer of the gateway's own with a status.
type Refusal struct {
	Code int
	Text string
}

func (r *Refusal) Error() string { return strings.TrimSpace(r.Text) }
