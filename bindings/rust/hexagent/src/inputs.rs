//! Set-up and inputs: what any thread may hand over in thread and loop driving.

use crate::codes::{Status, BATCH_MAX};
use crate::error::{check, check_detail, Result};
use crate::records::*;
use crate::scheduler::{parts, zero_terminated, Handle};
use hexagent_sys as sys;
use std::mem::size_of;
use std::os::raw::c_char;

fn batch<T>(records: &[T], call: impl FnOnce(*mut i32) -> i32) -> Result<Vec<Status>> {
    if records.len() > BATCH_MAX as usize {
        return Err(Status::Argument.into());
    }
    let mut results = vec![0; records.len().max(1)];
    check(call(results.as_mut_ptr()))?;
    results.truncate(records.len());
    Ok(results.into_iter().map(Status::from).collect())
}

// SAFETY of the calls: as `scheduler` says.

impl Handle {
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

    /// How fast links were measured to be; returns how many samples were taken.
    pub fn link_measured(&self, samples: &[LinkSample]) -> Result<u32> {
        let (records, count) = parts(samples);
        check(unsafe { sys::hexagent_link_measured(self.raw(), records, count) })
    }

    /// All calls of ours that a worker holds. Verdict as a decision.
    pub fn worker_resync(&self, resync: &Resync, held: &[HeldCall]) -> Result<()> {
        let (records, count) = parts(held);
        let mut detail = sys::hexagent_error::default();
        let answer =
            unsafe { sys::hexagent_worker_resync(self.raw(), resync, records, count, &mut detail) };
        check_detail(answer, &detail)
    }

    /// Begins workflows; the answer is as that of [`Handle::submit`].
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

    /// Reports phases; the answer is as that of [`Handle::submit`].
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
