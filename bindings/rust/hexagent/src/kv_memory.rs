//! Host memory of a KV pool, which the crate owns and shares with the library's thread.
//!
//! No reference into it is ever handed out: that thread reads and writes it by addresses, which no
//! borrow can say. What is handed out are copies, and a copy never races with that thread, since the
//! memory keeps which blocks the library may touch: those of an answer (`reserve`, `send`) until
//! `poll` has handed out its `Quiesced`. A copy that would meet them is refused. Answers and copies
//! exclude each other by one lock; towards the library's thread its queues of answers and events
//! order them. Tests: `tests/kv_memory.rs`, `tests/endpoint.rs`.

use crate::codes::{Memory, Status};
use crate::error::{refused, Result};
use crate::records::{KvBlocks, KvPool};
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::ops::Range;
use std::ptr::{null, NonNull};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The largest page of the machines it runs on (64 KiB on some of AArch64).
const ALIGNMENT_BYTES: usize = 1 << 16;

/// Host memory for one KV pool, all zero at first; [`EndpointHandle::pool_add`] registers it. Clones
/// are handles on the same memory. It is freed when the last of them is dropped and no endpoint has it
/// any more: an endpoint keeps it until `pool_remove` has succeeded or the endpoint is closed.
///
/// Regions lie one behind the other, `block_count * block_stride_bytes` bytes each, in the order of
/// `hexagent/transport.h`: layer by layer. [`KvMemory::block_offset`] says where a block begins.
///
/// `Send` and `Sync`: any thread may read and write, also while transfers run. From an answer until
/// `poll` has handed out `Quiesced`, the blocks of a `reserve` can be neither read nor written, and
/// those of a `send` not written, but for layers that `layers_ready` has not announced yet.
///
/// Memory that is not the crate's own, such as a GPU's: [`EndpointHandle::as_raw`].
///
/// [`EndpointHandle::pool_add`]: crate::EndpointHandle::pool_add
/// [`EndpointHandle::as_raw`]: crate::EndpointHandle::as_raw
#[derive(Clone, Debug)]
pub struct KvMemory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    base: NonNull<u8>,
    layout: Layout,
    shape: KvPool, // its pointer is null
    uses: RwLock<Uses>,
}

// SAFETY: the memory belongs to Shared alone. Rust's copies exclude each other by `uses`, and the
// library's thread by what `uses` says.
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; an endpoint that knows the addresses holds a handle.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}

/// What the library may touch.
#[derive(Debug, Default)]
struct Uses {
    registered: bool,
    claims: Vec<Claim>,
    /// How many claims name a block, for each block; empty while there are none.
    blocks: Vec<BlockUses>,
}

#[derive(Clone, Copy, Debug, Default)]
struct BlockUses {
    reads: u32,
    writes: u32,
}

/// The blocks of one answer.
#[derive(Debug)]
struct Claim {
    transfer: u64,
    writes: bool,
    ids: Vec<i32>,
    layers: Range<u64>,
    /// How many of these layers the library may touch.
    ready: u64,
}

