//! libhexagent: a workflow-aware scheduler for disaggregated LLM serving.
//!
//! A gateway tells a [`Scheduler`] what happens (a workflow began, a call was revealed, a prefill
//! finished) and polls its decisions: which prefill worker and which decode worker each call uses,
//! when, and in what order. The crate is thin: records are those of C, passed on without copying.
//! What the functions mean is written in `hexagent.h`.
//!
//! An engine process has an [`Endpoint`], which moves its KV in [`KvMemory`].
//!
//! There is no `unsafe` in this API. What cannot be safe, KV in memory that the crate does not own, is
//! left to `hexagent-sys`; see [`EndpointHandle::as_raw`]. A `struct_size` that a caller sets is ignored.
//!
//! [`Scheduler`] and [`Replay`] are `Send` but not `Sync`; [`Inputs`], [`Endpoint`], [`Answers`] and
//! [`KvMemory`] are both.

#![deny(unsafe_op_in_unsafe_fn)]

mod codes;
mod endpoint;
mod error;
mod inputs;
mod kv_memory;
mod questions;
mod records;
mod replay;
mod scheduler;

pub use codes::*;
pub use endpoint::{Answers, Endpoint, EndpointConfig, EndpointEvent, EndpointHandle};
pub use error::{check_results, Error, Result};
pub use kv_memory::KvMemory;
pub use records::*;
pub use replay::Replay;
pub use scheduler::{
    describe_config, library_version, now, profile_derive, Events, Handle, Inputs, Scheduler,
};
