package main

// The workers: which of them answer, and in which incarnation. A health check that fails, or a closed
// port that a leg runs into, loses a worker; when it answers again it is a new incarnation.

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Worker is an instance at one moment.
type Worker struct {
	WorkerConfig
	ID          uint32
	Incarnation uint32
	Up          bool
}

type member struct {
	Worker
	told bool // the scheduler knows the present state
}

// Fleet watches the workers.
type Fleet struct {
	lock    sync.Mutex
	members []*member
	planner *Planner // nil: nobody to tell
	metrics *Metrics
	turn    map[string]int
	client  *http.Client
	period  time.Duration
}

// NewFleet starts with all workers down; Check finds those that answer.
func NewFleet(config Config, planner *Planner, metrics *Metrics) *Fleet {
	period := time.Duration(config.HealthMillis) * time.Millisecond
	f := &Fleet{planner: planner, metrics: metrics, turn: map[string]int{}, period: period,
		client: &http.Client{Timeout: 4 * period}}
	for i, worker := range config.Workers {
		f.members = append(f.members, &member{Worker: Worker{WorkerConfig: worker, ID: uint32(i + 1)}, told: true})
	}
	return f
}

// Run checks until ctx ends.
func (f *Fleet) Run(ctx context.Context) {
	ticker := time.NewTicker(f.period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.Check(ctx)
		}
	}
}

// Check asks all workers once, at the same time.
func (f *Fleet) Check(ctx context.Context) {
	var group sync.WaitGroup
	for _, m := range f.members {
		group.Add(1)
		go func(m *member) {
			defer group.Done()
			f.lock.Lock()
			before := m.Incarnation
			f.lock.Unlock()
			f.set(m, before, f.healthy(ctx, m.URL))
		}(m)
	}
	group.Wait()
}

func (f *Fleet) healthy(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", nil)
	if err != nil {
		return false
	}
	response, err := f.client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// set takes what was seen of an incarnation; a later one may have come meanwhile.
func (f *Fleet) set(m *member, incarnation uint32, up bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if m.Incarnation != incarnation {
		return
	}
	if m.Up != up {
		m.Up, m.told = up, false
		if up {
			m.Incarnation++
		} else {
			f.metrics.Add("workers_lost", 1)
		}
	}
	if m.told || f.planner == nil {
		return
	}
	var err error
	if m.Up {
		err = f.planner.WorkerUp(m.ID, m.Incarnation, m.WorkerConfig)
	} else {
		err = f.planner.WorkerLost(m.ID, m.Incarnation)
	}
	m.told = err == nil // else the next check tells
}

// Lost is called by a leg that found the port closed.
func (f *Fleet) Lost(worker Worker) { f.set(f.members[worker.ID-1], worker.Incarnation, false) }

// Get is a worker by the scheduler's id, as it is now.
func (f *Fleet) Get(id uint32) (Worker, bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if id == 0 || int(id) > len(f.members) {
		return Worker{}, false
	}
	return f.members[id-1].Worker, true
}

// Next is the next worker for a role by round robin, not one of `avoid` if another answers.
func (f *Fleet) Next(role string, avoid map[uint32]bool) (Worker, bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	var spare *member
	for i := range f.members {
		m := f.members[(f.turn[role]+i)%len(f.members)]
		if !m.Up || m.Role != role && m.Role != "both" {
			continue
		}
		if avoid[m.ID] {
			spare = m
			continue
		}
		f.turn[role] = int(m.ID)
		return m.Worker, true
	}
	if spare == nil {
		return Worker{}, false
	}
	return spare.Worker, true
}

// Up is how many answer.
func (f *Fleet) Up() int {
	f.lock.Lock()
	defer f.lock.Unlock()
	count := 0
	for _, m := range f.members {
		if m.Up {
			count++
		}
	}
	return count
}
