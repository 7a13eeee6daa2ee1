//! KV memory: its bounds, and how long it lives. What transfers forbid stands in endpoint.rs.

use hexagent::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Every test's memory has a stride of its own, by which its allocation is found among all others.
struct Counted;

const STRIDES: usize = 16;
static LIVE: [AtomicUsize; STRIDES] = {
    #[allow(clippy::declare_interior_mutable_const)] // only to fill the list
    const NONE: AtomicUsize = AtomicUsize::new(0);
    [NONE; STRIDES]
};
const BLOCKS: usize = 3;
const REGIONS: usize = 4; // of two layers
const STRIDE_UNIT: usize = 1009; // no size that anything else has

fn live_of(layout: Layout) -> Option<&'static AtomicUsize> {
    let unit = BLOCKS * REGIONS * STRIDE_UNIT;
    let is_ours = layout.size() % unit == 0 && layout.align() >= 4096;
    LIVE.get(if is_ours { layout.size() / unit } else { STRIDES })
}

// SAFETY: all is handed on to System.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(live) = live_of(layout) {
            live.fetch_add(1, Ordering::SeqCst);
        }
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if let Some(live) = live_of(layout) {
            live.fetch_sub(1, Ordering::SeqCst);
            memory.write_bytes(0xdd, layout.size()); // whoever reads on is found out
        }
        System.dealloc(memory, layout)
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

fn shape(stride: usize) -> KvPool {
    KvPool {
        layout: KvLayout::Flat.into(),
        layer_count: 2,
        regions_per_layer: 2,
        block_tokens: 1,
        token_bytes: 8,
        block_count: BLOCKS as u32,
        block_stride_bytes: (stride * STRIDE_UNIT) as u64,
        ..Default::default()
    }
}

fn live(stride: usize) -> usize {
    LIVE[stride].load(Ordering::SeqCst)
}

fn endpoint() -> Endpoint {
    Endpoint::open(&EndpointConfig {
        controller: "unix:/tmp/nobody",
        secret: "a secret of the tests alone",
        limits: EndpointLimits { worker: 1, pools_max: 1, ..Default::default() },
        ..Default::default()
    })
    .unwrap()
}

#[test]
fn memory_is_freed_with_its_last_handle() {
    let memory = KvMemory::new(&shape(1)).unwrap();
    let other = memory.clone();
    memory.write_at(0, &[7]).unwrap();
    drop(memory);
    assert_eq!(live(1), 1);
    let mut byte = [0];
    other.read_at(0, &mut byte).unwrap();
    assert_eq!(byte, [7]);
    drop(other);
    assert_eq!(live(1), 0);
}

#[test]
fn a_pool_keeps_its_memory_until_it_is_removed() {
    let endpoint = endpoint();
    let pool = endpoint.pool_add(&KvMemory::new(&shape(2)).unwrap()).unwrap();
    assert_eq!(live(2), 1);
    assert_eq!(endpoint.pool_remove(pool + 1).unwrap_err().status, Status::Stale);
    assert_eq!(live(2), 1, "freed by a removal that failed");
    endpoint.pool_remove(pool).unwrap();
    assert_eq!(live(2), 0);
    assert_eq!(endpoint.pool_remove(pool).unwrap_err().status, Status::Stale);
}

#[test]
fn an_endpoint_keeps_its_memory_until_it_is_closed() {
    let endpoint = endpoint();
    endpoint.pool_add(&KvMemory::new(&shape(3)).unwrap()).unwrap();
    let answers = endpoint.answers();
    drop(endpoint);
    assert_eq!(live(3), 1, "answers keep the endpoint open");
    drop(answers);
    assert_eq!(live(3), 0);
}

#[test]
fn memory_stands_in_one_pool_at_a_time() {
    let (first, second) = (endpoint(), endpoint());
    let memory = KvMemory::new(&shape(4)).unwrap();
    let pool = first.pool_add(&memory).unwrap();
    for endpoint in [&first, &second] {
        let error = endpoint.pool_add(&memory).unwrap_err();
        assert_eq!(error.status, Status::State);
        assert!(error.text.contains("memory"), "{error}");
    }
    first.pool_remove(pool).unwrap();
    second.pool_add(&memory).unwrap();
    drop(second);
    first.pool_add(&memory).unwrap();
}

