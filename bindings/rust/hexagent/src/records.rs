//! Records. They are those of C under shorter names; texts become strings, codes become enums.

use crate::codes::{DecisionKind, Field, InputKind, Status};
use hexagent_sys as sys;
use std::ops::Deref;
use std::os::raw::c_char;

pub use sys::hexagent_call as Call;
pub use sys::hexagent_endpoint_config as EndpointLimits;
pub use sys::hexagent_forecast as Forecast;
pub use sys::hexagent_gpu as Gpu;
pub use sys::hexagent_heartbeat as Heartbeat;
pub use sys::hexagent_held_call as HeldCall;
pub use sys::hexagent_kv_blocks as KvBlocks;
pub use sys::hexagent_kv_pool as KvPool;
pub use sys::hexagent_link as Link;
pub use sys::hexagent_link_estimate as LinkEstimate;
pub use sys::hexagent_link_info as LinkInfo;
pub use sys::hexagent_link_sample as LinkSample;
pub use sys::hexagent_model as Model;
pub use sys::hexagent_placement as Placement;
pub use sys::hexagent_prefix as Prefix;
pub use sys::hexagent_profile as Profile;
pub use sys::hexagent_replay_info as ReplayInfo;
pub use sys::hexagent_report as Report;
pub use sys::hexagent_resync as Resync;
pub use sys::hexagent_shadow_info as ShadowInfo;
pub use sys::hexagent_stats as Stats;
pub use sys::hexagent_worker as Worker;
pub use sys::hexagent_worker_info as WorkerInfo;
pub use sys::hexagent_workflow as Workflow;
pub use sys::hexagent_workflow_info as WorkflowInfo;

/// One decision: C's record, with its codes as enums.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decision(sys::hexagent_decision);

impl Deref for Decision {
    type Target = sys::hexagent_decision;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Decision {
    pub fn kind(&self) -> DecisionKind {
        DecisionKind::from(self.0.kind)
    }

    /// Of REFUSED, REJECT, CALL_DONE and WORKFLOW_DONE.
    pub fn status(&self) -> Status {
        Status::from(self.0.status)
    }

    /// What a refusal names.
    pub fn field(&self) -> Field {
        Field::from(self.0.field)
    }
}

/// One input of a replayed step: C's record, with its kind as an enum. Fields a kind does not use are 0.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Input(sys::hexagent_input);

impl From<sys::hexagent_input> for Input {
    fn from(input: sys::hexagent_input) -> Input {
        Input(input)
    }
}

impl Deref for Input {
    type Target = sys::hexagent_input;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Input {
    pub fn kind(&self) -> InputKind {
        InputKind::from(self.0.kind)
    }
}

/// One key of the configuration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConfigInfo {
    pub key: String,
    pub default_value: String,
    /// With the unit; for a name, the names allowed.
    pub text: String,
    /// Bounds of a numeric key; both 0 for a key that takes a name.
    pub minimum: f64,
    pub maximum: f64,
    /// `Scheduler::configure` may change it while running.
    pub live: bool,
}

impl From<&sys::hexagent_config_info> for ConfigInfo {
    fn from(info: &sys::hexagent_config_info) -> ConfigInfo {
        ConfigInfo {
            key: text(&info.key),
            default_value: text(&info.default_value),
            text: text(&info.text),
            minimum: info.minimum,
            maximum: info.maximum,
            live: info.live != 0,
        }
    }
}

/// What became of a scheduler's journal, and what came back from it at open.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalInfo {
    /// OK; why it has failed; closed after the last step.
    pub status: Status,
    /// 0 = the journal was new.
    pub recovered_steps: u64,
    /// Of all its life.
    pub recovered_inputs: u64,
    /// Sequence number of the last one; 0 = none.
    pub recovered_decisions: u64,
    /// Time of the last step, the journal's clock.
    pub recovered_now_ns: i64,
    /// The journal's clock minus the caller's; manual driving: 0 until a step.
    pub clock_shift_ns: i64,
    /// Torn tail that a crash had left and that does not count.
    pub cut_bytes: u64,
    /// Whole frames in it.
    pub cut_frames: u32,
    /// It had been closed in good order.
    pub closed: bool,
    /// Why it has failed, with file and reason; empty otherwise.
    pub text: String,
}

impl From<&sys::hexagent_journal_info> for JournalInfo {
    fn from(info: &sys::hexagent_journal_info) -> JournalInfo {
        JournalInfo {
            status: Status::from(info.status),
            recovered_steps: info.recovered_steps,
            recovered_inputs: info.recovered_inputs,
            recovered_decisions: info.recovered_decisions,
            recovered_now_ns: info.recovered_now_ns,
            clock_shift_ns: info.clock_shift_ns,
            cut_bytes: info.cut_bytes,
            cut_frames: info.cut_frames,
            closed: info.closed != 0,
            text: text(&info.text),
        }
    }
}

/// The text before the terminating zero.
pub(crate) fn text(buffer: &[c_char]) -> String {
    let bytes: Vec<u8> =
        buffer.iter().take_while(|&&byte| byte != 0).map(|&byte| byte as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
