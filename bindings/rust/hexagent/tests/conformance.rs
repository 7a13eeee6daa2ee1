//! The conformance vectors (tests/conformance/README.md) through the safe API.

mod json;
mod layouts;

use hexagent::*;
use json::{parse, Value};
use layouts::{Layouts, Record};
use std::collections::BTreeMap;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/conformance");
const SHOWN: [&str; 7] = ["answer", "field", "results", "reads", "info", "placements", "decisions"];

/// What a step showed, in the form of the vectors: only what is not as usual.
type Seen = BTreeMap<String, Value>;

struct Runner<'a> {
    layouts: &'a Layouts,
    scheduler: Scheduler,
}

#[test]
fn every_step_shows_what_the_vector_says() {
    let layouts = Layouts::load();
    let mut count = 0;
    for entry in std::fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().map_or(false, |extension| extension == "json") {
            run_vector(&layouts, &path);
            count += 1;
        }
    }
    assert!(count >= 12, "only {count} vectors");
}

fn run_vector(layouts: &Layouts, path: &std::path::Path) {
    let vector = parse(&std::fs::read_to_string(path).unwrap());
    let config = vector.get("config").unwrap();
    let pairs: Vec<_> = config.object().keys().map(|key| (&key[..], config.text(key))).collect();
    let runner = Runner { layouts, scheduler: Scheduler::open(&pairs).unwrap() };
    for (index, step) in vector.list("steps").iter().enumerate() {
        let what = step.text("do");
        assert_eq!(runner.run(step), expected(step), "{}, step {index}: {what}", path.display());
    }
}

fn expected(step: &Value) -> Seen {
    let mut values = step.object().clone();
    values.retain(|key, _| SHOWN.contains(&&key[..]));
    if let Some(Value::List(decisions)) = values.get_mut("decisions") {
        for decision in decisions {
            if let Value::Object(fields) = decision {
                fields.remove("says").expect("words for the reader");
            }
        }
    }
    values
}

fn shows(key: &str, value: Value) -> Seen {
    Seen::from([(key.to_owned(), value)])
}

fn failed(error: Error) -> Seen {
    let mut seen = shows("answer", Value::number(i32::from(error.status)));
    if error.field != Field::None {
        seen.insert("field".into(), Value::number(u32::from(error.field)));
    }
    seen
}

fn answer(result: Result<impl Into<i64>>) -> Seen {
    match result.map(Into::into) {
        Ok(0) => Seen::new(),
        Ok(number) => shows("answer", Value::number(number)),
        Err(error) => failed(error),
    }
}

/// Of a function that answers nothing.
fn done(result: Result<()>) -> Seen {
    answer(result.map(|()| 0))
}

/// Of a batch; its answer is the number of records that were taken.
fn batch(result: Result<Vec<Status>>) -> Seen {
    let results = match result {
        Ok(results) => results,
        Err(error) => return failed(error),
    };
    let taken = results.iter().filter(|&&status| status == Status::Ok).count();
    if taken == results.len() {
        return Seen::new();
    }
    let mut seen = shows("answer", Value::number(taken));
    let codes = results.iter().map(|&status| Value::number(i32::from(status))).collect();
    seen.insert("results".into(), Value::List(codes));
    seen
}

