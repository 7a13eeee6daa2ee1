package hexagent

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testSecret     = "a secret of the tests alone"
	testLayers     = 2
	testBlocks     = 16
	testBlockBytes = 16 * 64
)

// testEngine plays an engine: it answers with blocks and counts what it is told.
type testEngine struct {
	endpoint *Endpoint
	memory   *KVMemory
	pool     uint64
	blocks   []int32
	reserved chan struct{}      // both engines': closed by the target, for which the source waits
	removed  error              // by the target, of a pool in use
	quiesced chan EndpointEvent // the ends of what has quiesced
	ended    EndpointEvent
}

func testAddress(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "hexagent") // short: a socket's path has 107 bytes at most
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	return "unix:" + folder + "/controller"
}

func testPool() KVPool {
	return KVPool{Layout: KVFlat, LayerCount: testLayers, RegionsPerLayer: 1, BlockTokens: 16,
		TokenBytes: 64, BlockCount: testBlocks, BlockStrideBytes: testBlockBytes}
}

func openEngine(t *testing.T, address string, worker uint32, blocks []int32) *testEngine {
	t.Helper()
	endpoint, err := OpenEndpoint(EndpointConfig{Worker: worker, Controller: address, Secret: testSecret,
		Options: "silence_ms=60000"}) // this machine may be busy
	must(t, err)
	t.Cleanup(func() { endpoint.Close() })
	memory, err := NewKVMemory(testPool())
	must(t, err)
	t.Cleanup(func() { memory.Close() })
	pattern := make([]byte, memory.Size())
	for i := range pattern {
		pattern[i] = byte(uint32(i/64)*7 + worker)
	}
	_, err = memory.WriteAt(pattern, 0)
	must(t, err)
	engine := &testEngine{endpoint: endpoint, memory: memory, blocks: blocks, quiesced: make(chan EndpointEvent, 16)}
	engine.pool, err = endpoint.PoolAddMemory(memory)
	must(t, err)
	return engine
}

// run answers until the endpoint is closed or ctx ends.
func (e *testEngine) run(ctx context.Context, connected func()) error {
	var first sync.Once
	return e.endpoint.Run(ctx, func(events []EndpointEvent) {
		for _, event := range events {
			var err error
			switch event.Kind {
			case EndpointConnected:
				connected()
			case EndpointReserve:
				err = e.endpoint.Reserve(event.Transfer, KVBlocks{Pool: e.pool}, e.blocks)
				first.Do(func() { // a transfer that failed is tried again
					e.removed = e.endpoint.PoolRemove(e.pool)
					close(e.reserved)
				})
			case EndpointSend:
				<-e.reserved
				err = e.endpoint.Send(event.Transfer, KVBlocks{Pool: e.pool}, e.blocks, TransferChecksum)
			case EndpointDone, EndpointFailed:
				e.ended = event
			case EndpointQuiesced:
				e.quiesced <- e.ended
			}
			if err != nil {
				panic(err)
			}
		}
	})
}

func (e *testEngine) block(layer int, block int32) []byte {
	bytes := make([]byte, testBlockBytes)
	offset, err := e.memory.BlockOffset(uint32(layer), 0, uint32(block))
	if err == nil {
		_, err = e.memory.ReadAt(bytes, offset)
	}
	if err != nil {
		panic(err)
	}
	return bytes
}