#[test]
fn what_an_endpoint_refuses_is_no_pool() {
    let endpoint = endpoint();
    // Two regions a layer are the most there may be; only the library knows.
    let shape = KvPool { regions_per_layer: 3, ..shape(5) };
    let memory = KvMemory::new(&shape).unwrap();
    for _ in 0..2 {
        assert_eq!(endpoint.pool_add(&memory).unwrap_err().status, Status::Range);
    }
    let small = KvPool { token_bytes: 5 * STRIDE_UNIT as u32 + 1, ..self::shape(5) };
    let memory = KvMemory::new(&small).unwrap();
    assert_eq!(endpoint.pool_add(&memory).unwrap_err().status, Status::Range);
    drop(memory);
    assert_eq!(live(5), 0);
    endpoint.pool_add(&KvMemory::new(&self::shape(5)).unwrap()).unwrap();
    let another = KvMemory::new(&self::shape(5)).unwrap();
    assert_eq!(endpoint.pool_add(&another).unwrap_err().status, Status::Full);
}

#[test]
fn shapes_that_cannot_be_are_refused_by_name() {
    let huge = KvPool { block_stride_bytes: u64::MAX, ..shape(6) };
    let large = KvPool { block_stride_bytes: u64::MAX / 16, ..shape(6) };
    for (name, status, shape) in [
        ("layer_count", Status::Range, KvPool { layer_count: 0, ..shape(6) }),
        ("regions_per_layer", Status::Range, KvPool { regions_per_layer: 0, ..shape(6) }),
        ("block_count", Status::Range, KvPool { block_count: 0, ..shape(6) }),
        ("block_stride_bytes", Status::Range, KvPool { block_stride_bytes: 0, ..shape(6) }),
        ("block_stride_bytes", Status::Range, huge),
        ("block_stride_bytes", Status::Range, large),
        ("memory", Status::Unsupported, KvPool { memory: Memory::Cuda.into(), ..shape(6) }),
    ] {
        let error = KvMemory::new(&shape).unwrap_err();
        assert_eq!(error.status, status, "{name}");
        assert!(error.text.starts_with(name) || error.text.contains(name), "{name}: {error}");
    }
    // Address space that there is not: no memory, not the end of the process.
    let vast = KvPool { block_stride_bytes: 1 << 58, ..shape(6) };
    assert_eq!(KvMemory::new(&vast).unwrap_err().status, Status::NoMemory);
}

#[test]
fn bytes_lie_where_the_offsets_say() {
    let memory = KvMemory::new(&shape(7)).unwrap();
    let stride = 7 * STRIDE_UNIT;
    assert_eq!(memory.size(), REGIONS * BLOCKS * stride);
    assert_eq!(memory.shape().block_count, BLOCKS as u32);
    assert_eq!(memory.block_offset(0, 0, 2).unwrap(), 2 * stride);
    assert_eq!(memory.block_offset(1, 1, 2).unwrap(), memory.size() - stride);
    let mut all = vec![1; memory.size()];
    memory.read_at(0, &mut all).unwrap();
    assert!(all.iter().all(|&byte| byte == 0), "it is not zero at first");
    memory.write_at(memory.size() - 2, &[3, 4]).unwrap();
    memory.write_at(stride, &[5]).unwrap();
    memory.read_at(0, &mut all).unwrap();
    assert_eq!((all[stride - 1], all[stride], all[stride + 1]), (0, 5, 0));
    assert_eq!(all[all.len() - 3..], [0, 3, 4]);
    for (name, place) in [("layer", (2, 0, 0)), ("region", (0, 2, 0)), ("block", (0, 0, 3))] {
        let error = memory.block_offset(place.0, place.1, place.2).unwrap_err();
        assert_eq!(error.status, Status::Range);
        assert!(error.text.starts_with(name), "{error}");
    }
}

#[test]
fn copies_beyond_the_end_are_refused_and_copy_nothing() {
    let memory = KvMemory::new(&shape(8)).unwrap();
    let size = memory.size();
    for (offset, count) in [(size - 1, 2), (size, 1), (size + 1, 0), (usize::MAX, 2), (0, size + 1)]
    {
        let mut bytes = vec![9; count];
        for error in [memory.read_at(offset, &mut bytes), memory.write_at(offset, &bytes)] {
            let error = error.unwrap_err();
            assert_eq!(error.status, Status::Range, "{offset} + {count}");
            assert!(error.text.starts_with("offset: "), "{error}");
        }
        assert!(bytes.iter().all(|&byte| byte == 9), "something was read");
    }
    memory.write_at(size, &[]).unwrap();
    memory.read_at(size, &mut []).unwrap();
    let mut all = vec![1; size];
    memory.read_at(0, &mut all).unwrap();
    assert!(all.iter().all(|&byte| byte == 0), "something was written");
}
