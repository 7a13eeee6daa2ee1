//! What a call's legs do and what their events mean: the other half of `run`.

use crate::engine::{self, EngineError, Target};
use crate::http;
use crate::planner::REPORT_MARK;
use crate::run::{End, Event, Failure, Leg, Note, Run, Socket};
use hexagent::*;
use std::net::{Shutdown, TcpStream};
use std::result::Result; // not the binding's
use std::sync::{Arc, Mutex};

impl Run<'_> {
    pub fn start(&mut self, worker: u32, phase: Phase) {
        let Some(incarnation) = self.gateway.fleet.up(worker) else {
            return self.report(Report { worker, ..outcome(phase, Outcome::Failed) });
        };
        self.legs += 1;
        let (serial, socket) = (self.legs, Arc::new(Mutex::new(Socket::Opening)));
        let authority = self.gateway.fleet.workers[worker as usize - 1].authority.clone();
        let (request, params) = (Arc::clone(self.request), self.params.clone());
        let (notes, opened) = (self.notes.clone(), Arc::clone(&socket));
        std::thread::spawn(move || {
            let send = |event| notes.send(Note::Leg(serial, event)).is_ok();
            let ended = open(&authority, &opened).and_then(|stream| {
                let target = Target { stream, authority: &authority, path: &request.path };
                if phase == Phase::Prefill {
                    send(Event::Prefilled(engine::prefill(target, &request.body)?));
                    return Ok(());
                }
                engine::decode(target, &request.body, &params, |data, last, tokens| {
                    send(Event::Piece(data, last, tokens))
                })
            });
            if let Err(error) = ended {
                send(Event::Failed(error));
            }
        });
        self.reported = 0;
        self.leg = Some(Leg { serial, worker, incarnation, phase, start_ns: now(), socket });
    }

    pub fn report(&mut self, mut report: Report) {
        if self.detached {
            return;
        }
        (report.workflow, report.call) = self.place;
        report.attempt = self.attempt;
        report.user_data = self.token | REPORT_MARK;
        if let (Some(leg), 0) = (&self.leg, report.worker) {
            (report.worker, report.incarnation) = (leg.worker, leg.incarnation);
        }
        if !self.planner.report(report) && report.outcome != u32::from(Outcome::Progress) {
            // No decision would follow.
            let _ = self.notes.send(Note::SchedulerGone);
        }
    }

    pub fn happen(&mut self, event: Event) -> End {
        let start_ns = self.leg.as_ref().map_or(0, |leg| leg.start_ns);
        match event {
            Event::Prefilled(done) => {
                self.report(Report {
                    start_ns,
                    end_ns: now(),
                    tokens: done.tokens,
                    cached_tokens: done.cached.unwrap_or(0),
                    flags: if done.cached.is_some() { REPORT_CACHED_TOKENS } else { 0 },
                    ..outcome(Phase::Prefill, Outcome::Done)
                });
                self.leg = None;
                self.params = done.params;
                None
            }
            Event::Piece(data, last, tokens) => {
                let most =
                    if self.request.max_tokens > 0 { self.request.max_tokens } else { u32::MAX };
                let tokens = tokens.min(most); // events may carry less than a token
                                               // Reported before it is written: the client's next call finds this one done.
                if last {
                    let done = outcome(Phase::Decode, Outcome::Done);
                    self.report(Report { start_ns, end_ns: now(), tokens, ..done });
                } else if tokens > 0 && (self.reported == 0 || tokens >= self.reported + 32) {
                    self.reported = tokens;
                    let progress = outcome(Phase::Decode, Outcome::Progress);
                    self.report(Report { end_ns: now(), tokens, ..progress });
                }
                let written = self.client.write(&data, last);
                if written.is_err() && !last {
                    self.cancel();
                }
                match written {
                    Err(_) => Some(Err(Failure::ClientGone)),
                    Ok(()) => last.then_some(Ok(())),
                }
            }
            Event::Failed(error) => self.failed(error),
        }
    }

    fn failed(&mut self, error: EngineError) -> End {
        if error.is_final() {
            self.cancel();
            return Some(Err(Failure::Engine(error)));
        }
        let leg = self.leg.as_ref()?;
        if error.is_unreachable() {
            self.gateway.fleet.lost(leg.worker, leg.incarnation);
        }
        let phase = leg.phase;
        self.report(outcome(phase, Outcome::Failed));
        if self.client.started {
            return Some(Err(Failure::Engine(error)));
        }
        self.leg = None; // the scheduler plans the call again or gives it up
        None
    }
}

fn outcome(phase: Phase, outcome: Outcome) -> Report {
    Report { phase: phase.into(), outcome: outcome.into(), ..Default::default() }
}

fn open(authority: &str, socket: &Mutex<Socket>) -> Result<TcpStream, EngineError> {
    let stream = http::connect(authority)?;
    let mut state = socket.lock().unwrap();
    if matches!(*state, Socket::Stopped) {
        let _ = stream.shutdown(Shutdown::Both);
    } else {
        *state = Socket::Open(stream.try_clone()?);
    }
    Ok(stream)
}
