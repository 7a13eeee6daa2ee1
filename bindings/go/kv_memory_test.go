package hexagent

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"unsafe"
)

func openAlone(t *testing.T) *Endpoint {
	t.Helper()
	endpoint, err := OpenEndpoint(EndpointConfig{Worker: 1, Controller: "unix:/tmp/nobody", Secret: testSecret,
		PoolsMax: 1})
	must(t, err)
	t.Cleanup(func() { endpoint.Close() })
	return endpoint
}

func newMemory(t *testing.T) *KVMemory {
	t.Helper()
	memory, err := NewKVMemory(testPool())
	must(t, err)
	t.Cleanup(func() { memory.Close() })
	return memory
}

func TestAPoolKeepsItsMemoryUntilItIsRemoved(t *testing.T) {
	endpoint, memory := openAlone(t), newMemory(t)
	pool, err := endpoint.PoolAddMemory(memory)
	must(t, err)
	must(t, memory.Close())
	must(t, memory.Close())
	if _, err := memory.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrClosed) {
		t.Errorf("read what is closed: %v", err)
	}
	if _, err := memory.WriteAt(make([]byte, 1), 0); !errors.Is(err, ErrClosed) {
		t.Errorf("wrote what is closed: %v", err)
	}
	if err := endpoint.PoolRemove(pool + 1); !errors.Is(err, ErrStale) {
		t.Errorf("got %v", err)
	}
	if memory.bytes == nil {
		t.Fatal("unmapped under its pool")
	}
	must(t, endpoint.PoolRemove(pool))
	if memory.bytes != nil {
		t.Fatal("it is still mapped")
	}
	if _, err := endpoint.PoolAddMemory(memory); !errors.Is(err, ErrClosed) {
		t.Errorf("registered what is closed: %v", err)
	}
}

func TestAnEndpointKeepsItsMemoryUntilItIsClosed(t *testing.T) {
	endpoint, memory := openAlone(t), newMemory(t)
	_, err := endpoint.PoolAddMemory(memory)
	must(t, err)
	must(t, memory.Close())
	if memory.bytes == nil {
		t.Fatal("unmapped under its pool")
	}
	must(t, endpoint.Close())
	if memory.bytes != nil {
		t.Fatal("it is still mapped")
	}
	must(t, endpoint.Close())
}

