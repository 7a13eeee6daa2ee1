//! Endpoints: what an engine process has so that the library moves its KV. What the functions mean is
//! written in `hexagent/endpoint.h`.
//!
//! The endpoint remembers which transfers `poll` has handed out and which of them are answered, so that
//! [`KvMemory`] knows what the library may touch. An answer reaches the library only behind that note.

use crate::codes::{EndpointEventKind, Status, TransferSide, TRANSFER_LAYERWISE};
use crate::error::{check, check_detail, Result};
use crate::kv_memory::KvMemory;
use crate::records::*;
use crate::scheduler::{parts, wait_readable, zero_terminated, Events};
use hexagent_sys as sys;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::mem::size_of;
use std::ops::Deref;
use std::os::unix::io::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::{null, null_mut, NonNull};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What an endpoint is made of; zero and empty texts mean the defaults that `hexagent/endpoint.h` names.
#[derive(Clone, Debug, Default)]
pub struct EndpointConfig<'a> {
    /// `unix:/path` or `tcp:IP:PORT`, as the scheduler's key `transfer_address`.
    pub controller: &'a str,
    /// That of the key `transfer_secret`.
    pub secret: &'a str,
    /// `host-memory`, `host-tcp`, or the path of a plugin, which is trusted as the library itself.
    pub transport: &'a str,
    /// If the plugin cannot be had.
    pub fallback: &'a str,
    /// Of the transport.
    pub options: &'a str,
    /// All that is a number. Its pointers and its `struct_size` are ignored.
    pub limits: EndpointLimits,
}

/// One event: C's record, with its codes as enums. Fields a kind does not use are 0.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EndpointEvent(sys::hexagent_endpoint_event);

impl Deref for EndpointEvent {
    type Target = sys::hexagent_endpoint_event;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl EndpointEvent {
    pub fn kind(&self) -> EndpointEventKind {
        EndpointEventKind::from(self.0.kind)
    }

    /// Of FAILED and DISCONNECTED.
    pub fn status(&self) -> Status {
        Status::from(self.0.status)
    }

    pub fn side(&self) -> TransferSide {
        TransferSide::from(self.0.side)
    }
}

/// A transfer that `poll` has asked about and not yet told to be quiesced.
#[derive(Debug)]
struct Asked {
    as_target: bool,
    answered: bool,
    /// Layers that `layers_ready` has announced.
    ready: u32,
}

/// What the library may touch, and for whom.
#[derive(Debug, Default)]
struct Notes {
    pools: HashMap<u64, KvMemory>,
    transfers: HashMap<u64, Asked>,
}

impl Notes {
    fn note(&mut self, event: &EndpointEvent) {
        match event.kind() {
            EndpointEventKind::Reserve | EndpointEventKind::Send => {
                let as_target = event.kind() == EndpointEventKind::Reserve;
                let asked = Asked { as_target, answered: false, ready: 0 };
                self.transfers.insert(event.transfer, asked);
            }
            EndpointEventKind::Quiesced => {
                self.transfers.remove(&event.transfer);
                self.pools.values().for_each(|memory| memory.release(event.transfer));
            }
            _ => {}
        }
    }
}

/// What any thread may call: pools and answers. [`Endpoint`] and [`Answers`] lend it.
#[derive(Debug)]
pub struct EndpointHandle {
    raw: NonNull<sys::hexagent_endpoint>,
    /// Locked before the memory of a pool. Held while the library adds or removes a pool or queues an
    /// answer, so that nobody guesses the id of a pool that is not noted yet.
    notes: Mutex<Notes>,
}

// SAFETY: these functions are for any thread; the one that is not, poll, needs an Endpoint that is
// borrowed mutably. Arc lets the last one close, when no other call can run.
unsafe impl Send for EndpointHandle {}
unsafe impl Sync for EndpointHandle {}

impl Drop for EndpointHandle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and the last that shared it is gone.
        unsafe { sys::hexagent_endpoint_close(self.raw.as_ptr()) }
        // Only now may others have the memory, or nobody.
        self.notes().pools.drain().for_each(|(_, memory)| memory.detach());
    }
}

/// One endpoint. It is closed when it and all [`Answers`] made of it are dropped; pools and blocks are
/// untouched from then on. `Send` and `Sync`: all but [`Endpoint::poll`] is for any thread.
#[derive(Debug)]
pub struct Endpoint {
    handle: Arc<EndpointHandle>,
}

/// Answers from other threads than the one that polls; see [`Endpoint::answers`].
#[derive(Clone, Debug)]
pub struct Answers {
    handle: Arc<EndpointHandle>,
}

impl Deref for Endpoint {
    type Target = EndpointHandle;

    fn deref(&self) -> &EndpointHandle {
        &self.handle
    }
}

impl Deref for Answers {
    type Target = EndpointHandle;

    fn deref(&self) -> &EndpointHandle {
        &self.handle
    }
}

/// An empty text is none.
fn optional(text: &str) -> Result<Option<CString>> {
    if text.is_empty() {
        return Ok(None);
    }
    zero_terminated(text).map(Some)
}

