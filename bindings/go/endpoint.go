package hexagent

// Endpoints: what an engine process has so that the library moves its KV. See hexagent/endpoint.h.

/*
#include <hexagent/endpoint.h>
#include <stdlib.h>

// Records that hold pointers are put together here: what Go lends may point to nothing of Go's.
static hexagent_status pool_add(hexagent_endpoint* endpoint, const hexagent_kv_pool* pool,
                                const uint64_t* region_bases, uint64_t* out) {
  hexagent_kv_pool whole = *pool;
  whole.struct_size = sizeof(whole);
  whole.region_bases = region_bases;
  return hexagent_endpoint_pool_add(endpoint, &whole, out);
}

static hexagent_status reserve(hexagent_endpoint* endpoint, uint64_t transfer,
                               const hexagent_kv_blocks* blocks, const int32_t* ids, uint32_t count) {
  hexagent_kv_blocks whole = *blocks;
  whole.blocks = ids;
  whole.block_count = count;
  return hexagent_endpoint_reserve(endpoint, transfer, &whole);
}

static hexagent_status send_blocks(hexagent_endpoint* endpoint, uint64_t transfer,
                                   const hexagent_kv_blocks* blocks, const int32_t* ids,
                                   uint32_t count, uint32_t flags) {
  hexagent_kv_blocks whole = *blocks;
  whole.blocks = ids;
  whole.block_count = count;
  return hexagent_endpoint_send(endpoint, transfer, &whole, flags);
}
*/
import "C"

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// EndpointConfig is what an endpoint is made of; zero means the default, which hexagent/endpoint.h names.
type EndpointConfig struct {
	Worker      uint32 // the scheduler's id of this engine; not 0
	Incarnation uint64 // larger than in every earlier life of this worker; 0: the wall clock
	Controller  string // "unix:/path" or "tcp:IP:PORT", as the scheduler's key transfer_address
	Secret      string // that of the key transfer_secret
	Transport   string // "host-memory", "host-tcp", or the path of a plugin
	Fallback    string // if the plugin cannot be had
	Options     string // of the transport

	TransfersMax  uint32 // alive, as source and as target each
	PoolsMax      uint32
	PeersMax      uint32
	BlocksMax     uint32 // in one transfer
	SlotsPerPeer  uint32 // staging slots, each way
	SlotBytes     uint32
	ChunkBytesMin uint32
	ReconnectMin  time.Duration // first pause before connecting again, which doubles ...
	ReconnectMax  time.Duration // ... up to this
	Silence       time.Duration // without a word from the controller it counts as dead
}

// record is the configuration in C's layout, with strings that free releases.
func (c *EndpointConfig) record() (record endpointConfigRecord, free func(), err error) {
	var kept []unsafe.Pointer
	free = func() {
		for _, text := range kept {
			C.free(text)
		}
	}
	lend := func(text string) unsafe.Pointer {
		if text == "" {
			return nil
		}
		if strings.IndexByte(text, 0) >= 0 { // it would reach C cut short
			err = ErrArgument
			return nil
		}
		kept = append(kept, unsafe.Pointer(C.CString(text)))
		return kept[len(kept)-1]
	}
	record = endpointConfigRecord{structSize: uint32(unsafe.Sizeof(record)),
		Worker: c.Worker, Incarnation: c.Incarnation, Controller: lend(c.Controller),
		Secret: lend(c.Secret), Transport: lend(c.Transport), Fallback: lend(c.Fallback),
		Options: lend(c.Options), TransfersMax: c.TransfersMax, PoolsMax: c.PoolsMax,
		PeersMax: c.PeersMax, BlocksMax: c.BlocksMax, SlotsPerPeer: c.SlotsPerPeer,
		SlotBytes: c.SlotBytes, ChunkBytesMin: c.ChunkBytesMin, ReconnectMinNs: int64(c.ReconnectMin),
		ReconnectMaxNs: int64(c.ReconnectMax), SilenceNs: int64(c.Silence)}
	return record, free, err
}

// Endpoint moves the KV of one engine. All methods may be called from any goroutine but Poll, Wait and
// Run, which belong to one at a time. Only Close may come while another method runs.
type Endpoint struct {
	lock   sync.RWMutex
	handle *C.hexagent_endpoint // nil once closed
	events *os.File             // duplicate of the event descriptor

	memoryLock sync.Mutex // after lock
	memory     map[uint64]*KVMemory
}