impl Runner<'_> {
    fn all<T: Record>(&self, step: &Value) -> Vec<T> {
        step.list("records").iter().map(|values| self.layouts.fill(values)).collect()
    }

    /// Calls with the deps and prefixes they point into, side by side.
    fn calls(&self, step: &Value) -> (Vec<Call>, Vec<u64>, Vec<Prefix>) {
        let (mut calls, mut deps, mut prefixes) = (self.all::<Call>(step), Vec::new(), Vec::new());
        for (call, values) in calls.iter_mut().zip(step.list("records")) {
            let (first_dep, first_prefix) = (deps.len(), prefixes.len());
            deps.extend(values.list("deps").iter().map(|dep| match dep {
                Value::Number(text) => text.parse::<u64>().unwrap(),
                other => panic!("{other:?} is no call id"),
            }));
            prefixes.extend(
                values.list("prefixes").iter().map(|prefix| self.layouts.fill::<Prefix>(prefix)),
            );
            call.deps_offset = first_dep as u32;
            call.deps_count = (deps.len() - first_dep) as u32;
            call.prefixes_offset = first_prefix as u32;
            call.prefixes_count = (prefixes.len() - first_prefix) as u32;
        }
        (calls, deps, prefixes)
    }

    fn run(&self, step: &Value) -> Seen {
        let scheduler = &self.scheduler;
        let number = |key| step.integer(key) as u64;
        let (workflow, call) = (number("workflow"), number("call"));
        let (worker, incarnation) = (number("worker") as u32, number("incarnation") as u32);
        let user_data = number("user_data");
        match step.text("do") {
            "name" => answer(scheduler.name(step.text("text"))),
            "label" => answer(scheduler.label(step.text("text"))),
            "name_text" => match scheduler.name_text(number("name") as u32) {
                Ok(text) => shows("reads", Value::Text(text)),
                Err(error) => failed(error),
            },
            "configure" => done(scheduler.configure(step.text("key"), step.text("value"))),
            "ready" => done(scheduler.ready(workflow, call, user_data)),
            "call_cancel" => done(scheduler.call_cancel(workflow, call, user_data)),
            "workflow_cancel" => done(scheduler.workflow_cancel(workflow, user_data)),
            "workflow_end" => done(scheduler.workflow_end(workflow, user_data)),
            "worker_drain" => done(scheduler.worker_drain(worker, incarnation, user_data)),
            "worker_lost" => done(scheduler.worker_lost(worker, incarnation, user_data)),
            "call_state" => answer(scheduler.call_state(workflow, call).map(u32::from)),
            "next_timer" => answer(scheduler.next_timer().map(|timer| timer.unwrap_or(i64::MAX))),
            "step" => self.advance(step),
            "workflow_begin" => batch(scheduler.workflow_begin(&self.all(step))),
            "complete" => batch(scheduler.complete(&self.all(step))),
            "submit" => {
                let (calls, deps, prefixes) = self.calls(step);
                batch(scheduler.submit(&calls, &deps, &prefixes))
            }
            "heartbeat_submit" => match scheduler.heartbeat_submit(&self.all(step)) {
                Ok(taken) if taken as usize == step.list("records").len() => Seen::new(),
                other => answer(other),
            },
            "link_measured" => match scheduler.link_measured(&self.all(step)) {
                Ok(taken) if taken as usize == step.list("records").len() => Seen::new(),
                other => answer(other),
            },
            _ => self.set_or_ask(step),
        }
    }

    fn advance(&self, step: &Value) -> Seen {
        let waiting = match self.scheduler.step(step.integer("now_ns") as i64) {
            Ok(0) => return Seen::new(),
            Ok(waiting) => waiting as usize,
            Err(error) => return failed(error),
        };
        let mut decisions = vec![Decision::default(); waiting + 1];
        let polled = self.scheduler.poll(&mut decisions).unwrap();
        assert_eq!(polled.len(), waiting);
        let list = polled.iter().map(|decision| self.layouts.read(decision)).collect();
        shows("decisions", Value::List(list))
    }

    fn info<T: Record>(&self, result: Result<T>) -> Seen {
        let (mut seen, info) = match result {
            Ok(info) => (Seen::new(), info),
            Err(error) => (failed(error), T::default()),
        };
        seen.insert("info".into(), self.layouts.read(&info));
        seen
    }

    fn set_or_ask(&self, step: &Value) -> Seen {
        let scheduler = &self.scheduler;
        let record = step.get("record");
        let user_data = step.integer("user_data") as u64;
        let (calls, deps, prefixes) = match step.text("do") {
            "placement_query" | "what_if" => self.calls(step),
            _ => Default::default(),
        };
        match step.text("do") {
            "profile_set" => {
                done(scheduler.profile_set(&self.layouts.fill(record.unwrap()), user_data))
            }
            "model_set" => {
                done(scheduler.model_set(&self.layouts.fill(record.unwrap()), user_data))
            }
            "worker_set" => {
                done(scheduler.worker_set(&self.layouts.fill(record.unwrap()), user_data))
            }
            "link_set" => done(scheduler.link_set(&self.layouts.fill(record.unwrap()), user_data)),
            "workflow_query" => {
                self.info(scheduler.workflow_query(step.integer("workflow") as u64))
            }
            "worker_query" => self.info(scheduler.worker_query(step.integer("worker") as u32)),
            "link_query" => {
                let (source, target) =
                    (step.integer("source_worker"), step.integer("target_worker"));
                self.info(scheduler.link_query(source as u32, target as u32))
            }
            "what_if" => {
                let workflow: Workflow = self.layouts.fill(record.unwrap());
                self.info(scheduler.what_if(&workflow, &calls, &deps, &prefixes))
            }
            "placement_query" => {
                let capacity = step.integer("capacity") as u32;
                match scheduler.placement_query(&calls[0], &prefixes, capacity) {
                    Ok(found) => {
                        let list = found.iter().map(|one| self.layouts.read(one)).collect();
                        shows("placements", Value::List(list))
                    }
                    Err(error) => failed(error),
                }
            }
            other => panic!("unknown step {other}"),
        }
    }
}
