//! One scheduler, and the handle for other threads. All of the crate's `unsafe` but the static texts
//! is here.

use crate::codes::{State, Status, BATCH_MAX};
use crate::error::{check, check_detail, Error, Result};
use crate::records::*;
use hexagent_sys as sys;
use std::ffi::CString;
use std::marker::PhantomData;
use std::mem::size_of;
use std::ops::Deref;
use std::os::raw::c_char;
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;
use std::sync::Arc;

/// The inputs, which in thread and loop driving may come from any thread. [`Scheduler`] and
/// [`Inputs`] lend it; it stays on the thread that it was lent to.
#[derive(Debug)]
pub struct Handle {
    raw: NonNull<sys::hexagent_scheduler>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and the last that shared it is gone.
        unsafe { sys::hexagent_close(self.raw.as_ptr()) }
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
    descriptor: BorrowedFd<'a>,
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

fn zero_terminated(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::from(Status::Argument))
}

/// Pointer and count of a slice; an empty one is no memory at all.
fn parts<T>(slice: &[T]) -> (*const T, u32) {
    // Lengths beyond u32 become u32::MAX, which the library refuses.
    (
        if slice.is_empty() { std::ptr::null() } else { slice.as_ptr() },
        u32::try_from(slice.len()).unwrap_or(u32::MAX),
    )
}

fn batch<T>(records: &[T], call: impl FnOnce(*mut i32) -> i32) -> Result<Vec<Status>> {
    if records.len() > BATCH_MAX as usize {
        return Err(Status::Argument.into());
    }
    let mut results = vec![0; records.len().max(1)];
    check(call(results.as_mut_ptr()))?;
    results.truncate(records.len());
    Ok(results.into_iter().map(Status::from).collect())
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
            // Scheduler and Inputs say themselves which threads may share it.
            #[allow(clippy::arc_with_non_send_sync)]
            Some(raw) => Ok(Scheduler { handle: Arc::new(Handle { raw }), not_sync: PhantomData }),
            None => Err(check_detail(detail.status, &detail)
                .err()
                .unwrap_or_else(|| Status::Internal.into())),
        }
    }

    /// For inputs from other threads. `State` in manual driving, where there are none.
    pub fn inputs(&self) -> Result<Inputs> {
        self.events().map(|_| Inputs { handle: Arc::clone(&self.handle) })
    }
}

// SAFETY for every call below: the handle is open as long as self lives, and used by the threads
// that its driving allows (see Send and Sync above); slices outlive the call, which copies them;
// sized records state the size they have.

impl Handle {
    fn raw(&self) -> *mut sys::hexagent_scheduler {
        self.raw.as_ptr()
    }

    /// Changes a live key while running; its verdict is a decision with user_data 0.
    pub fn configure(&self, key: &str, value: &str) -> Result<()> {
        let (key, value) = (zero_terminated(key)?, zero_terminated(value)?);
        let mut detail = sys::hexagent_error::default();
        let answer = unsafe {
            sys::hexagent_configure(self.raw(), key.as_ptr(), value.as_ptr(), &mut detail)
        };
        check_detail(answer, &detail)
    }

    /// Interns a string (class, stage, tenant, model, GPU, domain); the same text has one id.
    pub fn name(&self, text: &str) -> Result<u32> {
        let (_, length) = parts(text.as_bytes());
        let bytes = text.as_ptr() as *const c_char;
        check(unsafe { sys::hexagent_name(self.raw(), bytes, length) })
    }

    /// Interns a worker label and returns its bit, 0 to 63.
    pub fn label(&self, text: &str) -> Result<u32> {
        let (_, length) = parts(text.as_bytes());
        let bytes = text.as_ptr() as *const c_char;
        check(unsafe { sys::hexagent_label(self.raw(), bytes, length) })
    }

    /// Text of a name id.
    pub fn name_text(&self, name: u32) -> Result<String> {
        let mut buffer = [0; 256];
        check(unsafe { sys::hexagent_name_text(self.raw(), name, buffer.as_mut_ptr(), 256) })?;
        Ok(text(&buffer))
    }

    /// A profile that ships with the library, with this scheduler's name ids.
    pub fn profile_builtin(&self, gpu: &str, model: &str, tensor_parallel: u32) -> Result<Profile> {
        let (gpu, model) = (zero_terminated(gpu)?, zero_terminated(model)?);
        let mut profile = Profile::default();
        check(unsafe {
            sys::hexagent_profile_builtin(
                self.raw(),
                gpu.as_ptr(),
                model.as_ptr(),
                tensor_parallel,
                &mut profile,
            )
        })?;
        Ok(profile)
    }

