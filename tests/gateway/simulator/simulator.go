//go:build pinned

// Package simulator pins llm-d-inference-sim, the third-party engine that tests/gateway.sh builds, with
// the checksums of all it is made of. Nothing of it is part of libhexagent.
package simulator

import _ "github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim"