// dataPlane is a scheduler with worker 1 (prefill) and 2 (decode), both with an endpoint, and a call to
// run. wrong is added to the pool that the target names.
func dataPlane(ctx context.Context, t *testing.T, source, target []int32, wrong uint64) (*Scheduler, [2]*testEngine) {
	t.Helper()
	address := testAddress(t)
	scheduler, profile := openCluster(t, Config{"driving": "thread", "transfer_address": address,
		"transfer_secret": testSecret})
	var engines [2]*testEngine
	reserved := make(chan struct{})
	var group, running sync.WaitGroup
	t.Cleanup(running.Wait)
	for i, blocks := range [][]int32{source, target} {
		engine := openEngine(t, address, uint32(i)+1, blocks)
		engines[i] = engine
		engine.reserved = reserved
		engine.pool += uint64(i) * wrong
		group.Add(1)
		running.Add(1)
		var once sync.Once
		go func() {
			defer running.Done()
			if err := engine.run(ctx, func() { once.Do(group.Done) }); err != nil && ctx.Err() == nil {
				t.Errorf("the engine ended with %v", err)
			}
		}()
	}
	t.Cleanup(func() { engines[0].endpoint.Close(); engines[1].endpoint.Close() })
	group.Wait()
	for _, role := range []Role{RolePrefill, RoleDecode} {
		must(t, scheduler.WorkerSet(Worker{Worker: uint32(role), Incarnation: 1, Role: role, GPU: profile.GPU,
			Model: profile.Model, TensorParallel: 4, Flags: WorkerEndpoint}, 0))
	}
	_, err := scheduler.WorkflowBegin([]Workflow{{Workflow: 5}}, nil)
	must(t, err)
	_, err = scheduler.Submit([]Call{{Workflow: 5, Call: 1, Model: profile.Model, PromptTokens: 48,
		Flags: CallLast}}, nil, nil, nil)
	must(t, err)
	return scheduler, engines
}

// serveButTransfers answers for prefill and decode; transfers are the endpoints'.
func serveButTransfers(ctx context.Context, scheduler *Scheduler) error {
	return scheduler.Run(ctx, func(decisions []Decision) {
		for _, decision := range decisions {
			phase := phaseOf(decision.Kind)
			if phase == PhasePrefill || phase == PhaseDecode {
				scheduler.Complete([]Report{{Workflow: decision.Workflow, Call: decision.Call, Phase: phase,
					Outcome: OutcomeDone}}, nil)
			}
			if decision.Kind == DecisionWorkflowDone {
				scheduler.Shutdown()
			}
		}
	})
}

func TestKVMovesBetweenTwoEndpoints(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	source, target := []int32{3, 4, 5}, []int32{9, 2, 7}
	scheduler, engines := dataPlane(ctx, t, source, target, 0)
	must(t, serveButTransfers(ctx, scheduler))
	for i, engine := range engines {
		select {
		case end := <-engine.quiesced:
			if end.Kind != EndpointDone || end.Err() != nil || end.Side != TransferSide(i) {
				t.Fatalf("engine %d: %+v", i+1, end)
			}
		case <-ctx.Done():
			t.Fatal("it did not quiesce")
		}
	}
	for layer := 0; layer < testLayers; layer++ {
		for i := range source {
			if !bytes.Equal(engines[0].block(layer, source[i]), engines[1].block(layer, target[i])) {
				t.Fatalf("layer %d, block %d differs", layer, target[i])
			}
		}
		if bytes.Equal(engines[0].block(layer, 1), engines[1].block(layer, 1)) {
			t.Fatal("another block was written")
		}
	}
	if !errors.Is(engines[1].removed, ErrState) || !engines[1].memory.registered {
		t.Fatalf("a pool in use was removed, or its memory let go: %v", engines[1].removed)
	}
	link, err := engines[0].endpoint.Link(2)
	must(t, err)
	if link.PeerWorker != 2 || link.Transfers != 1 || link.Bytes != 3*testLayers*testBlockBytes {
		t.Fatalf("got %+v", link)
	}
	if name := engines[0].endpoint.Transport(); name != "host-memory" {
		t.Fatalf("got %q", name)
	}
	must(t, engines[1].endpoint.PoolRemove(engines[1].pool))
	if err := engines[1].endpoint.PoolRemove(engines[1].pool); !errors.Is(err, ErrStale) {
		t.Fatalf("got %v", err)
	}
}

func TestAnUnknownPoolFailsTheTransfer(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	scheduler, engines := dataPlane(ctx, t, []int32{1, 2, 3}, []int32{1, 2, 3}, 100)
	serving, stop := context.WithCancel(ctx)
	served := make(chan error)
	go func() { served <- serveButTransfers(serving, scheduler) }()
	select {
	case end := <-engines[1].quiesced:
		if end.Kind != EndpointFailed || !errors.Is(end.Err(), ErrStale) {
			t.Errorf("got %+v", end)
		}
	case <-ctx.Done():
		t.Error("nothing failed")
	}
	stop()
	<-served
}

