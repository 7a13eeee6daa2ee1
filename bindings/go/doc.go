// Package hexagent binds libhexagent, a workflow-aware scheduler for disaggregated LLM serving.
//
// A gateway tells a Scheduler what happens (a workflow began, a call was revealed, a prefill
// finished) and polls its decisions: which prefill worker and which decode worker each call uses,
// when, and in what order. The package is thin: records have the layout of C and pass through cgo
// without being copied field by field, C keeps no Go pointer, and no Go code runs on a thread of
// the library's. What the functions mean is written in hexagent.h.
package hexagent
