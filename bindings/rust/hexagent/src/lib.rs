//! libhexagent: a workflow-aware scheduler for disaggregated LLM serving.
//!
//! A gateway tells a [`Scheduler`] what happens (a workflow began, a call was revealed, a prefill
//! finished) and polls its decisions: which prefill worker and which decode worker each call uses,
//! when, and in what order. The crate is thin: records are those of C, passed on without copying.
//! What the functions mean is written in `hexagent.h`.
//!
//! An engine process has an [`Endpoint`], which moves its KV.
//!
//! There is no `unsafe` in this API but for the registration of KV memory, which cannot be safe. A
//! `struct_size` that a caller sets is ignored.

mod codes;
mod endpoint;
mod error;
mod inputs;
mod questions;
mod records;
mod replay;
mod scheduler;

pub use codes::*;
pub use endpoint::{Answers, Endpoint, EndpointConfig, EndpointEvent, EndpointHandle};
pub use error::{check_results, Error, Result};
pub use records::*;
pub use replay::Replay;
pub use scheduler::{
    describe_config, library_version, now, profile_derive, Events, Handle, Inputs, Scheduler,
};