// OpenEndpoint makes an endpoint, which begins to connect; the event EndpointConnected tells when it is.
// What is wrong with the configuration is an *Error.
func OpenEndpoint(config EndpointConfig) (*Endpoint, error) {
	record, free, err := config.record()
	defer free()
	if err != nil {
		return nil, err
	}
	detail := newDetail()
	handle := C.hexagent_endpoint_open((*C.hexagent_endpoint_config)(unsafe.Pointer(&record)), detail.pointer())
	if handle == nil {
		return nil, detail.err(detail.Status)
	}
	events, err := duplicate(int(C.hexagent_endpoint_event_fd(handle)))
	if err != nil {
		C.hexagent_endpoint_close(handle)
		return nil, err
	}
	return &Endpoint{handle: handle, events: events, memory: map[uint64]*KVMemory{}}, nil
}

// Close stops everything; pools and blocks are untouched once it returns. It may be called again; methods
// then answer ErrClosed.
func (e *Endpoint) Close() error {
	e.lock.Lock()
	defer e.lock.Unlock()
	C.hexagent_endpoint_close(e.handle)
	e.handle = nil
	for pool, memory := range e.memory {
		memory.detach()
		delete(e.memory, pool)
	}
	e.events.Close() // ends a Wait
	return nil
}

func (e *Endpoint) use(call func(handle *C.hexagent_endpoint) C.int32_t) Status {
	e.lock.RLock()
	defer e.lock.RUnlock()
	if e.handle == nil {
		return ErrClosed
	}
	return Status(call(e.handle))
}

// Transport is the name of the transport it has; empty once it is closed.
func (e *Endpoint) Transport() string {
	name := ""
	e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		name = C.GoString(C.hexagent_endpoint_transport(handle))
		return 0
	})
	return name
}

// PoolAddMemory registers memory as a KV pool and returns its id for KVBlocks. The memory stays mapped until
// PoolRemove has succeeded or Close has returned, even when it is closed before. ErrState: it is a pool
// already, of this endpoint or another.
func (e *Endpoint) PoolAddMemory(memory *KVMemory) (uint64, error) {
	bases, err := memory.attach()
	if err != nil {
		return 0, err
	}
	var id uint64
	status := e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		e.memoryLock.Lock() // held, so that no PoolRemove comes before it is noted
		defer e.memoryLock.Unlock()
		pool := memory.shape
		status := C.pool_add(handle, (*C.hexagent_kv_pool)(unsafe.Pointer(&pool)),
			(*C.uint64_t)(unsafe.Pointer(&bases[0])), (*C.uint64_t)(unsafe.Pointer(&id)))
		if status >= 0 {
			e.memory[id] = memory
		}
		return status
	})
	if status < 0 {
		memory.detach()
		return 0, status
	}
	return id, nil
}

// PoolAdd registers a KV pool whose memory is the caller's affair, such as a device's, and returns its id.
// regionBases are the addresses of its regions, pool.LayerCount * pool.RegionsPerLayer of them, in memory
// that Go does not manage (of C, of a device, mapped): the library reads and writes it until PoolRemove has
// succeeded or Close has returned, long after this call. A wrong address or shape corrupts memory, as with
// package unsafe; host memory had better be a KVMemory.
func (e *Endpoint) PoolAdd(pool KVPool, regionBases []uintptr) (uint64, error) {
	if uint64(len(regionBases)) != uint64(pool.LayerCount)*uint64(pool.RegionsPerLayer) {
		return 0, ErrArgument
	}
	var id uint64
	status := e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		return C.pool_add(handle, (*C.hexagent_kv_pool)(unsafe.Pointer(&pool)),
			(*C.uint64_t)(unsafe.Pointer(first(regionBases))), (*C.uint64_t)(unsafe.Pointer(&id)))
	})
	return id, status.Err()
}

// PoolRemove ends what PoolAdd or PoolAddMemory began: ErrState while a transfer with the pool is not
// quiesced.
func (e *Endpoint) PoolRemove(pool uint64) error {
	return e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		e.memoryLock.Lock()
		defer e.memoryLock.Unlock()
		status := C.hexagent_endpoint_pool_remove(handle, C.uint64_t(pool))
		if memory := e.memory[pool]; memory != nil && status >= 0 {
			memory.detach()
			delete(e.memory, pool)
		}
		return status
	}).Err()
}