impl Claim {
    fn touches(&self, layer: u64) -> bool {
        let ready = self.layers.start.saturating_add(self.ready).min(self.layers.end);
        (self.layers.start..ready).contains(&layer)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Copying {
    Read,
    Write,
}

impl Uses {
    /// The block if it is one; another makes the library refuse the whole answer.
    fn block(&mut self, id: i32) -> Option<&mut BlockUses> {
        usize::try_from(id).ok().and_then(|id| self.blocks.get_mut(id))
    }

    fn count(&mut self, claim: &Claim, change: impl Fn(&mut u32)) {
        for &id in &claim.ids {
            if let Some(block) = self.block(id) {
                change(if claim.writes { &mut block.writes } else { &mut block.reads });
            }
        }
    }

    /// The transfer that forbids copying a block, if one does.
    fn meets(&self, copying: Copying, layer: u64, block: usize) -> Option<u64> {
        let uses = self.blocks.get(block)?;
        if uses.writes == 0 && (uses.reads == 0 || copying == Copying::Read) {
            return None;
        }
        let forbids = |claim: &&Claim| {
            (claim.writes || copying == Copying::Write)
                && claim.touches(layer)
                && claim.ids.iter().any(|&id| usize::try_from(id) == Ok(block))
        };
        self.claims.iter().find(forbids).map(|claim| claim.transfer)
    }
}

/// What to allocate, if such memory can be.
fn layout_of(shape: &KvPool) -> Result<Layout> {
    if shape.memory != u32::from(Memory::Host) {
        let text = format!("memory: {}; only host memory is made here", shape.memory);
        return Err(refused(Status::Unsupported, text));
    }
    for (name, value) in [
        ("layer_count", u64::from(shape.layer_count)),
        ("regions_per_layer", u64::from(shape.regions_per_layer)),
        ("block_count", u64::from(shape.block_count)),
        ("block_stride_bytes", shape.block_stride_bytes),
    ] {
        if value == 0 {
            return Err(refused(Status::Range, format!("{name}: 0; 1 is the least")));
        }
    }
    let regions = u64::from(shape.layer_count) * u64::from(shape.regions_per_layer);
    u64::from(shape.block_count)
        .checked_mul(shape.block_stride_bytes)
        .and_then(|region| region.checked_mul(regions))
        .and_then(|size| usize::try_from(size).ok())
        .filter(|&size| size <= isize::MAX as usize - ALIGNMENT_BYTES)
        .and_then(|size| Layout::from_size_align(size, ALIGNMENT_BYTES).ok())
        .ok_or_else(|| {
            let text =
                "block_count * block_stride_bytes of all regions: more than can be addressed";
            refused(Status::Range, text.to_owned())
        })
}

impl KvMemory {
    /// Memory for a pool of this shape; the record's pointer is ignored. `Range` names the field that
    /// cannot be, `Unsupported` memory that is not the host's; `NoMemory`.
    pub fn new(pool: &KvPool) -> Result<KvMemory> {
        let layout = layout_of(pool)?;
        let shape = KvPool { region_bases: null(), ..*pool };
        // SAFETY: the layout is not empty, as no factor of its size is 0.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(Status::NoMemory)?;
        let uses = RwLock::default();
        Ok(KvMemory { shared: Arc::new(Shared { base, layout, shape, uses }) })
    }

    /// The shape it was made for; its pointer is null.
    pub fn shape(&self) -> &KvPool {
        &self.shared.shape
    }

    /// Bytes of all regions.
    pub fn size(&self) -> usize {
        self.shared.layout.size()
    }

    /// Where a block begins, for `read_at` and `write_at`. `region` counts those of the layer. `Range`
    /// names what there is not.
    pub fn block_offset(&self, layer: u32, region: u32, block: u32) -> Result<usize> {
        let shape = self.shape();
        for (name, index, count) in [
            ("layer", layer, shape.layer_count),
            ("region", region, shape.regions_per_layer),
            ("block", block, shape.block_count),
        ] {
            if index >= count {
                let text = format!("{name}: {index}; there are {count}");
                return Err(refused(Status::Range, text));
            }
        }
        let region = layer as usize * shape.regions_per_layer as usize + region as usize;
        Ok(region * self.region_size() + block as usize * self.stride())
    }

    /// Copies bytes out, from this many bytes behind the start. `Range`: there are not so many, and
    /// `State`: a transfer that is not quiesced may write them; `into` is as it was.
    pub fn read_at(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        let range = self.range(offset, into.len())?;
        let uses = self.uses();
        self.check_unused(&uses, Copying::Read, range)?;
        // SAFETY: the range lies in the memory. Nobody writes it: Rust's writers need the lock that is
        // held, the library has no block of it to write and gets none without the lock. `into` is
        // not part of the memory, which nobody borrows.
        unsafe {
            let from = self.shared.base.as_ptr().add(offset);
            from.copy_to_nonoverlapping(into.as_mut_ptr(), into.len());
        }
        Ok(())
    }

    /// Copies bytes in. `Range` and `State` as `read_at`, `State` also while a transfer may read them;
    /// nothing is written then.
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        let range = self.range(offset, bytes.len())?;
        let uses = self.uses_mut();
        self.check_unused(&uses, Copying::Write, range)?;
        // SAFETY: as in read_at; the lock is held alone, and the library may not even read the range.
        unsafe {
            let to = self.shared.base.as_ptr().add(offset);
            to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        Ok(())
    }

    fn stride(&self) -> usize {
        self.shape().block_stride_bytes as usize // it fits: all of the memory does
    }

    fn region_size(&self) -> usize {
        self.shape().block_count as usize * self.stride()
    }

    fn range(&self, offset: usize, count: usize) -> Result<Range<usize>> {
        let size = self.size();
        match offset.checked_add(count) {
            Some(end) if end <= size => Ok(offset..end),
            _ => {
                let text =
                    format!("offset: {offset} with {count} bytes behind it; there are {size}");
                Err(refused(Status::Range, text))
            }
        }
    }

    fn check_unused(&self, uses: &Uses, copying: Copying, range: Range<usize>) -> Result<()> {
        if uses.claims.is_empty() || range.is_empty() {
            return Ok(());
        }
        let (stride, blocks) = (self.stride(), self.shape().block_count as usize);
        for place in range.start / stride..=(range.end - 1) / stride {
            let (region, block) = (place / blocks, place % blocks);
            let layer = region / self.shape().regions_per_layer as usize;
            if let Some(transfer) = uses.meets(copying, layer as u64, block) {
                let text = format!(
                    "offset: block {block} of layer {layer} is used by transfer {transfer}, which \
                     is not quiesced"
                );
                return Err(refused(Status::State, text));
            }
        }
        Ok(())
    }

    // A thread that panicked while it held the lock has left nothing half done.
    fn uses(&self) -> RwLockReadGuard<'_, Uses> {
        self.shared.uses.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn uses_mut(&self) -> RwLockWriteGuard<'_, Uses> {
        self.shared.uses.write().unwrap_or_else(PoisonError::into_inner)
    }

    // ------------------------------------------------------------- what endpoints say ----

    /// Addresses of the regions, which an endpoint may use until `detach`. `State`: one has it already.
    pub(crate) fn attach(&self) -> Result<Vec<u64>> {
        let mut uses = self.uses_mut();
        if uses.registered {
            let text = "memory: it is a registered pool already".to_owned();
            return Err(refused(Status::State, text));
        }
        uses.registered = true;
        let base = self.shared.base.as_ptr() as u64;
        Ok((0..self.size()).step_by(self.region_size()).map(|at| base + at as u64).collect())
    }

    /// The endpoint does not touch it any more.
    pub(crate) fn detach(&self) {
        *self.uses_mut() = Uses::default();
    }

    /// From here on the library may read the blocks of an answer, or read and write them; of its layers
    /// the first `ready`.
    pub(crate) fn claim(
        &self,
        transfer: u64,
        blocks: &KvBlocks,
        ids: &[i32],
        writes: bool,
        ready: u64,
    ) {
        let first = u64::from(blocks.first_layer);
        let count = match blocks.layer_count {
            0 => u64::from(self.shape().layer_count),
            count => u64::from(count),
        };
        let claim =
            Claim { transfer, writes, ids: ids.to_vec(), layers: first..first + count, ready };
        let mut uses = self.uses_mut();
        if uses.blocks.is_empty() {
            uses.blocks = vec![BlockUses::default(); self.shape().block_count as usize];
        }
        uses.count(&claim, |uses| *uses += 1);
        uses.claims.push(claim);
    }

    /// The library may touch so many layers of a transfer's blocks; the number never falls.
    pub(crate) fn layers_ready(&self, transfer: u64, layers: u32) {
        for claim in self.uses_mut().claims.iter_mut().filter(|claim| claim.transfer == transfer) {
            claim.ready = claim.ready.max(u64::from(layers));
        }
    }

    /// The library does not touch what a transfer has claimed any more.
    pub(crate) fn release(&self, transfer: u64) {
        let mut uses = self.uses_mut();
        while let Some(at) = uses.claims.iter().position(|claim| claim.transfer == transfer) {
            let claim = uses.claims.swap_remove(at);
            uses.count(&claim, |uses| *uses -= 1);
        }
    }
}
