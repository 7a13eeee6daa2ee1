//! The scheduler on its own thread. One thread of ours owns it, waits for decisions and hands each to the
//! call it is about; inputs come from any thread.

use crate::fleet::WorkerConfig;
use crate::run::Note;
use hexagent::*;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Tells a refused report from a refused call by its user data.
pub const REPORT_MARK: u64 = 1 << 63;

/// Counters of the gateway's own; names come from the source.
#[derive(Default)]
pub struct Metrics(Mutex<BTreeMap<String, u64>>);

impl Metrics {
    pub fn add(&self, name: &str, count: u64) {
        *self.0.lock().unwrap().entry(name.to_owned()).or_default() += count;
    }

    pub fn text(&self) -> String {
        let counts = self.0.lock().unwrap();
        let line = |(name, count): (&String, &u64)| {
            format!("# TYPE gateway_{name} counter\ngateway_{name}_total {count}\n")
        };
        counts.iter().map(line).collect()
    }
}

/// What headers said of a call.
#[derive(Debug, Default, PartialEq)]
pub struct Identity {
    pub workflow: String, // empty: a workflow of this one call
    pub call: String,
    pub deps: Vec<String>,
    pub stage: String,
    pub last: bool,
}

#[derive(Default)]
struct Table {
    next: u64,
    by_name: HashMap<String, u64>,
    live: HashMap<u64, (String, HashMap<String, u64>, u64)>, // name, named calls, calls so far
}

impl Table {
    fn end(&mut self, id: u64) {
        if let Some((name, ..)) = self.live.remove(&id) {
            if self.by_name.get(&name) == Some(&id) {
                self.by_name.remove(&name);
            }
        }
    }
}

pub struct Planner {
    pub inputs: Inputs,
    pub metrics: Arc<Metrics>,
    pub failed: AtomicBool,
    pub library_metrics: Mutex<String>,
    model: u32,
    profiles: HashMap<String, Profile>,
    table: Mutex<Table>,
    calls: Mutex<HashMap<u64, Sender<Note>>>,
}

