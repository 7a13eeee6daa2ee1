package hexagent

// Host memory of a KV pool that lives as long as the pool. Tests: kv_memory_test.go, endpoint_test.go.

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"sync"
	"syscall"
	"unsafe"
)

// KVMemory is host memory for one KV pool, mapped outside of what Go manages, all zero at first;
// Endpoint.PoolAddMemory registers it. It stays mapped until Close, and while a pool has it until PoolRemove
// has succeeded or the endpoint is closed, in whatever order that comes.
//
// Regions lie one behind the other, BlockCount * BlockStrideBytes bytes each, in the order of
// hexagent/transport.h: layer by layer. It is an io.ReaderAt and an io.WriterAt for any goroutine; no slice
// of it is handed out, which could outlive it. The library copies on a thread of its own: between an answer
// and EndpointQuiesced leave the blocks of a Reserve alone, and do not write those of a Send.
type KVMemory struct {
	shape      KVPool
	regionSize int

	lock       sync.RWMutex
	bytes      []byte // nil once unmapped
	registered bool
	closed     bool
}

func outOfRange(format string, values ...any) error {
	return &Error{Status: ErrRange, Text: fmt.Sprintf(format, values...)}
}

// NewKVMemory maps memory for a pool of this shape. What cannot be is an *Error that names the field.
func NewKVMemory(pool KVPool) (*KVMemory, error) {
	if pool.Memory != MemoryHost {
		return nil, &Error{Status: ErrUnsupported,
			Text: fmt.Sprintf("Memory: %v; only host memory is mapped here", pool.Memory)}
	}
	for _, factor := range []struct {
		name  string
		value uint64
	}{{"LayerCount", uint64(pool.LayerCount)}, {"RegionsPerLayer", uint64(pool.RegionsPerLayer)},
		{"BlockCount", uint64(pool.BlockCount)}, {"BlockStrideBytes", pool.BlockStrideBytes}} {
		if factor.value == 0 {
			return nil, outOfRange("%s: 0; 1 is the least", factor.name)
		}
	}
	beyondRegion, regionSize := bits.Mul64(uint64(pool.BlockCount), pool.BlockStrideBytes)
	beyond, size := bits.Mul64(uint64(pool.LayerCount)*uint64(pool.RegionsPerLayer), regionSize)
	if beyondRegion != 0 || beyond != 0 || size > math.MaxInt {
		return nil, outOfRange("BlockCount * BlockStrideBytes of all regions: more than can be addressed")
	}
	mapped, err := syscall.Mmap(-1, 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, &Error{Status: ErrNoMemory, Text: fmt.Sprintf("%d bytes: %v", size, err)}
	}
	return &KVMemory{shape: pool, regionSize: int(regionSize), bytes: mapped}, nil
}

// Size is the bytes of all regions.
func (m *KVMemory) Size() int64 {
	return int64(m.regionSize) * int64(m.shape.LayerCount) * int64(m.shape.RegionsPerLayer)
}

// BlockOffset is where a block begins, for ReadAt and WriteAt; region counts those of the layer.
func (m *KVMemory) BlockOffset(layer, region, block uint32) (int64, error) {
	for _, place := range []struct {
		name         string
		index, count uint32
	}{{"layer", layer, m.shape.LayerCount}, {"region", region, m.shape.RegionsPerLayer},
		{"block", block, m.shape.BlockCount}} {
		if place.index >= place.count {
			return 0, outOfRange("%s: %d; there are %d", place.name, place.index, place.count)
		}
	}
	before := int64(layer)*int64(m.shape.RegionsPerLayer) + int64(region)
	return before*int64(m.regionSize) + int64(block)*int64(m.shape.BlockStrideBytes), nil
}

// ReadAt copies bytes out; io.EOF at the end, as io.ReaderAt has it. ErrClosed after Close.
func (m *KVMemory) ReadAt(into []byte, offset int64) (int, error) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	if m.closed {
		return 0, ErrClosed
	}
	if offset < 0 {
		return 0, outOfRange("offset: %d; 0 is the least", offset)
	}
	if offset > int64(len(m.bytes)) {
		return 0, io.EOF
	}
	count := copy(into, m.bytes[offset:])
	if count < len(into) {
		return count, io.EOF
	}
	return count, nil
}

// WriteAt copies bytes in. ErrRange when there is no room for all: then none is written. ErrClosed after
// Close.
func (m *KVMemory) WriteAt(from []byte, offset int64) (int, error) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	if m.closed {
		return 0, ErrClosed
	}
	if size := int64(len(m.bytes)); offset < 0 || offset > size || int64(len(from)) > size-offset {
		return 0, outOfRange("offset: %d with %d bytes behind it; there are %d", offset, len(from), size)
	}
	return copy(m.bytes[offset:], from), nil
}

// Close unmaps it, now or as soon as no pool has it. It may be called again.
func (m *KVMemory) Close() error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.closed = true
	return m.unmapIfDone()
}

// attach gives the addresses of the regions, which an endpoint may use until detach.
func (m *KVMemory) attach() ([]uintptr, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if m.registered {
		return nil, &Error{Status: ErrState, Text: "memory: it is a registered pool already"}
	}
	m.registered = true
	var bases []uintptr
	for at := 0; at < len(m.bytes); at += m.regionSize {
		bases = append(bases, uintptr(unsafe.Pointer(&m.bytes[at])))
	}
	return bases, nil
}

func (m *KVMemory) detach() {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.registered = false
	m.unmapIfDone()
}

func (m *KVMemory) unmapIfDone() error {
	if !m.closed || m.registered || m.bytes == nil {
		return nil
	}
	mapped := m.bytes
	m.bytes = nil
	return syscall.Munmap(mapped)
}