    /// Registers or replaces a profile. Verdict as a decision.
    pub fn profile_set(&self, profile: &Profile, user_data: u64) -> Result<()> {
        let record = Profile { struct_size: size_of::<Profile>() as u32, ..*profile };
        let mut detail = sys::hexagent_error::default();
        let answer =
            unsafe { sys::hexagent_profile_set(self.raw(), &record, user_data, &mut detail) };
        check_detail(answer, &detail)
    }

    /// Registers or replaces a model's shape. Verdict as a decision.
    pub fn model_set(&self, model: &Model, user_data: u64) -> Result<()> {
        let record = Model { struct_size: size_of::<Model>() as u32, ..*model };
        let mut detail = sys::hexagent_error::default();
        let answer =
            unsafe { sys::hexagent_model_set(self.raw(), &record, user_data, &mut detail) };
        check_detail(answer, &detail)
    }

    /// Adds or updates a worker. Verdict as a decision.
    pub fn worker_set(&self, worker: &Worker, user_data: u64) -> Result<()> {
        let record = Worker { struct_size: size_of::<Worker>() as u32, ..*worker };
        let mut detail = sys::hexagent_error::default();
        let answer =
            unsafe { sys::hexagent_worker_set(self.raw(), &record, user_data, &mut detail) };
        check_detail(answer, &detail)
    }

    /// Registers or replaces the bandwidth between two domains. Verdict as a decision.
    pub fn link_set(&self, link: &Link, user_data: u64) -> Result<()> {
        let record = Link { struct_size: size_of::<Link>() as u32, ..*link };
        let mut detail = sys::hexagent_error::default();
        let answer = unsafe { sys::hexagent_link_set(self.raw(), &record, user_data, &mut detail) };
        check_detail(answer, &detail)
    }

    /// No new calls for this worker. Verdict as a decision.
    pub fn worker_drain(&self, worker: u32, incarnation: u32, user_data: u64) -> Result<()> {
        check(unsafe { sys::hexagent_worker_drain(self.raw(), worker, incarnation, user_data) })
            .map(drop)
    }

    /// The worker is gone. Verdict as a decision.
    pub fn worker_lost(&self, worker: u32, incarnation: u32, user_data: u64) -> Result<()> {
        check(unsafe { sys::hexagent_worker_lost(self.raw(), worker, incarnation, user_data) })
            .map(drop)
    }

    /// What engines say of themselves; returns how many were taken.
    pub fn heartbeat_submit(&self, heartbeats: &[Heartbeat]) -> Result<u32> {
        let (records, count) = parts(heartbeats);
        check(unsafe { sys::hexagent_heartbeat_submit(self.raw(), records, count) })
    }

    /// All calls of ours that a worker holds. Verdict as a decision.
    pub fn worker_resync(&self, resync: &Resync, held: &[HeldCall]) -> Result<()> {
        let (records, count) = parts(held);
        let mut detail = sys::hexagent_error::default();
        let answer =
            unsafe { sys::hexagent_worker_resync(self.raw(), resync, records, count, &mut detail) };
        check_detail(answer, &detail)
    }

    /// Begins workflows; the answer is as that of [`Scheduler::submit`].
    pub fn workflow_begin(&self, workflows: &[Workflow]) -> Result<Vec<Status>> {
        let (records, count) = parts(workflows);
        batch(workflows, |results| unsafe {
            sys::hexagent_workflow_begin(self.raw(), records, count, results)
        })
    }

    /// Reveals calls; `deps` and `prefixes` are what the records point into by offset and count.
    ///
    /// Answers a status for each: `Ok` was taken, `Again` may be submitted again after the next
    /// poll, the others are malformed. [`crate::check_results`] makes an error of the first.
    pub fn submit(&self, calls: &[Call], deps: &[u64], prefixes: &[Prefix]) -> Result<Vec<Status>> {
        let (records, count) = parts(calls);
        let (deps, deps_count) = parts(deps);
        let (prefixes, prefixes_count) = parts(prefixes);
        batch(calls, |results| unsafe {
            sys::hexagent_submit(
                self.raw(),
                records,
                count,
                deps,
                deps_count,
                prefixes,
                prefixes_count,
                results,
            )
        })
    }

    /// Reports phases; the answer is as that of [`Scheduler::submit`].
    pub fn complete(&self, reports: &[Report]) -> Result<Vec<Status>> {
        let (records, count) = parts(reports);
        batch(reports, |results| unsafe {
            sys::hexagent_complete(self.raw(), records, count, results)
        })
    }

    /// Lifts `CALL_HELD`. Verdict as a decision.
    pub fn ready(&self, workflow: u64, call: u64, user_data: u64) -> Result<()> {
        check(unsafe { sys::hexagent_ready(self.raw(), workflow, call, user_data) }).map(drop)
    }

    /// Cancels a call and all that depend on it. Verdict as a decision.
    pub fn call_cancel(&self, workflow: u64, call: u64, user_data: u64) -> Result<()> {
        check(unsafe { sys::hexagent_call_cancel(self.raw(), workflow, call, user_data) }).map(drop)
    }

