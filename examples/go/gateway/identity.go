package main

// Which workflow a request belongs to, told by its headers. Explicit headers first, then the session
// headers that agents send of their own accord; a request with none is a workflow of one call.

import (
	"net/http"
	"strings"
)

// Identity is what the headers of a request say.
type Identity struct {
	Workflow string   // "" = a workflow of this one call
	Call     string   // the client's name for the call; "" = none
	Deps     []string // names of calls that had to be done before
	Stage    string
	Tenant   string
	Last     bool // no further call of the workflow comes
}

// sessionHeaders of agents, the widest grouping first: a child session belongs to its parent's
// workflow. Sources: Dynamo docs/agents/session-ids.md (X-Dynamo-*); llm-d-router
// pkg/epp/framework/plugins/requestcontrol/requestheader/agentidentity (x-claude-code-session-id,
// x-session-affinity, session-id, x-llm-d-inference-fairness-id).
var sessionHeaders = []string{
	"X-Dynamo-Parent-Session-Id",
	"X-Dynamo-Session-Id",
	"X-Claude-Code-Session-Id",
	"X-Session-Affinity",
	"Session-Id",
	"X-Llm-D-Inference-Fairness-Id",
}

const nameMax = 200 // bytes of a name we keep; a name id of the library has at most 255

// Identify reads the headers.
func Identify(header http.Header) Identity {
	get := func(name string) string {
		value := strings.ToValidUTF8(strings.TrimSpace(header.Get(name)), "")
		if len(value) > nameMax {
			value = strings.ToValidUTF8(value[:nameMax], "")
		}
		return strings.ReplaceAll(value, "\x00", "")
	}
	identity := Identity{Call: get("X-Hexagent-Call"), Stage: get("X-Hexagent-Stage"),
		Tenant: get("X-Hexagent-Tenant"), Last: isTrue(get("X-Hexagent-Last"))}
	if workflow := get("X-Hexagent-Workflow"); workflow != "" {
		identity.Workflow = "workflow:" + workflow
		for _, dep := range strings.Split(header.Get("X-Hexagent-Deps"), ",") {
			if dep = strings.TrimSpace(dep); dep != "" {
				identity.Deps = append(identity.Deps, dep)
			}
		}
		return identity
	}
	for _, name := range sessionHeaders {
		if session := get(name); session != "" {
			identity.Workflow = "session:" + session
			// The final mark of a child session does not end its parent's workflow.
			own := get("X-Dynamo-Parent-Session-Id") == ""
			identity.Last = identity.Last || own && isTrue(get("X-Dynamo-Session-Final"))
			return identity
		}
	}
	identity.Last = true
	return identity
}

func isTrue(value string) bool { return value == "1" || strings.EqualFold(value, "true") }
