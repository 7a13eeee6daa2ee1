package main

// The HTTP client of the engines: one leg of a call on one worker. It knows nothing of scheduling.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Usage is what an engine says it did.
type Usage struct {
	PromptTokens     uint32 `json:"prompt_tokens"`
	CompletionTokens uint32 `json:"completion_tokens"`
	Details          *struct {
		CachedTokens uint32 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

// answer is what we read of an engine's JSON, whole or one event of a stream.
type answer struct {
	Usage  *Usage          `json:"usage"`
	Params json.RawMessage `json:"kv_transfer_params"`
	Error  json.RawMessage `json:"error"`
}

// EngineError is an engine's answer that is no success.
type EngineError struct {
	Code        int
	ContentType string
	Body        []byte
}

func (e *EngineError) Error() string { return fmt.Sprintf("engine answered %d", e.Code) }

// final tells errors that are the client's and would come back from every worker.
func (e *EngineError) final() bool {
	return e.Code >= 400 && e.Code < 500 && e.Code != 429 && e.Code != 408
}

var errStreamCut = errors.New("the engine's stream ended before its last event")

// Engine posts legs. Its connections are kept between calls.
type Engine struct{ client *http.Client }

// NewEngine is a client for many parallel streams.
func NewEngine() *Engine {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	return &Engine{&http.Client{Transport: &http.Transport{DialContext: dialer.DialContext,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second, DisableCompression: true}}}
}

func (e *Engine) post(ctx context.Context, url string, request *Request, body []byte) (*http.Response, error) {
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, url+request.Path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	post.Header.Set("Content-Type", "application/json")
	post.Header.Set("X-Request-Id", request.ID) // the same on both legs
	response, err := e.client.Do(post)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
		return nil, &EngineError{response.StatusCode, response.Header.Get("Content-Type"), text}
	}
	return response, nil
}

// Prefill runs the prefill leg and returns the engine's kv_transfer_params and usage.
func (e *Engine) Prefill(ctx context.Context, url string, request *Request, priority *int32) (json.RawMessage, Usage, error) {
	response, err := e.post(ctx, url, request, request.PrefillBody(priority))
	if err != nil {
		return nil, Usage{}, err
	}
	defer response.Body.Close()
	got := answer{}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		return nil, Usage{}, err
	}
	if got.Usage == nil {
		got.Usage = &Usage{}
	}
	return got.Params, *got.Usage, nil
}

// Emit takes the whole answer, or each event of a stream with its blank line; the last one is marked.
// tokens is the engine's count so far or, without one, the number of events. It may keep data; its
// error ends the leg.
type Emit func(data []byte, last bool, tokens uint32) error

// Decode runs the decode leg. No error means that the last piece was emitted.
func (e *Engine) Decode(ctx context.Context, url string, request *Request, params json.RawMessage,
	priority *int32, emit Emit) error {
	response, err := e.post(ctx, url, request, request.DecodeBody(params, priority))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if request.Stream {
		return relay(response.Body, emit)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	got := answer{}
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	tokens := uint32(0)
	if got.Usage != nil {
		tokens = got.Usage.CompletionTokens
	}
	return emit(body, true, tokens)
}

// relay passes server-sent events on, whole ones only. A stream without [DONE] was cut.
func relay(stream io.Reader, emit Emit) error {
	reader := bufio.NewReaderSize(stream, 32<<10)
	var event []byte
	tokens := uint32(0)
	for {
		line, err := reader.ReadBytes('\n')
		event = append(event, line...)
		if err == io.EOF {
			return errStreamCut
		} else if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			continue
		}
		data := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(event), []byte("data:")))
		if len(data) == 0 {
			event = event[:0]
			continue
		}
		last := bytes.Equal(data, []byte("[DONE]"))
		if !last {
			got := answer{}
			if json.Unmarshal(data, &got) == nil && got.Usage != nil && got.Usage.CompletionTokens > 0 {
				tokens = got.Usage.CompletionTokens
			} else {
				tokens++
			}
		}
		if err := emit(event, last, tokens); err != nil || last {
			return err
		}
		event = nil // emit may have kept it
	}
}

// unreachable tells that a worker's port is closed: no need to wait for a health check.
func unreachable(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