    /// Cancels a workflow with all of its calls. Verdict as a decision.
    pub fn workflow_cancel(&self, workflow: u64, user_data: u64) -> Result<()> {
        check(unsafe { sys::hexagent_workflow_cancel(self.raw(), workflow, user_data) }).map(drop)
    }

    /// No further call will come. Verdict as a decision.
    pub fn workflow_end(&self, workflow: u64, user_data: u64) -> Result<()> {
        check(unsafe { sys::hexagent_workflow_end(self.raw(), workflow, user_data) }).map(drop)
    }

    /// Begins the orderly end: inputs answer `Closed`, and so does `poll` after the last decision.
    pub fn shutdown(&self) -> Result<()> {
        check(unsafe { sys::hexagent_shutdown(self.raw()) }).map(drop)
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

    /// State of a call.
    pub fn call_state(&self, workflow: u64, call: u64) -> Result<State> {
        check(unsafe { sys::hexagent_call_state(self.raw(), workflow, call) }).map(State::from)
    }

    /// Where would this call go if it were ready now? At most `capacity`, best first; commits
    /// nothing. `prefixes` are what the call points into.
    pub fn placement_query(
        &self,
        call: &Call,
        prefixes: &[Prefix],
        capacity: u32,
    ) -> Result<Vec<Placement>> {
        let mut placements = vec![Placement::default(); capacity as usize];
        let (prefixes, count) = parts(prefixes);
        let found = check(unsafe {
            sys::hexagent_placement_query(
                self.raw(),
                call,
                prefixes,
                count,
                placements.as_mut_ptr(),
                capacity,
            )
        })?;
        placements.truncate(found as usize);
        Ok(placements)
    }

    /// Would this workflow meet its deadline if it were admitted now? Commits nothing.
    pub fn what_if(
        &self,
        workflow: &Workflow,
        calls: &[Call],
        deps: &[u64],
        prefixes: &[Prefix],
    ) -> Result<Forecast> {
        let (records, count) = parts(calls);
        let (deps, deps_count) = parts(deps);
        let (prefixes, prefixes_count) = parts(prefixes);
        let mut forecast = Forecast::default();
        check(unsafe {
            sys::hexagent_what_if(
                self.raw(),
                workflow,
                records,
                count,
                deps,
                deps_count,
                prefixes,
                prefixes_count,
                &mut forecast,
            )
        })?;
        Ok(forecast)
    }

    /// Why a call went where it went: one JSON object.
    pub fn explain(&self, workflow: u64, call: u64) -> Result<String> {
        self.long_text(|buffer, capacity, needed| unsafe {
            sys::hexagent_explain(self.raw(), workflow, call, buffer, capacity, needed)
        })
    }

    /// OpenMetrics text of the statistics.
    pub fn metrics(&self) -> Result<String> {
        self.long_text(|buffer, capacity, needed| unsafe {
            sys::hexagent_metrics_write(self.raw(), buffer, capacity, needed)
        })
    }

    /// Asks again with a larger buffer until the text fits.
    fn long_text(&self, call: impl Fn(*mut c_char, u32, &mut u32) -> i32) -> Result<String> {
        let mut buffer: Vec<c_char> = vec![0; 8192];
        loop {
            let (capacity, mut needed) = (buffer.len() as u32, 0);
            let status = call(buffer.as_mut_ptr(), capacity, &mut needed);
            if status != sys::HEXAGENT_E_BUFFER || needed <= capacity {
                return check(status).map(|_| text(&buffer));
            }
            buffer.resize(needed as usize + needed as usize / 4, 0); // it may grow meanwhile
        }
    }

    /// Progress of a workflow.
    pub fn workflow_query(&self, workflow: u64) -> Result<WorkflowInfo> {
        let mut info = WorkflowInfo::default();
        check(unsafe { sys::hexagent_workflow_query(self.raw(), workflow, &mut info) })?;
        Ok(info)
    }

    /// The library's picture of a worker.
    pub fn worker_query(&self, worker: u32) -> Result<WorkerInfo> {
        let mut info = WorkerInfo::default();
        check(unsafe { sys::hexagent_worker_query(self.raw(), worker, &mut info) })?;
        Ok(info)
    }

    /// What became of the journal and what came back from it; `State` without one.
    pub fn journal_query(&self) -> Result<JournalInfo> {
        let mut info = sys::hexagent_journal_info::default();
        check(unsafe { sys::hexagent_journal_query(self.raw(), &mut info) })?;
        Ok(JournalInfo::from(&info))
    }

    /// Counters since open and gauges of now.
    pub fn stats(&self) -> Result<Stats> {
        let mut stats = Stats::default();
        check(unsafe { sys::hexagent_stats_read(self.raw(), &mut stats) })?;
        Ok(stats)
    }
}
