package main

// Counters of the gateway's own, written before the library's OpenMetrics text.

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	hexagent "github.com/libhexagent/libhexagent/bindings/go"
)

// Metrics are counters by name; names come from the source, never from clients.
type Metrics struct {
	lock   sync.Mutex
	counts map[string]uint64
}

// ledger holds the counters that must add up: every call received ends in exactly one of the others.
var ledger = []string{"calls_received", "calls_completed", "calls_failed", "calls_stream_failed", "calls_cancelled"}

// NewMetrics shows the ledger from the start, at 0.
func NewMetrics() *Metrics {
	m := &Metrics{counts: map[string]uint64{}}
	for _, name := range append([]string{"retries", "fallback_calls", "workers_lost"}, ledger...) {
		m.counts[name] = 0
	}
	return m
}

// Add counts.
func (m *Metrics) Add(name string, count uint64) {
	m.lock.Lock()
	m.counts[name] += count
	m.lock.Unlock()
}

// Get is a counter's value.
func (m *Metrics) Get(name string) uint64 {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.counts[name]
}

// Decision counts one by kind.
func (m *Metrics) Decision(kind hexagent.DecisionKind) {
	m.Add("decisions_"+strings.ToLower(kind.String()), 1)
}

// Text is the OpenMetrics text without its end mark.
func (m *Metrics) Text() string {
	m.lock.Lock()
	defer m.lock.Unlock()
	names := make([]string, 0, len(m.counts))
	for name := range m.counts {
		names = append(names, name)
	}
	sort.Strings(names)
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "# TYPE gateway_%s counter\ngateway_%s_total %d\n", name, name, m.counts[name])
	}
	return text.String()
}
