//! One call from its submission to its end. Decisions and what its legs send come in by one channel, so
//! one thread does everything here. The channel is unbounded: it holds one answer at most.

use crate::engine::{EngineError, Prefilled};
use crate::planner::{Identity, Planner, REPORT_MARK};
use crate::server::{Client, Gateway};
use hexagent::*;
use serde_json::Value;
use std::net::{Shutdown, TcpStream};
use std::result::Result; // not the binding's
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub enum Note {
    Decision(Decision),
    Leg(u64, Event),
    SchedulerGone,
}

pub enum Event {
    Prefilled(Prefilled),
    Piece(Vec<u8>, bool, u32),
    Failed(EngineError),
}

/// How a call ended, if not well.
pub enum Failure {
    FallOpen,
    ClientGone,
    Again(Status), // its workflow is over: begin a new one
    Answer(u16, String),
    Engine(EngineError),
}

pub struct Request {
    pub path: String,
    pub body: Value,
    pub who: Identity,
    pub prompt_tokens: u32,
    pub max_tokens: u32,
}

pub struct Leg {
    pub serial: u64,
    pub worker: u32,
    pub incarnation: u32,
    pub phase: Phase,
    pub start_ns: i64,
    pub socket: Arc<Mutex<Socket>>,
}

pub enum Socket {
    Opening,
    Open(TcpStream),
    Stopped,
}

impl Drop for Leg {
    /// Closes the engine's connection, which tells it to drop the call.
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.socket.lock().unwrap(), Socket::Stopped);
        if let Socket::Open(stream) = before {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

pub struct Run<'a> {
    pub gateway: &'a Gateway,
    pub planner: &'a Planner,
    pub request: &'a Arc<Request>,
    pub client: &'a mut Client,
    pub place: (u64, u64),
    pub token: u64,
    pub notes: Sender<Note>,
    pub leg: Option<Leg>,
    pub legs: u64,
    pub params: Value,
    pub attempt: u32,
    pub reported: u32,
    pub detached: bool, // the scheduler no longer follows this call; its stream goes on
}

/// Some(result) ends a run.
pub type End = Option<Result<(), Failure>>;

/// Runs a call where and when the scheduler says.
pub fn scheduled(
    gateway: &Gateway,
    planner: &Planner,
    request: &Arc<Request>,
    client: &mut Client,
) -> Result<(), Failure> {
    for try_number in 0.. {
        let (notes, inbox) = channel();
        let token = gateway.token();
        planner.listen(token, notes.clone());
        let submitted =
            planner.submit(&request.who, request.prompt_tokens, request.max_tokens, token);
        let Ok(place) = submitted else {
            planner.leave(token);
            planner.metrics.add("fallback_not_taken", 1);
            return Err(Failure::FallOpen);
        };
        let (leg, params) = (None, Value::Null);
        let mut run = Run {
            gateway,
            planner,
            request,
            client,
            place,
            token,
            notes,
            leg,
            params,
            legs: 0,
            attempt: 0,
            reported: 0,
            detached: false,
        };
        let end = run.follow(&inbox);
        drop(run.leg.take());
        planner.leave(token);
        for note in inbox.try_iter() {
            match note {
                Note::Decision(d) if d.kind() == DecisionKind::Abort => planner.aborted(&d),
                _ => {}
            }
        }
        if end.is_err() {
            planner.forget_call(place);
        }
        match end {
            Err(Failure::Again(_)) if try_number == 0 => planner.end_workflow(place.0),
            Err(Failure::Again(status)) => return Err(Failure::Answer(502, status.text().into())),
            end => return end,
        }
    }
    unreachable!("the loop returns")
}

impl Run<'_> {
    fn follow(&mut self, inbox: &Receiver<Note>) -> Result<(), Failure> {
        loop {
            let end = match inbox.recv_timeout(Duration::from_millis(100)) {
                Ok(Note::Decision(decision)) => self.decide(&decision),
                Ok(Note::Leg(serial, event)) => match &self.leg {
                    Some(leg) if leg.serial == serial => self.happen(event),
                    _ => None, // an older leg's last words
                },
                Ok(Note::SchedulerGone) => self.leave(),
                Err(RecvTimeoutError::Timeout) if self.client.is_gone() => {
                    self.cancel();
                    Some(Err(Failure::ClientGone))
                }
                Err(_) => None,
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn decide(&mut self, decision: &Decision) -> End {
        let kind = decision.kind();
        if self.detached {
            if kind == DecisionKind::Abort {
                self.planner.aborted(decision);
            }
            return None;
        }
        match kind {
            DecisionKind::Prefill | DecisionKind::Local if self.client.started => {
                // Planned again in the moment its stream began: the stream wins.
                self.detached = true;
                self.cancel();
            }
            DecisionKind::Prefill | DecisionKind::Local => {
                self.leg = None;
                self.planner.metrics.add("retries", u64::from(decision.attempt > 1));
                (self.attempt, self.params) = (decision.attempt, Value::Null);
                self.start(decision.worker, Phase::Prefill);
            }
            // The decode engine pulls the KV itself, so its leg starts with the transfer.
            DecisionKind::Transfer if self.is_next(decision) => {
                self.start(decision.peer_worker, Phase::Decode)
            }
            DecisionKind::Decode if self.is_next(decision) => {
                self.start(decision.worker, Phase::Decode)
            }
            DecisionKind::Abort => {
                let ours = self.leg.as_ref().map_or(false, |leg| leg.worker == decision.worker);
                if ours && self.attempt == decision.attempt {
                    if self.client.started {
                        return None; // CALL_DONE follows and ends the stream
                    }
                    self.leg = None;
                }
                self.planner.aborted(decision);
            }
            DecisionKind::CallDone if decision.status().is_error() => {
                return Some(Err(Failure::Answer(502, decision.status().text().into())));
            }
            DecisionKind::Reject => {
                return Some(Err(Failure::Answer(429, decision.status().text().into())));
            }
            DecisionKind::Refused => return self.refused(decision),
            _ => {}
        }
        None
    }

    fn is_next(&self, decision: &Decision) -> bool {
        self.leg.is_none() && decision.attempt == self.attempt
    }

    fn refused(&mut self, decision: &Decision) -> End {
        let status = decision.status();
        if decision.user_data & REPORT_MARK != 0 {
            return match status {
                // Late, and changes nothing, as meant.
                Status::Stale | Status::State | Status::Duplicate => None,
                Status::UnknownCall | Status::UnknownWorkflow => None,
                _ => self.leave(),
            };
        }
        Some(Err(match status {
            Status::NeverFits | Status::TooLong => Failure::Answer(400, status.text().into()),
            Status::UnknownWorkflow | Status::Ended => Failure::Again(status),
            Status::NoWorker => Failure::Answer(503, status.text().into()),
            _ => Failure::FallOpen,
        }))
    }

    /// Takes the call out of the scheduler's hands: a stream goes on, else round robin takes over.
    fn leave(&mut self) -> End {
        self.cancel();
        self.detached = true;
        (!self.client.started).then_some(Err(Failure::FallOpen))
    }

    pub fn cancel(&self) {
        let _ = self.planner.inputs.call_cancel(self.place.0, self.place.1, 0);
    }
}
