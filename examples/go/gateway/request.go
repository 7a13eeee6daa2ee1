package main

// A client's request: what the scheduler needs to know of it, and the bodies of its two legs in vLLM's
// prefill-decode protocol (NixlConnector; vllm tests/v1/kv_connector/nixl_integration/toy_proxy_server.py).

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// Request is one call as it came in. It is not changed once parsed.
type Request struct {
	Path         string
	ID           string
	Body         map[string]json.RawMessage
	Model        string
	Stream       bool
	PromptTokens uint32
	MaxTokens    uint32 // 0 = none given
	Identity     Identity
}

// ParseRequest checks as much as placing the call needs; the engine checks the rest.
func ParseRequest(path string, header http.Header, body []byte, charactersPerToken int) (*Request, error) {
	request := &Request{Path: path, Identity: Identify(header)}
	if err := json.Unmarshal(body, &request.Body); err != nil {
		return nil, errors.New("the body is no JSON object")
	}
	fields := []struct {
		name string
		into any
	}{{"model", &request.Model}, {"stream", &request.Stream}, {"max_tokens", &request.MaxTokens},
		{"max_completion_tokens", &request.MaxTokens}}
	for _, field := range fields {
		if raw, given := request.Body[field.name]; given && json.Unmarshal(raw, field.into) != nil {
			return nil, errors.New(field.name + " has the wrong type")
		}
	}
	request.PromptTokens = promptTokens(request.Body, header, charactersPerToken)
	return request, nil
}

// promptTokens estimates from the text's length unless the client knows; the prefill's report
// corrects it.
func promptTokens(body map[string]json.RawMessage, header http.Header, charactersPerToken int) uint32 {
	if given, err := strconv.ParseUint(header.Get("X-Hexagent-Prompt-Tokens"), 10, 24); err == nil && given > 0 {
		return uint32(given)
	}
	characters := len(body["messages"]) + len(body["prompt"]) + len(body["tools"])
	return uint32(characters/charactersPerToken) + 1
}

// PrefillBody asks for one token and for the KV to be kept. The engine must stop by length, so
// whatever sets a least number of tokens goes.
func (r *Request) PrefillBody(priority *int32) []byte {
	body := r.copy(priority)
	body["max_tokens"] = json.RawMessage("1")
	if _, given := body["max_completion_tokens"]; given {
		body["max_completion_tokens"] = json.RawMessage("1")
	}
	for _, name := range []string{"stream_options", "min_tokens", "min_completion_tokens"} {
		delete(body, name)
	}
	body["stream"] = json.RawMessage("false")
	body["kv_transfer_params"] = json.RawMessage(`{"do_remote_decode":true,"do_remote_prefill":false,` +
		`"remote_engine_id":null,"remote_block_ids":null,"remote_host":null,"remote_port":null}`)
	return encode(body)
}

// DecodeBody is the client's body with what the prefill engine answered, untouched. With none the
// engine prefills by itself.
func (r *Request) DecodeBody(params json.RawMessage, priority *int32) []byte {
	body := r.copy(priority)
	delete(body, "kv_transfer_params")
	if len(params) > 0 && string(params) != "null" {
		body["kv_transfer_params"] = params
	}
	return encode(body)
}

func (r *Request) copy(priority *int32) map[string]json.RawMessage {
	body := make(map[string]json.RawMessage, len(r.Body)+4)
	for name, value := range r.Body {
		body[name] = value
	}
	delete(body, "priority") // the order is the scheduler's to set
	if priority != nil {
		body["priority"] = json.RawMessage(strconv.Itoa(int(*priority)))
	}
	return body
}

func encode(body map[string]json.RawMessage) []byte {
	bytes, err := json.Marshal(body)
	if err != nil {
		panic(err) // raw messages that were parsed are valid
	}
	return bytes
}
