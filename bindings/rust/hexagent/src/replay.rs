//! Reading a journal: every step again, with its inputs and decisions, and questions to the state.

use crate::codes::{State, Status};
use crate::error::{check, check_detail, Result};
use crate::records::*;
use crate::scheduler::Scheduler;
use hexagent_sys as sys;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;

/// A journal lived through again, a step at a time. Nothing in the journal is changed; a scheduler may
/// be writing it.
///
/// ```no_run
/// # fn main() -> hexagent::Result<()> {
/// let mut replay = hexagent::Replay::open("journal")?;
/// while replay.step()? {
///     if replay.info().different != 0 {
///         println!("{:?} instead of {:?}", replay.decisions()?, replay.recorded()?);
///     }
/// }
/// println!("{} steps, closed in good order: {}", replay.info().step, replay.info().closed);
/// # Ok(())
/// # }
/// ```
///
/// It is `Send` but not `Sync`, as [`Scheduler`].
#[derive(Debug)]
pub struct Replay {
    raw: NonNull<sys::hexagent_replay>,
    state: Scheduler, // the replay's own, which it does not close
    info: ReplayInfo,
}

impl Drop for Replay {
    fn drop(&mut self) {
        // SAFETY: opened by hexagent_replay_open, closed once; nothing asks `state` any more.
        unsafe { sys::hexagent_replay_close(self.raw.as_ptr()) }
    }
}

// SAFETY: as Scheduler; the replay's scheduler is reached through the replay alone.
unsafe impl Send for Replay {}

// SAFETY of the calls: the handle is open as long as self lives and used by one thread at a time,
// since Replay is not Sync; records state the size they have.

impl Replay {
    /// Opens the journal in a folder. The error tells file and offset of what is wrong.
    pub fn open(path: impl AsRef<Path>) -> Result<Replay> {
        let path =
            CString::new(path.as_ref().as_os_str().as_bytes()).map_err(|_| Status::Argument)?;
        let mut detail = sys::hexagent_error::default();
        let opened =
            unsafe { sys::hexagent_replay_open(path.as_ptr(), sys::HEXAGENT_VERSION, &mut detail) };
        let raw = match NonNull::new(opened) {
            Some(raw) => raw,
            None => {
                check_detail(detail.status, &detail)?;
                return Err(Status::Internal.into());
            }
        };
        // Never null: it was opened with the replay.
        let scheduler = NonNull::new(unsafe { sys::hexagent_replay_scheduler(raw.as_ptr()) });
        let state = Scheduler::borrowed(scheduler.ok_or(Status::Internal)?);
        Ok(Replay { raw, state, info: ReplayInfo::default() })
    }

    /// Takes the inputs of the next step and decides; false at the end of the journal. That other
    /// decisions come out than were recorded is told by [`Replay::info`], it is no error.
    pub fn step(&mut self) -> Result<bool> {
        let mut info = ReplayInfo::default();
        let mut detail = sys::hexagent_error::default();
        let answer =
            unsafe { sys::hexagent_replay_step(self.raw.as_ptr(), &mut info, &mut detail) };
        if answer < 0 {
            // Nothing was replayed last.
            (self.info.inputs_count, self.info.decisions_count, self.info.recorded_count) =
                (0, 0, 0);
        }
        check_detail(answer, &detail)?;
        self.info = info;
        Ok(answer == 1)
    }

    /// About the last step; at the end, about the end.
    pub fn info(&self) -> &ReplayInfo {
        &self.info
    }

    /// What the replay decided in the last step.
    pub fn decisions(&self) -> Result<Vec<Decision>> {
        decisions(self.info.decisions_count, |records, capacity| unsafe {
            sys::hexagent_replay_decisions(self.raw.as_ptr(), 0, records, capacity)
        })
    }

    /// What the journal says of it; empty if it holds hashes only.
    pub fn recorded(&self) -> Result<Vec<Decision>> {
        decisions(self.info.recorded_count, |records, capacity| unsafe {
            sys::hexagent_replay_recorded(self.raw.as_ptr(), 0, records, capacity)
        })
    }

    /// The inputs of the last step, without their records.
    pub fn inputs(&self) -> Result<Vec<Input>> {
        let input = |index| {
            let mut input = sys::hexagent_input::default();
            check(unsafe {
                let none = std::ptr::null_mut();
                sys::hexagent_replay_input(self.raw.as_ptr(), index, &mut input, none, 0)
            })?;
            Ok(Input::from(input))
        };
        (0..self.info.inputs_count).map(input).collect()
    }

    /// Why a call went where it went, as of the last step: one JSON object.
    pub fn explain(&self, workflow: u64, call: u64) -> Result<String> {
        self.state.explain(workflow, call)
    }

    /// Text of a name id.
    pub fn name_text(&self, name: u32) -> Result<String> {
        self.state.name_text(name)
    }

    /// State of a call after the last step.
    pub fn call_state(&self, workflow: u64, call: u64) -> Result<State> {
        self.state.call_state(workflow, call)
    }

    /// Progress of a workflow after the last step.
    pub fn workflow_query(&self, workflow: u64) -> Result<WorkflowInfo> {
        self.state.workflow_query(workflow)
    }

    /// The library's picture of a worker after the last step.
    pub fn worker_query(&self, worker: u32) -> Result<WorkerInfo> {
        self.state.worker_query(worker)
    }

    /// Counters and gauges after the last step.
    pub fn stats(&self) -> Result<Stats> {
        self.state.stats()
    }
}

fn decisions(
    count: u32,
    call: impl FnOnce(*mut sys::hexagent_decision, u32) -> i32,
) -> Result<Vec<Decision>> {
    let mut decisions = vec![Decision::default(); count as usize];
    // Decision is a transparent wrapper of C's record.
    let written = check(call(decisions.as_mut_ptr() as *mut sys::hexagent_decision, count))?;
    decisions.truncate(written as usize);
    Ok(decisions)
}