func TestAWrongSecretIsToldByDisconnected(t *testing.T) {
	address := testAddress(t)
	openCluster(t, Config{"driving": "thread", "transfer_address": address, "transfer_secret": testSecret})
	endpoint, err := OpenEndpoint(EndpointConfig{Worker: 1, Controller: address, Secret: "another secret of this test"})
	must(t, err)
	defer endpoint.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var told []EndpointEvent
	for len(told) == 0 {
		must(t, endpoint.Wait(ctx))
		events := make([]EndpointEvent, 8)
		count, err := endpoint.Poll(events)
		must(t, err)
		told = events[:count]
	}
	if told[0].Kind != EndpointDisconnected || !errors.Is(told[0].Err(), ErrSecret) {
		t.Fatalf("got %+v", told[0])
	}
	cancel()
	if err := endpoint.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestBadEndpointsAreRefused(t *testing.T) {
	good := EndpointConfig{Worker: 1, Controller: "unix:/tmp/nobody", Secret: testSecret}
	for want, change := range map[Status]func(*EndpointConfig){
		ErrArgument: func(c *EndpointConfig) { c.Secret = "a secret\x00 cut short by C" },
		ErrKey:      func(c *EndpointConfig) { c.Transport = "pigeons" },
		ErrIo:       func(c *EndpointConfig) { c.Transport = "/nowhere/hexagent_cuda.so" },
		ErrRange:    func(c *EndpointConfig) { c.TransfersMax = 100000 },
	} {
		config := good
		change(&config)
		if _, err := OpenEndpoint(config); !errors.Is(err, want) {
			t.Errorf("wanted %v, got %v", want, err)
		}
	}
	var detail *Error
	if _, err := OpenEndpoint(EndpointConfig{}); !errors.As(err, &detail) || !strings.Contains(detail.Text, "worker") {
		t.Fatalf("got %v", err)
	}
	endpoint, err := OpenEndpoint(good)
	must(t, err)
	if _, err := endpoint.PoolAdd(testPool(), make([]uintptr, 1)); !errors.Is(err, ErrArgument) {
		t.Fatalf("one address for two regions: %v", err)
	}
	if err := endpoint.Reserve(1, KVBlocks{}, nil); !errors.Is(err, ErrArgument) {
		t.Fatalf("no blocks: %v", err)
	}
	if err := endpoint.Send(1, KVBlocks{}, []int32{1}, 1<<9); !errors.Is(err, ErrReserved) {
		t.Fatalf("an unknown flag: %v", err)
	}
	if err := endpoint.Refuse(1, OK); !errors.Is(err, ErrArgument) {
		t.Fatalf("refused with success: %v", err)
	}
	must(t, endpoint.LayersReady(1, 2, nil)) // of what has ended: dropped
	if _, err := endpoint.Link(9); err == nil {
		t.Fatal("a link to nobody")
	}
	must(t, endpoint.Close())
	must(t, endpoint.Close())
	if err := endpoint.Refuse(1, ErrFull); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
	if err := endpoint.Run(context.Background(), nil); err != nil {
		t.Fatalf("got %v", err)
	}
}

// What Go's configuration lacks or does not pass on would stay at its default unnoticed.
func TestEveryFieldOfTheEndpointsConfigurationReachesC(t *testing.T) {
	var config EndpointConfig
	value := reflect.ValueOf(&config).Elem()
	for i := 0; i < value.NumField(); i++ {
		switch field := value.Field(i); field.Kind() {
		case reflect.String:
			field.SetString("text")
		case reflect.Int64:
			field.SetInt(int64(i) + 1)
		default:
			field.SetUint(uint64(i) + 1)
		}
	}
	record, free, err := config.record()
	must(t, err)
	defer free()
	got := reflect.ValueOf(record)
	for i := 0; i < got.NumField(); i++ {
		if got.Type().Field(i).Name != "_" && got.Field(i).IsZero() {
			t.Errorf("%s is not set", got.Type().Field(i).Name)
		}
	}
}
