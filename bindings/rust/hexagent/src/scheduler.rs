//! One scheduler, and the handle for other threads: life and driving. All of the crate's `unsafe` but
//! the static texts is here, in `inputs`, `questions`, `replay`, `endpoint` and `kv_memory`.

use crate::codes::Status;
use crate::error::{check, check_detail, Error, Result};
use crate::records::*;
use hexagent_sys as sys;
use std::ffi::CString;
use std::marker::PhantomData;
use std::mem::size_of;
use std::ops::Deref;
use std::os::raw::{c_int, c_short, c_ulong};
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// The inputs, which in thread and loop driving may come from any thread. [`Scheduler`] and
/// [`Inputs`] lend it; it stays on the thread that it was lent to.
#[derive(Debug)]
pub struct Handle {
    raw: NonNull<sys::hexagent_scheduler>,
    owned: bool, // that of a replay is not
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.owned {
            // SAFETY: the handle is open, and the last that shared it is gone.
            unsafe { sys::hexagent_close(self.raw.as_ptr()) }
        }
    }
}

/// One scheduler; several may live side by side. It is closed, a poisoned one too, when it and all
/// [`Inputs`] made of it are dropped.
///
/// It is `Send` but not `Sync`: in manual driving everything belongs to one thread at a time, and
/// driving, polling and questions do in the other modes here.
#[derive(Debug)]
pub struct Scheduler {
    handle: Arc<Handle>,
    not_sync: PhantomData<*const ()>,
}

/// Hands inputs to a scheduler in thread or loop driving, from any thread; see
/// [`Scheduler::inputs`].
#[derive(Clone, Debug)]
pub struct Inputs {
    handle: Arc<Handle>,
}

// SAFETY: the library keeps no thread-local state. A handle in manual driving is reached through
// one Scheduler alone, which is not Sync, so by one thread at a time; it may be closed on another
// thread than the one that opened it.
unsafe impl Send for Scheduler {}

// SAFETY: Inputs exist in thread and loop driving only, where the functions of Handle are for any
// thread. Arc lets the last one close, when no other call can run.
unsafe impl Send for Inputs {}
unsafe impl Sync for Inputs {}

impl Deref for Scheduler {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Deref for Inputs {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

/// The event descriptor, for `poll`, mio, or tokio's `AsyncFd` on a duplicate of it.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    pub(crate) descriptor: BorrowedFd<'a>,
}

impl AsFd for Events<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor
    }
}

impl AsRawFd for Events<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

/// As in poll(2), which std offers no way to.
#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

const POLLIN: c_short = 1;

extern "C" {
    fn poll(entries: *mut PollFd, count: c_ulong, timeout_ms: c_int) -> c_int;
}

/// Waits until a descriptor is readable; false when the time is over or a signal came.
pub(crate) fn wait_readable(fd: RawFd, timeout: Option<Duration>) -> bool {
    let mut entry = PollFd { fd, events: POLLIN, revents: 0 };
    // Rounded up, so that a wait for less than 1 ms does not become a busy loop.
    let milliseconds = timeout.map_or(-1, |time| {
        c_int::try_from((time.as_nanos() + 999_999) / 1_000_000).unwrap_or(c_int::MAX)
    });
    // SAFETY: the one entry outlives the call.
    unsafe { poll(&mut entry, 1, milliseconds) > 0 }
}

/// The clock of thread and loop driving: CLOCK_MONOTONIC in nanoseconds.
pub fn now() -> i64 {
    // SAFETY: no precondition.
    unsafe { sys::hexagent_now() }
}

/// Version of the loaded library: major, minor, patch.
pub fn library_version() -> (u32, u32, u32) {
    // SAFETY: no precondition.
    let packed = unsafe { sys::hexagent_version() };
    (packed >> 16, packed >> 8 & 255, packed & 255)
}

/// All keys of the configuration with their bounds and defaults.
pub fn describe_config() -> Vec<ConfigInfo> {
    (0..)
        .map_while(|index| {
            let mut info = sys::hexagent_config_info::default();
            // SAFETY: info states its own size.
            let status = unsafe { sys::hexagent_config_describe(index, &mut info) };
            (status == sys::HEXAGENT_OK).then(|| ConfigInfo::from(&info))
        })
        .collect()
}

/// Predicts a profile from hardware and model shape.
pub fn profile_derive(gpu: &Gpu, model: &Model, tensor_parallel: u32) -> Result<Profile> {
    let gpu = Gpu { struct_size: size_of::<Gpu>() as u32, ..*gpu };
    let model = Model { struct_size: size_of::<Model>() as u32, ..*model };
    let mut profile = Profile::default();
    let mut detail = sys::hexagent_error::default();
    // SAFETY: all records state their own sizes and outlive the call.
    let answer = unsafe {
        sys::hexagent_profile_derive(&gpu, &model, tensor_parallel, &mut profile, &mut detail)
    };
    check_detail(answer, &detail).map(|()| profile)
}

/// A configuration that is freed at the end of open().
struct Config(NonNull<sys::hexagent_config>);

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: created by hexagent_config_create, freed once.
        unsafe { sys::hexagent_config_free(self.0.as_ptr()) }
    }
}

