//! The workers: which answer, and in which incarnation. A failed health check or a closed port loses one.

use crate::http;
use crate::planner::{Metrics, Planner};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct WorkerConfig {
    pub authority: String, // host:port
    pub prefill: bool,
    pub gpu: String,
    pub tensor_parallel: u32,
    pub kv_tokens: u64,
    pub batch_max: u32,
}

/// Reads the workers of a configuration; roles are prefill or decode.
pub fn workers(config: &Value) -> Option<Vec<WorkerConfig>> {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let worker = |entry: &Value| {
        Some(WorkerConfig {
            authority: entry["url"].as_str()?.strip_prefix("http://")?.trim_end_matches('/').into(),
            prefill: match entry["role"].as_str()? {
                "prefill" => true,
                "decode" => false,
                _ => return None,
            },
            gpu: entry["gpu"].as_str()?.into(),
            tensor_parallel: number(&entry["tensor_parallel"]).max(1) as u32,
            kv_tokens: number(&entry["kv_tokens"]),
            batch_max: number(&entry["decode_batch_max"]) as u32,
        })
    };
    config["workers"].as_array()?.iter().map(worker).collect()
}

#[derive(Clone, Copy, Default)]
struct Seen {
    incarnation: u32,
    up: bool,
    told: bool,
}

pub struct Fleet {
    pub workers: Vec<WorkerConfig>,
    seen: Mutex<(Vec<Seen>, [usize; 2])>, // and the turns of the round robin
    planner: Option<Arc<Planner>>,
    metrics: Arc<Metrics>,
}

impl Fleet {
    pub fn new(
        workers: Vec<WorkerConfig>,
        planner: Option<Arc<Planner>>,
        metrics: Arc<Metrics>,
    ) -> Fleet {
        let seen = vec![Seen { told: true, ..Seen::default() }; workers.len()];
        Fleet { workers, seen: Mutex::new((seen, [0, 0])), planner, metrics }
    }

    pub fn check(&self) {
        for index in 0..self.workers.len() {
            let before = self.seen.lock().unwrap().0[index].incarnation;
            let up = self.answers(index);
            self.set(index, before, up);
        }
    }

    fn answers(&self, index: usize) -> bool {
        let authority = &self.workers[index].authority;
        let answer = http::connect(authority).and_then(|stream| {
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            http::send(stream, authority, "GET /health", b"")
        });
        matches!(answer, Ok((200, _)))
    }

    /// Takes what was seen of an incarnation; a later one may have come meanwhile.
    fn set(&self, index: usize, incarnation: u32, up: bool) {
        let mut seen = self.seen.lock().unwrap();
        let worker = &mut seen.0[index];
        if worker.incarnation != incarnation {
            return;
        }
        if worker.up != up {
            worker.incarnation += u32::from(up);
            (worker.up, worker.told) = (up, false);
            if !up {
                self.metrics.add("workers_lost", 1);
            }
        }
        if let (Some(planner), false) = (&self.planner, worker.told) {
            let id = index as u32 + 1;
            worker.told = if up {
                planner.worker_up(id, worker.incarnation, &self.workers[index])
            } else {
                planner.inputs.worker_lost(id, worker.incarnation, 0).is_ok()
            }; // else the next check tells
        }
    }

    pub fn lost(&self, id: u32, incarnation: u32) {
        self.set(id as usize - 1, incarnation, false);
    }

    /// The incarnation of a worker that answers.
    pub fn up(&self, id: u32) -> Option<u32> {
        let seen = self.seen.lock().unwrap();
        let worker = seen.0.get((id as usize).wrapping_sub(1))?;
        worker.up.then_some(worker.incarnation)
    }

    pub fn any_up(&self) -> bool {
        self.seen.lock().unwrap().0.iter().any(|worker| worker.up)
    }

    /// The next worker of a role by round robin, not one of `avoid` if another answers.
    pub fn next(&self, prefill: bool, avoid: &[u32]) -> Option<u32> {
        let mut seen = self.seen.lock().unwrap();
        let count = self.workers.len();
        let turn = seen.1[usize::from(prefill)];
        let fits = |i: &usize| seen.0[*i].up && self.workers[*i].prefill == prefill;
        let candidates: Vec<usize> = (0..count).map(|i| (turn + i) % count).filter(fits).collect();
        let fresh = candidates.iter().find(|&&i| !avoid.contains(&(i as u32 + 1)));
        let chosen = *fresh.or(candidates.first())?;
        seen.1[usize::from(prefill)] = chosen + 1;
        Some(chosen as u32 + 1)
    }
}