func TestMemoryStandsInOnePoolAtATime(t *testing.T) {
	first, second, memory := openAlone(t), openAlone(t), newMemory(t)
	pool, err := first.PoolAddMemory(memory)
	must(t, err)
	for _, endpoint := range []*Endpoint{first, second} {
		if _, err := endpoint.PoolAddMemory(memory); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "memory") {
			t.Errorf("got %v", err)
		}
	}
	must(t, first.PoolRemove(pool))
	_, err = second.PoolAddMemory(memory)
	must(t, err)
	must(t, second.Close())
	_, err = first.PoolAddMemory(memory)
	must(t, err)
	if _, err := first.PoolAddMemory(newMemory(t)); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
	if _, err := second.PoolAddMemory(newMemory(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestWhatAnEndpointRefusesIsNoPool(t *testing.T) {
	endpoint := openAlone(t)
	pool := testPool()
	pool.TokenBytes++ // the block is larger than the stride, which only the library knows
	memory, err := NewKVMemory(pool)
	must(t, err)
	for i := 0; i < 2; i++ {
		if _, err := endpoint.PoolAddMemory(memory); !errors.Is(err, ErrRange) {
			t.Errorf("got %v", err)
		}
	}
	must(t, memory.Close())
	if memory.bytes != nil {
		t.Fatal("it is still mapped")
	}
}

func TestShapesThatCannotBeAreRefusedByName(t *testing.T) {
	for _, wrong := range []struct {
		name   string
		status Status
		change func(*KVPool)
	}{
		{"LayerCount", ErrRange, func(p *KVPool) { p.LayerCount = 0 }},
		{"RegionsPerLayer", ErrRange, func(p *KVPool) { p.RegionsPerLayer = 0 }},
		{"BlockCount", ErrRange, func(p *KVPool) { p.BlockCount = 0 }},
		{"BlockStrideBytes", ErrRange, func(p *KVPool) { p.BlockStrideBytes = 0 }},
		{"BlockStrideBytes", ErrRange, func(p *KVPool) { p.BlockStrideBytes = math.MaxUint64 }},
		{"BlockStrideBytes", ErrRange, func(p *KVPool) { p.BlockStrideBytes = math.MaxUint64 / testBlocks }},
		{"bytes", ErrNoMemory, func(p *KVPool) { p.BlockStrideBytes = 1 << 57 }},
		{"Memory", ErrUnsupported, func(p *KVPool) { p.Memory = MemoryCUDA }},
	} {
		pool := testPool()
		wrong.change(&pool)
		if _, err := NewKVMemory(pool); !errors.Is(err, wrong.status) || !strings.Contains(err.Error(), wrong.name) {
			t.Errorf("%s: %v", wrong.name, err)
		}
	}
}

func TestBytesLieWhereTheOffsetsSay(t *testing.T) {
	pool := testPool()
	pool.RegionsPerLayer = 2
	memory, err := NewKVMemory(pool)
	must(t, err)
	defer memory.Close()
	if memory.Size() != testLayers*2*testBlocks*testBlockBytes {
		t.Fatalf("%d bytes", memory.Size())
	}
	offset, err := memory.BlockOffset(1, 1, 2)
	if want := int64(3*testBlocks+2) * testBlockBytes; err != nil || offset != want {
		t.Fatalf("%d instead of %d, %v", offset, want, err)
	}
	_, err = memory.WriteAt([]byte{7}, offset)
	must(t, err)
	all := make([]byte, memory.Size())
	_, err = memory.ReadAt(all, 0)
	must(t, err)
	if all[offset] != 7 || bytes.Count(all, []byte{0}) != len(all)-1 {
		t.Fatal("it lies elsewhere, or is not zero at first")
	}
	for name, place := range map[string][3]uint32{"layer": {2, 0, 0}, "region": {0, 2, 0}, "block": {0, 0, testBlocks}} {
		_, err := memory.BlockOffset(place[0], place[1], place[2])
		if !errors.Is(err, ErrRange) || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCopiesBeyondTheEnd(t *testing.T) {
	memory := newMemory(t)
	size := memory.Size()
	for _, beyond := range []struct {
		offset int64
		count  int
	}{{size - 1, 2}, {size, 1}, {size + 1, 0}, {math.MaxInt64, 2}, {-1, 2}, {0, int(size) + 1}} {
		from := bytes.Repeat([]byte{9}, beyond.count)
		count, err := memory.WriteAt(from, beyond.offset)
		if count != 0 || !errors.Is(err, ErrRange) || !strings.HasPrefix(err.Error(), "offset: ") {
			t.Errorf("%+v: wrote %d, %v", beyond, count, err)
		}
	}
	for _, beyond := range []struct {
		offset int64
		count  int
		want   int
		err    error
	}{{size - 1, 2, 1, io.EOF}, {size, 1, 0, io.EOF}, {math.MaxInt64, 2, 0, io.EOF}, {-1, 2, 0, ErrRange}, {size - 2, 2, 2, nil}} {
		into := bytes.Repeat([]byte{9}, beyond.count)
		count, err := memory.ReadAt(into, beyond.offset)
		if count != beyond.want || !errors.Is(err, beyond.err) || bytes.Count(into, []byte{0}) != count {
			t.Errorf("%+v: read %d, %v, %v", beyond, count, into, err)
		}
	}
}

func TestMemoryOfOthersIsRegisteredByItsAddresses(t *testing.T) {
	endpoint, memory := openAlone(t), newMemory(t) // some memory that is not Go's
	base := uintptr(unsafe.Pointer(&memory.bytes[0]))
	pool, err := endpoint.PoolAdd(testPool(), []uintptr{base, base + testBlocks*testBlockBytes})
	must(t, err)
	must(t, endpoint.PoolRemove(pool))
}