fn pointer(text: &Option<CString>) -> *const std::os::raw::c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

// SAFETY for every call below: the handle is open as long as self lives; records and slices outlive the
// call, which copies them; sized records state the size they have.

impl Endpoint {
    /// Makes an endpoint, which begins to connect; the event `Connected` tells when it is.
    pub fn open(config: &EndpointConfig<'_>) -> Result<Endpoint> {
        let (controller, secret) = (optional(config.controller)?, optional(config.secret)?);
        let (transport, fallback) = (optional(config.transport)?, optional(config.fallback)?);
        let options = optional(config.options)?;
        let record = sys::hexagent_endpoint_config {
            struct_size: size_of::<sys::hexagent_endpoint_config>() as u32,
            controller: pointer(&controller),
            secret: pointer(&secret),
            transport: pointer(&transport),
            fallback: pointer(&fallback),
            options: pointer(&options),
            ..config.limits
        };
        let mut detail = sys::hexagent_error::default();
        let opened = unsafe { sys::hexagent_endpoint_open(&record, &mut detail) };
        match NonNull::new(opened) {
            Some(raw) => {
                let notes = Mutex::default();
                Ok(Endpoint { handle: Arc::new(EndpointHandle { raw, notes }) })
            }
            None => Err(check_detail(detail.status, &detail)
                .err()
                .unwrap_or_else(|| Status::Internal.into())),
        }
    }

    /// For answers from other threads.
    pub fn answers(&self) -> Answers {
        Answers { handle: Arc::clone(&self.handle) }
    }

    /// Is readable when events wait for [`Endpoint::poll`]. It need not be read and must not be.
    pub fn events(&self) -> Result<Events<'_>> {
        let descriptor = check(unsafe { sys::hexagent_endpoint_event_fd(self.raw()) })?;
        // The descriptor is the library's and stays open as long as self.
        Ok(Events { descriptor: unsafe { BorrowedFd::borrow_raw(descriptor as RawFd) } })
    }

    /// Blocks until events wait, for a `timeout` at most (`None`: without end). False when the time is
    /// over or a signal came.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        Ok(wait_readable(self.events()?.as_raw_fd(), timeout))
    }

    /// Fills `events`, oldest first, and returns those it wrote. With a `Quiesced` the blocks of its
    /// transfer are free for `KvMemory::read_at` and `write_at`.
    pub fn poll<'a>(&mut self, events: &'a mut [EndpointEvent]) -> Result<&'a [EndpointEvent]> {
        let (_, capacity) = parts(events);
        // EndpointEvent is a transparent wrapper of C's record.
        let records = events.as_mut_ptr() as *mut sys::hexagent_endpoint_event;
        let count = check(unsafe { sys::hexagent_endpoint_poll(self.raw(), records, capacity) })?;
        let events = &events[..count as usize];
        let mut notes = self.notes();
        events.iter().for_each(|event| notes.note(event));
        Ok(events)
    }
}

