//! A journal from Rust: what comes back after a restart, and what the workers still hold.

mod cluster;

use cluster::{add_cluster, call};
use hexagent::*;
use std::path::PathBuf;

/// A folder of its own for each test, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        Folder(std::env::temp_dir().join(format!("hexagent-{}-{}", name, std::process::id())))
    }

    fn open(&self) -> Result<Scheduler> {
        let path = self.0.to_str().unwrap();
        Scheduler::open(&[("journal", path), ("journal_durability", "before_accepted")])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn advance(scheduler: &Scheduler, now_ns: i64) -> Vec<Decision> {
    let mut decisions = vec![Decision::default(); scheduler.step(now_ns).unwrap() as usize];
    scheduler.poll(&mut decisions).unwrap().to_vec()
}

#[test]
fn a_dispatch_that_never_arrived_is_sent_again_after_a_restart() {
    let folder = Folder::new("resync");
    let scheduler = folder.open().unwrap();
    let profile = add_cluster(&scheduler);
    let workflow = Workflow { workflow: 1, ..Default::default() };
    check_results(&scheduler.workflow_begin(&[workflow]).unwrap()).unwrap();
    check_results(&scheduler.submit(&[call(&profile, 1, 1)], &[], &[]).unwrap()).unwrap();
    let decided = advance(&scheduler, 10);
    drop(scheduler);

    let scheduler = folder.open().unwrap();
    let info = scheduler.journal_query().unwrap();
    assert_eq!(info.recovered_decisions, decided.last().unwrap().sequence);
    assert_eq!((info.recovered_steps, info.recovered_now_ns), (1, 10));
    assert_eq!((info.status, info.closed, info.text.as_str()), (Status::Ok, true, ""));
    let resync = Resync {
        worker: 1,
        incarnation: 1,
        decision_sequence: info.recovered_decisions,
        ..Default::default()
    };
    let held = HeldCall { workflow: 1, call: 1, attempt: 1, ..Default::default() };
    scheduler.worker_resync(&resync, &[held]).unwrap();
    assert_eq!(advance(&scheduler, 20).len(), 1); // ACCEPTED, and the call goes on
    scheduler.worker_resync(&resync, &[]).unwrap();
    let again = *advance(&scheduler, 30).last().unwrap();
    assert_eq!((again.kind(), again.attempt), (DecisionKind::Prefill, 2));
}

#[test]
fn a_journal_has_one_scheduler() {
    let folder = Folder::new("busy");
    let _first = folder.open().unwrap();
    let error = folder.open().unwrap_err();
    assert_eq!(error.status, Status::Busy);
}

#[test]
fn without_a_journal_there_is_nothing_to_ask() {
    let scheduler = Scheduler::open(&[]).unwrap();
    assert_eq!(scheduler.journal_query().unwrap_err().status, Status::State);
}