// Poll fills events, oldest first, and returns how many.
func (e *Endpoint) Poll(events []EndpointEvent) (int, error) {
	count := e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		return C.hexagent_endpoint_poll(handle, (*C.hexagent_endpoint_event)(unsafe.Pointer(first(events))),
			C.uint32_t(len(events)))
	})
	if count < 0 {
		return 0, count
	}
	return int(count), nil
}

// Wait returns once events wait for Poll; it blocks the goroutine, not a thread. It may now and then
// return for nothing. ErrClosed after Close.
func (e *Endpoint) Wait(ctx context.Context) error {
	err := waitReadable(ctx, e.events)
	if err != nil && ctx.Err() == nil && e.isClosed() {
		return ErrClosed
	}
	return err
}

func (e *Endpoint) isClosed() bool {
	e.lock.RLock()
	defer e.lock.RUnlock()
	return e.handle == nil
}

// Run hands events to handle in batches, oldest first, until Close (then nil), the end of ctx, or an
// error. handle runs on this goroutine and must not keep the slice.
func (e *Endpoint) Run(ctx context.Context, handle func([]EndpointEvent)) error {
	events := make([]EndpointEvent, pollBatch)
	for {
		count, err := e.Poll(events)
		if err == nil && count == 0 {
			err = e.Wait(ctx)
		}
		if errors.Is(err, ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if count > 0 {
			handle(events[:count])
		}
	}
}

// lendBlocks is what C takes for blocks: their ids travel beside the record, its BlockCount is theirs.
func lendBlocks(blocks *KVBlocks, ids []int32) (*C.hexagent_kv_blocks, *C.int32_t, C.uint32_t) {
	count := len(ids)
	if count > math.MaxInt32 {
		count = math.MaxInt32 // more than there may be
	}
	return (*C.hexagent_kv_blocks)(unsafe.Pointer(blocks)), (*C.int32_t)(unsafe.Pointer(first(ids))),
		C.uint32_t(count)
}

// Reserve answers EndpointReserve: these blocks shall get the KV, until EndpointQuiesced. What is wrong
// with them is told by EndpointFailed. ErrAgain: again after a Poll.
func (e *Endpoint) Reserve(transfer uint64, blocks KVBlocks, ids []int32) error {
	record, list, count := lendBlocks(&blocks, ids)
	return e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		return C.reserve(handle, C.uint64_t(transfer), record, list, count)
	}).Err()
}

// Send answers EndpointSend: these blocks hold the KV. With TransferLayerwise nothing leaves before
// LayersReady says so.
func (e *Endpoint) Send(transfer uint64, blocks KVBlocks, ids []int32, flags TransferFlags) error {
	record, list, count := lendBlocks(&blocks, ids)
	return e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		return C.send_blocks(handle, C.uint64_t(transfer), record, list, count, C.uint32_t(flags))
	}).Err()
}

// Refuse ends a transfer with EndpointFailed and this status, which is an error; in place of an answer or
// later.
func (e *Endpoint) Refuse(transfer uint64, status Status) error {
	return e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		return C.hexagent_endpoint_refuse(handle, C.uint64_t(transfer), C.hexagent_status(status))
	}).Err()
}

// LayersReady tells that the first layers of a TransferLayerwise hold their KV: now, or when the
// transport's event (CUDA: a cudaEvent_t) has happened; nil: now.
func (e *Endpoint) LayersReady(transfer uint64, layers uint32, event unsafe.Pointer) error {
	return e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		return C.hexagent_endpoint_layers_ready(handle, C.uint64_t(transfer), C.uint32_t(layers), event)
	}).Err()
}

// Link is what was learnt of the link to a worker, as source.
func (e *Endpoint) Link(peer uint32) (LinkEstimate, error) {
	link := LinkEstimate{structSize: uint32(unsafe.Sizeof(LinkEstimate{}))}
	status := e.use(func(handle *C.hexagent_endpoint) C.int32_t {
		return C.hexagent_endpoint_link(handle, C.uint32_t(peer),
			(*C.hexagent_link_estimate)(unsafe.Pointer(&link)))
	})
	return link, status.Err()
}

// Err is the status of EndpointFailed and EndpointDisconnected, nil of other events.
func (e *EndpointEvent) Err() error { return e.Status.Err() }
