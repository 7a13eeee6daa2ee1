//! Questions: they change nothing, and see what was handed over before.

use crate::codes::State;
use crate::error::{check, Result};
use crate::records::*;
use crate::scheduler::{parts, Scheduler};
use hexagent_sys as sys;
use std::os::raw::c_char;

// SAFETY of the calls: as `scheduler` says.

impl Scheduler {
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

    /// The link estimate of a pair of workers.
    pub fn link_query(&self, source: u32, target: u32) -> Result<LinkInfo> {
        let mut info = LinkInfo::default();
        check(unsafe { sys::hexagent_link_query(self.raw(), source, target, &mut info) })?;
        Ok(info)
    }

    /// Regret of an existing router, in shadow mode.
    pub fn shadow_query(&self) -> Result<ShadowInfo> {
        let mut info = ShadowInfo::default();
        check(unsafe { sys::hexagent_shadow_query(self.raw(), &mut info) })?;
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