impl Planner {
    pub fn open(
        config: &Value,
        workers: &[WorkerConfig],
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Planner>> {
        let retries = config["retry_max"].as_u64().unwrap_or(2).to_string();
        let scheduler = Scheduler::open(&[("driving", "thread"), ("retry_max", &retries)])?;
        let mut profiles = HashMap::new();
        let mut model = 0;
        for worker in workers {
            let name = config["profile"].as_str().unwrap_or("");
            let profile = scheduler.profile_builtin(&worker.gpu, name, worker.tensor_parallel)?;
            scheduler.profile_set(&profile, 0)?;
            model = profile.model;
            profiles.insert(format!("{}/{}", worker.gpu, worker.tensor_parallel), profile);
        }
        let planner = Arc::new(Planner {
            inputs: scheduler.inputs()?,
            metrics,
            failed: AtomicBool::new(false),
            library_metrics: Mutex::new("# EOF\n".into()),
            model,
            profiles,
            table: Mutex::default(),
            calls: Mutex::default(),
        });
        let own = Arc::clone(&planner);
        std::thread::spawn(move || {
            let error = own.drive(&scheduler);
            eprintln!("the scheduler decides no more, falling open to round robin: {error}");
            own.failed.store(true, Ordering::Release);
            for call in own.calls.lock().unwrap().values() {
                let _ = call.send(Note::SchedulerGone);
            }
        });
        Ok(planner)
    }

    /// Hands decisions out until the scheduler fails.
    fn drive(&self, scheduler: &Scheduler) -> Error {
        let mut buffer = [Decision::default(); 256];
        loop {
            match scheduler.poll(&mut buffer) {
                Err(error) => return error,
                Ok([]) => {
                    // Questions belong to this thread, so their answers are left where others find them.
                    if let Ok(text) = scheduler.metrics() {
                        *self.library_metrics.lock().unwrap() = text;
                    }
                    if let Err(error) = scheduler.wait(Some(Duration::from_secs(1))) {
                        return error;
                    }
                }
                Ok(decisions) => decisions.iter().for_each(|decision| self.deliver(decision)),
            }
        }
    }

    fn deliver(&self, decision: &Decision) {
        match decision.kind() {
            DecisionKind::WorkflowDone => self.table.lock().unwrap().end(decision.workflow),
            DecisionKind::Accepted => {}
            kind => {
                let token = decision.user_data & !REPORT_MARK;
                let call = self.calls.lock().unwrap().get(&token).cloned();
                let unheard =
                    call.map_or(true, |call| call.send(Note::Decision(*decision)).is_err());
                if unheard && kind == DecisionKind::Abort {
                    self.aborted(decision); // its leg ended with its call
                }
            }
        }
    }

    pub fn listen(&self, token: u64, call: Sender<Note>) {
        self.calls.lock().unwrap().insert(token, call);
    }

    pub fn leave(&self, token: u64) {
        self.calls.lock().unwrap().remove(&token);
    }

    /// Reveals a call, and its workflow if it is new; the lock keeps them in this order.
    pub fn submit(&self, who: &Identity, prompt: u32, most: u32, token: u64) -> Result<(u64, u64)> {
        let mut table = self.table.lock().unwrap();
        let known = table.by_name.get(&who.workflow).copied().filter(|_| !who.workflow.is_empty());
        let workflow = known.unwrap_or_else(|| {
            table.next += 1;
            let id = table.next;
            table.live.insert(id, (who.workflow.clone(), HashMap::new(), 0));
            if !who.workflow.is_empty() {
                table.by_name.insert(who.workflow.clone(), id);
            }
            id
        });
        let (_, names, count) = table.live.get_mut(&workflow).ok_or(Status::Internal)?;
        *count += 1;
        let call = *count;
        // Names from before our start, or of calls that failed, wait for nothing.
        let deps: Vec<u64> = who.deps.iter().filter_map(|dep| names.get(dep).copied()).collect();
        if !who.call.is_empty() {
            names.insert(who.call.clone(), call);
        }
        if known.is_none() {
            let begin = Workflow { workflow, user_data: token, ..Default::default() };
            let begun = self.inputs.workflow_begin(&[begin]).and_then(|r| check_results(&r));
            if begun.is_err() {
                table.end(workflow);
                begun?;
            }
        }
        let record = Call {
            workflow,
            call,
            user_data: token,
            stage: self.inputs.name(&who.stage).unwrap_or(0),
            model: self.model,
            prompt_tokens: prompt,
            max_output_tokens: most,
            deps_count: deps.len() as u32,
            flags: if who.last { CALL_LAST } else { 0 },
            ..Default::default()
        };
        check_results(&self.inputs.submit(&[record], &deps, &[])?)?;
        Ok((workflow, call))
    }

    pub fn end_workflow(&self, id: u64) {
        self.table.lock().unwrap().end(id);
    }

    pub fn forget_call(&self, place: (u64, u64)) {
        if let Some((_, names, _)) = self.table.lock().unwrap().live.get_mut(&place.0) {
            names.retain(|_, call| *call != place.1);
        }
    }

    pub fn report(&self, report: Report) -> bool {
        let taken = self.inputs.complete(&[report]).and_then(|r| check_results(&r));
        if taken.is_err() {
            self.metrics.add("inputs_not_taken", 1);
        }
        taken.is_ok()
    }

    pub fn aborted(&self, decision: &Decision) {
        self.report(Report {
            workflow: decision.workflow,
            call: decision.call,
            worker: decision.worker,
            attempt: decision.attempt,
            phase: Phase::Prefill.into(),
            outcome: Outcome::Aborted.into(),
            user_data: REPORT_MARK,
            ..Default::default()
        });
    }

    pub fn worker_up(&self, id: u32, incarnation: u32, config: &WorkerConfig) -> bool {
        let profile = &self.profiles[&format!("{}/{}", config.gpu, config.tensor_parallel)];
        let worker = Worker {
            worker: id,
            incarnation,
            role: if config.prefill { ROLE_PREFILL } else { ROLE_DECODE },
            gpu: profile.gpu,
            model: profile.model,
            tensor_parallel: profile.tensor_parallel,
            engine: Engine::Vllm.into(),
            binding: Binding::PrefillEnd.into(),
            kv_capacity_tokens: config.kv_tokens,
            decode_batch_max: config.batch_max,
            ..Default::default()
        };
        self.inputs.worker_set(&worker, 0).is_ok()
    }
}