impl EndpointHandle {
    fn raw(&self) -> *mut sys::hexagent_endpoint {
        self.raw.as_ptr()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // No note is half done where a thread could panic.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoint as `hexagent-sys` takes it, for what cannot be safe: KV in memory that the crate does
    /// not own, of a GPU or of another runtime. Register it with `hexagent_endpoint_pool_add`; this
    /// crate's `reserve`, `send` and `pool_remove` take the id of such a pool too. Layers that are ready
    /// after an event of the transport's are announced with `hexagent_endpoint_layers_ready`.
    ///
    /// The pointer is good as long as this endpoint or [`Answers`] of it live; never close it. Whoever
    /// calls `hexagent-sys` with it answers for what the compiler does not see:
    /// * From `hexagent_endpoint_pool_add` until `pool_remove` has succeeded or the endpoint is closed, every
    ///   region is valid for reads and writes of `block_count * block_stride_bytes` bytes, on the device
    ///   that the record names. The library uses them on a thread of its own.
    /// * Nobody writes the blocks of a `send`, or touches those of a `reserve`, between that answer and its
    ///   `Quiesced`, but for layers that are not announced yet.
    /// * An event lives until `Quiesced`.
    /// * Answers for the pool of a [`KvMemory`], and its removal, go through this crate alone, which else
    ///   would not know what the library may touch.
    pub fn as_raw(&self) -> *mut sys::hexagent_endpoint {
        self.raw()
    }

    /// Name of the transport it has.
    pub fn transport(&self) -> &str {
        // SAFETY: static, zero-terminated ASCII.
        let name = unsafe { CStr::from_ptr(sys::hexagent_endpoint_transport(self.raw())) };
        name.to_str().unwrap_or("?")
    }

    /// Registers memory as a KV pool and returns its id. The endpoint keeps the memory until
    /// `pool_remove` has succeeded or it is closed. What cannot be is refused as in C, `State`: the
    /// memory is a pool already, of this endpoint or another. Waits for the endpoint's thread.
    pub fn pool_add(&self, memory: &KvMemory) -> Result<u64> {
        let mut notes = self.notes();
        let region_bases = memory.attach()?;
        let pool = KvPool {
            struct_size: size_of::<KvPool>() as u32,
            region_bases: region_bases.as_ptr(),
            ..*memory.shape()
        };
        let mut id = 0;
        // The regions are as large as the record says, and the memory stays as long as it is noted.
        match check(unsafe { sys::hexagent_endpoint_pool_add(self.raw(), &pool, &mut id) }) {
            Ok(_) => notes.pools.insert(id, memory.clone()),
            Err(error) => {
                memory.detach();
                return Err(error);
            }
        };
        Ok(id)
    }

    /// Ends what `pool_add` began: `State` while a transfer with the pool is not quiesced.
    pub fn pool_remove(&self, pool: u64) -> Result<()> {
        let mut notes = self.notes();
        check(unsafe { sys::hexagent_endpoint_pool_remove(self.raw(), pool) })?;
        if let Some(memory) = notes.pools.remove(&pool) {
            memory.detach();
        }
        Ok(())
    }

    /// Answers `Reserve`: the blocks `ids` shall get the KV, until `Quiesced`. What is wrong with them is
    /// told by `Failed`. The record's own list and count are ignored. `Again`: again after a poll. An
    /// answer to what `poll` has not asked, or has told to be quiesced, is dropped. Waits for copies of
    /// the pool's [`KvMemory`] on other threads.
    pub fn reserve(&self, transfer: u64, blocks: &KvBlocks, ids: &[i32]) -> Result<()> {
        let whole = with_ids(blocks, ids);
        self.answer(transfer, &whole, ids, true, u64::MAX, || unsafe {
            sys::hexagent_endpoint_reserve(self.raw(), transfer, &whole)
        })
    }

    /// Answers `Send`: the blocks `ids` hold the KV. With `TRANSFER_LAYERWISE` nothing leaves before
    /// `layers_ready` says so. Otherwise as `reserve`.
    pub fn send(&self, transfer: u64, blocks: &KvBlocks, ids: &[i32], flags: u32) -> Result<()> {
        let whole = with_ids(blocks, ids);
        let ready = if flags & TRANSFER_LAYERWISE == 0 { u64::MAX } else { 0 };
        self.answer(transfer, &whole, ids, false, ready, || unsafe {
            sys::hexagent_endpoint_send(self.raw(), transfer, &whole, flags)
        })
    }

    /// Gives an answer to the library, noted before.
    fn answer(
        &self,
        transfer: u64,
        blocks: &KvBlocks,
        ids: &[i32],
        as_target: bool,
        ready: u64,
        give: impl FnOnce() -> sys::hexagent_status,
    ) -> Result<()> {
        let mut notes = self.notes();
        let Notes { pools, transfers } = &mut *notes;
        let memory = pools.get(&blocks.pool);
        let asked = match (transfers.get_mut(&transfer), memory) {
            // The library may ask about it already, where nobody could note what it touches.
            (None, Some(_)) if !ids.is_empty() => return Ok(()),
            // The library drops a second answer, and that to another question.
            (Some(asked), _) if !asked.answered && asked.as_target == as_target => asked,
            _ => return check(give()).map(drop),
        };
        if let Some(memory) = memory {
            memory.claim(transfer, blocks, ids, as_target, ready.max(u64::from(asked.ready)));
        }
        let given = check(give());
        asked.answered = given.is_ok();
        if let (Some(memory), Err(_)) = (memory, &given) {
            memory.release(transfer);
        }
        given.map(drop)
    }

    /// Ends a transfer with `Failed` and this status, which is an error; in place of an answer or later.
    pub fn refuse(&self, transfer: u64, status: Status) -> Result<()> {
        check(unsafe { sys::hexagent_endpoint_refuse(self.raw(), transfer, status.into()) })
            .map(drop)
    }

    /// The first `layers` layers of a layerwise transfer hold their KV. What has ended, and what `poll`
    /// has not asked about, is dropped.
    pub fn layers_ready(&self, transfer: u64, layers: u32) -> Result<()> {
        let mut notes = self.notes();
        let Notes { pools, transfers } = &mut *notes;
        let asked = match transfers.get_mut(&transfer) {
            Some(asked) => asked,
            None => return Ok(()),
        };
        asked.ready = asked.ready.max(layers);
        pools.values().for_each(|memory| memory.layers_ready(transfer, layers));
        check(unsafe {
            sys::hexagent_endpoint_layers_ready(self.raw(), transfer, layers, null_mut())
        })
        .map(drop)
    }

    /// What was learnt of the link to a worker, as source.
    pub fn link(&self, peer_worker: u32) -> Result<LinkEstimate> {
        let mut link = LinkEstimate::default();
        check(unsafe { sys::hexagent_endpoint_link(self.raw(), peer_worker, &mut link) })
            .map(|_| link)
    }
}

fn with_ids(blocks: &KvBlocks, ids: &[i32]) -> KvBlocks {
    let (list, count) = parts(ids);
    KvBlocks { blocks: list, block_count: count, ..*blocks }
}