pub(crate) fn zero_terminated(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::from(Status::Argument))
}

/// Pointer and count of a slice; an empty one is no memory at all.
pub(crate) fn parts<T>(slice: &[T]) -> (*const T, u32) {
    // Lengths beyond u32 become u32::MAX, which the library refuses.
    (
        if slice.is_empty() { std::ptr::null() } else { slice.as_ptr() },
        u32::try_from(slice.len()).unwrap_or(u32::MAX),
    )
}

impl Scheduler {
    /// Opens with keys and values as [`describe_config`] tells them; none = all defaults.
    pub fn open(config: &[(&str, &str)]) -> Result<Scheduler> {
        // SAFETY: no precondition.
        let created = unsafe { sys::hexagent_config_create() };
        let raw = Config(NonNull::new(created).ok_or(Status::NoMemory)?);
        let mut detail = sys::hexagent_error::default();
        for (key, value) in config {
            let (key, value) = (zero_terminated(key)?, zero_terminated(value)?);
            // SAFETY: the configuration is alive, both texts end in zero.
            let answer = unsafe {
                sys::hexagent_config_set(raw.0.as_ptr(), key.as_ptr(), value.as_ptr(), &mut detail)
            };
            check_detail(answer, &detail)?;
        }
        // SAFETY: the configuration is copied.
        let handle =
            unsafe { sys::hexagent_open(raw.0.as_ptr(), sys::HEXAGENT_VERSION, &mut detail) };
        match NonNull::new(handle) {
            Some(raw) => Ok(Scheduler::of(Handle { raw, owned: true })),
            None => Err(check_detail(detail.status, &detail)
                .err()
                .unwrap_or_else(|| Status::Internal.into())),
        }
    }

    // Scheduler and Inputs say themselves which threads may share it.
    #[allow(clippy::arc_with_non_send_sync)]
    fn of(handle: Handle) -> Scheduler {
        Scheduler { handle: Arc::new(handle), not_sync: PhantomData }
    }

    /// The scheduler of a replay, which closes it. Whoever asks for it keeps it to itself.
    pub(crate) fn borrowed(raw: NonNull<sys::hexagent_scheduler>) -> Scheduler {
        Scheduler::of(Handle { raw, owned: false })
    }

    /// For inputs from other threads. `State` in manual driving, where there are none.
    pub fn inputs(&self) -> Result<Inputs> {
        self.events().map(|_| Inputs { handle: Arc::clone(&self.handle) })
    }
}

// SAFETY for every call below, in `inputs` and in `questions`: the handle is open as long as self lives, and used by the threads
// that its driving allows (see Send and Sync above); slices outlive the call, which copies them;
// sized records state the size they have.

impl Handle {
    pub(crate) fn raw(&self) -> *mut sys::hexagent_scheduler {
        self.raw.as_ptr()
    }
}

impl Scheduler {
    /// Thread and loop driving: is readable when decisions wait for [`Scheduler::poll`], in loop
    /// driving also when inputs wait for [`Scheduler::run_once`]. It need not be read and must not
    /// be. After an edge-triggered wait go on until both answer nothing. `State` in manual driving.
    pub fn events(&self) -> Result<Events<'_>> {
        let descriptor = check(unsafe { sys::hexagent_event_fd(self.raw()) })?;
        // The descriptor is the library's and stays open as long as self.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor as RawFd) };
        Ok(Events { descriptor })
    }

    /// Thread and loop driving: blocks until the events are readable, for a `timeout` at most (`None`:
    /// without end). False when the time is over or a signal came. `State` in manual driving.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        Ok(wait_readable(self.events()?.as_raw_fd(), timeout))
    }

    /// Loop driving: takes at most `inputs_max` queued inputs (0 = all) and plans; returns how many
    /// decisions wait.
    pub fn run_once(&self, inputs_max: u32) -> Result<u32> {
        check(unsafe { sys::hexagent_run_once(self.raw(), inputs_max) })
    }

    /// Manual driving: takes all queued inputs and plans; returns how many decisions wait.
    pub fn step(&self, now_ns: i64) -> Result<u32> {
        check(unsafe { sys::hexagent_step(self.raw(), now_ns) })
    }

    /// Time of the earliest timer.
    pub fn next_timer(&self) -> Result<Option<i64>> {
        match unsafe { sys::hexagent_next_timer(self.raw()) } {
            i64::MAX => Ok(None),
            timer if timer >= 0 => Ok(Some(timer)),
            error => Err(Status::from(error as i32).into()),
        }
    }

    /// Fills `decisions`, oldest first, and returns those it wrote.
    pub fn poll<'a>(&self, decisions: &'a mut [Decision]) -> Result<&'a [Decision]> {
        let (_, capacity) = parts(decisions);
        // Decision is a transparent wrapper of C's record.
        let records = decisions.as_mut_ptr() as *mut sys::hexagent_decision;
        let count = check(unsafe { sys::hexagent_poll(self.raw(), records, capacity) })?;
        Ok(&decisions[..count as usize])
    }
}
