//! Round robin, for when the scheduler cannot be asked. Keeps the gateway serving; nothing else.

use crate::engine::{self, EngineError, Target};
use crate::http;
use crate::run::{Failure, Request};
use crate::server::{Client, Gateway};
use serde_json::Value;

/// Tried again while the client has seen nothing.
pub fn fallback(gateway: &Gateway, request: &Request, client: &mut Client) -> Result<(), Failure> {
    let mut avoid = Vec::new();
    let mut last_error = Failure::Answer(503, "no worker answers".into());
    for _ in 0..=gateway.retry_max {
        let mut params = Value::Null;
        let mut failed = None;
        for is_prefill in [true, false] {
            let Some(worker) = gateway.fleet.next(is_prefill, &avoid) else {
                return Err(last_error);
            };
            let authority = &gateway.fleet.workers[worker as usize - 1].authority;
            let incarnation = gateway.fleet.up(worker).unwrap_or(0);
            let mut gone = false;
            let ended = http::connect(authority).map_err(EngineError::from).and_then(|stream| {
                let target = Target { stream, authority, path: &request.path };
                if is_prefill {
                    params = engine::prefill(target, &request.body)?.params;
                    return Ok(());
                }
                engine::decode(target, &request.body, &params, |data, last, _| {
                    gone = client.write(&data, last).is_err();
                    !gone
                })
            });
            if gone {
                return Err(Failure::ClientGone);
            }
            if let Err(error) = ended {
                if error.is_unreachable() {
                    gateway.fleet.lost(worker, incarnation);
                }
                failed = Some((worker, error));
                break;
            }
        }
        match failed {
            None => return Ok(()),
            Some((_, error)) if client.started || error.is_final() => {
                return Err(Failure::Engine(error));
            }
            Some((worker, error)) => {
                gateway.metrics.add("retries", 1);
                avoid.push(worker);
                last_error = Failure::Engine(error);
            }
        }
    }
    Err(last_error)
}
