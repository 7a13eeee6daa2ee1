package main

// The configuration file: workers, and what the gateway does around the scheduler.

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	hexagent "github.com/libhexagent/libhexagent/bindings/go"
)

// WorkerConfig is one engine instance.
type WorkerConfig struct {
	URL            string `json:"url"`
	Role           string `json:"role"`             // prefill, decode or both
	GPU            string `json:"gpu"`              // of a built-in profile, e.g. "H100-80G"
	TensorParallel uint32 `json:"tensor_parallel"`  // 0 = 1
	KVTokens       uint64 `json:"kv_tokens"`        // KV capacity; 0 = the profile's
	BatchMax       uint32 `json:"decode_batch_max"` // 0 = the library's default
	Priority       bool   `json:"send_priority"`    // the engine runs with --scheduling-policy priority
}

// Config is the whole file. Model is the name clients use; Profile names the model of the built-in
// profiles that stands for its speed.
type Config struct {
	Model            string            `json:"model"`
	Profile          string            `json:"profile"`
	Workers          []WorkerConfig    `json:"workers"`
	Scheduler        map[string]string `json:"scheduler"` // keys of the library's configuration
	RetryMax         int               `json:"retry_max"` // sendings of one call after the first
	HealthMillis     int               `json:"health_ms"`
	BodyMax          int64             `json:"body_max_bytes"`
	FallbackOnly     bool              `json:"fallback_only"` // round robin, the scheduler is not asked
	CharactersPerTok int               `json:"characters_per_token"`
}

var roles = map[string]hexagent.Role{"prefill": hexagent.RolePrefill, "decode": hexagent.RoleDecode,
	"both": hexagent.RoleBoth}

// LoadConfig reads a file and fills in defaults.
func LoadConfig(path string) (Config, error) {
	config := Config{}
	bytes, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(bytes, &config)
	}
	if err == nil {
		err = config.complete()
	}
	if err != nil {
		return config, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func orDefault[T int | int64](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}

func (c *Config) complete() error {
	orDefault(&c.RetryMax, 2)
	orDefault(&c.HealthMillis, 500)
	orDefault(&c.BodyMax, 16<<20)
	orDefault(&c.CharactersPerTok, 4)
	if c.Model == "" || c.Profile == "" {
		return errors.New("model and profile are needed")
	}
	served := hexagent.Role(0)
	for i := range c.Workers {
		worker := &c.Workers[i]
		worker.URL = strings.TrimRight(worker.URL, "/")
		role, known := roles[worker.Role]
		if !known || worker.URL == "" {
			return fmt.Errorf("worker %d: url, and a role of prefill, decode or both, are needed", i)
		}
		served |= role
	}
	if served != hexagent.RoleBoth {
		return errors.New("there must be workers for prefill and for decode")
	}
	return nil
}
