//! Endpoints: what an engine process has so that the library moves its KV. What the functions mean is
//! written in `hexagent/endpoint.h`.

use crate::codes::{EndpointEventKind, Status, TransferSide};
use crate::error::{check, check_detail, Result};
use crate::records::*;
use crate::scheduler::{parts, wait_readable, zero_terminated, Events};
use hexagent_sys as sys;
use std::ffi::{c_void, CStr, CString};
use std::mem::size_of;
use std::ops::Deref;
use std::os::unix::io::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::{null, null_mut, NonNull};
use std::sync::Arc;
use std::time::Duration;

/// What an endpoint is made of; zero and empty texts mean the defaults that `hexagent/endpoint.h` names.
#[derive(Clone, Debug, Default)]
pub struct EndpointConfig<'a> {
    /// `unix:/path` or `tcp:IP:PORT`, as the scheduler's key `transfer_address`.
    pub controller: &'a str,
    /// That of the key `transfer_secret`.
    pub secret: &'a str,
    /// `host-memory`, `host-tcp`, or the path of a plugin.
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

/// What any thread may call: pools and answers. [`Endpoint`] and [`Answers`] lend it.
#[derive(Debug)]
pub struct EndpointHandle {
    raw: NonNull<sys::hexagent_endpoint>,
}

// SAFETY: these functions are for any thread; the one that is not, poll, needs an Endpoint that is
// borrowed mutably. Arc lets the last one close, when no other call can run.
unsafe impl Send for EndpointHandle {}
unsafe impl Sync for EndpointHandle {}

impl Drop for EndpointHandle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and the last that shared it is gone.
        unsafe { sys::hexagent_endpoint_close(self.raw.as_ptr()) }
    }
}

/// One endpoint. It is closed when it and all [`Answers`] made of it are dropped; pools and blocks are
/// untouched from then on.
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
            Some(raw) => Ok(Endpoint { handle: Arc::new(EndpointHandle { raw }) }),
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

    /// Fills `events`, oldest first, and returns those it wrote.
    pub fn poll<'a>(&mut self, events: &'a mut [EndpointEvent]) -> Result<&'a [EndpointEvent]> {
        let (_, capacity) = parts(events);
        // EndpointEvent is a transparent wrapper of C's record.
        let records = events.as_mut_ptr() as *mut sys::hexagent_endpoint_event;
        let count = check(unsafe { sys::hexagent_endpoint_poll(self.raw(), records, capacity) })?;
        Ok(&events[..count as usize])
    }
}

impl EndpointHandle {
    fn raw(&self) -> *mut sys::hexagent_endpoint {
        self.raw.as_ptr()
    }

    /// Name of the transport it has.
    pub fn transport(&self) -> &str {
        // SAFETY: static, zero-terminated ASCII.
        let name = unsafe { CStr::from_ptr(sys::hexagent_endpoint_transport(self.raw())) };
        name.to_str().unwrap_or("?")
    }

    /// Registers a KV pool and returns its id. `region_bases` are the addresses of its regions,
    /// `layer_count * regions_per_layer` of them; the record's own pointer is ignored.
    ///
    /// # Safety
    /// This is the one function that cannot be safe: the library reads and writes the memory of the pool
    /// by addresses, from a thread of its own and long after the call, and no borrow can stand for
    /// memory that an engine shares with kernels of a GPU. From this call until
    /// [`EndpointHandle::pool_remove`] has succeeded or the endpoint is closed,
    /// * every region must be valid for reads and writes of `block_count * block_stride_bytes` bytes,
    ///   on the device that the record names, and
    /// * nobody may write the blocks of a `send`, or touch those of a `reserve`, between that answer
    ///   and its `Quiesced`, but for layers that `layers_ready` has not yet announced.
    pub unsafe fn pool_add(&self, pool: &KvPool, region_bases: &[u64]) -> Result<u64> {
        let regions = u64::from(pool.layer_count) * u64::from(pool.regions_per_layer);
        if region_bases.len() as u64 != regions {
            return Err(Status::Argument.into());
        }
        let whole = KvPool {
            struct_size: size_of::<KvPool>() as u32,
            region_bases: parts(region_bases).0,
            ..*pool
        };
        let mut id = 0;
        check(sys::hexagent_endpoint_pool_add(self.raw(), &whole, &mut id)).map(|_| id)
    }

    /// Ends what `pool_add` began: `State` while a transfer with the pool is not quiesced.
    pub fn pool_remove(&self, pool: u64) -> Result<()> {
        check(unsafe { sys::hexagent_endpoint_pool_remove(self.raw(), pool) }).map(drop)
    }

    /// Answers `Reserve`: the blocks `ids` shall get the KV, until `Quiesced`. What is wrong with them is
    /// told by `Failed`. The record's own list and count are ignored. `Again`: again after a poll.
    pub fn reserve(&self, transfer: u64, blocks: &KvBlocks, ids: &[i32]) -> Result<()> {
        let whole = with_ids(blocks, ids);
        check(unsafe { sys::hexagent_endpoint_reserve(self.raw(), transfer, &whole) }).map(drop)
    }

    /// Answers `Send`: the blocks `ids` hold the KV. With `TRANSFER_LAYERWISE` nothing leaves before
    /// `layers_ready` says so.
    pub fn send(&self, transfer: u64, blocks: &KvBlocks, ids: &[i32], flags: u32) -> Result<()> {
        let whole = with_ids(blocks, ids);
        check(unsafe { sys::hexagent_endpoint_send(self.raw(), transfer, &whole, flags) }).map(drop)
    }

    /// Ends a transfer with `Failed` and this status, which is an error; in place of an answer or later.
    pub fn refuse(&self, transfer: u64, status: Status) -> Result<()> {
        check(unsafe { sys::hexagent_endpoint_refuse(self.raw(), transfer, status.into()) })
            .map(drop)
    }

    /// The first `layers` layers of a layerwise transfer hold their KV.
    pub fn layers_ready(&self, transfer: u64, layers: u32) -> Result<()> {
        // SAFETY: without an event.
        unsafe { self.layers_ready_after(transfer, layers, null_mut()) }
    }

    /// The same, once an event of the transport's has happened.
    ///
    /// # Safety
    /// `event` is null or what the transport takes (CUDA: a `cudaEvent_t`), alive until `Quiesced`.
    pub unsafe fn layers_ready_after(
        &self,
        transfer: u64,
        layers: u32,
        event: *mut c_void,
    ) -> Result<()> {
        check(sys::hexagent_endpoint_layers_ready(self.raw(), transfer, layers, event)).map(drop)
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
