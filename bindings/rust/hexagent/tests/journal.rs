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

/// A journal of two steps, and the decisions polled.
fn recorded(folder: &Folder) -> (Vec<Decision>, Profile) {
    let path = folder.0.to_str().unwrap();
    let scheduler = Scheduler::open(&[("journal", path), ("journal_full_decisions", "1")]).unwrap();
    let profile = add_cluster(&scheduler);
    let mut polled = advance(&scheduler, 10);
    let workflow = Workflow { workflow: 1, ..Default::default() };
    check_results(&scheduler.workflow_begin(&[workflow]).unwrap()).unwrap();
    check_results(&scheduler.submit(&[call(&profile, 1, 1)], &[], &[]).unwrap()).unwrap();
    polled.extend(advance(&scheduler, 20));
    (polled, profile)
}

#[test]
fn a_replay_decides_what_was_polled() {
    let folder = Folder::new("replay");
    let (polled, profile) = recorded(&folder);
    let mut replay = Replay::open(&folder.0).unwrap();
    let (mut decided, mut told, mut kinds) = (vec![], vec![], vec![]);
    while replay.step().unwrap() {
        assert_eq!((replay.info().different, replay.info().recorded_full), (0, 1));
        decided.extend(replay.decisions().unwrap());
        told.extend(replay.recorded().unwrap());
        kinds = replay.inputs().unwrap().iter().map(Input::kind).collect();
    }
    assert_eq!(decided, polled);
    assert_eq!(told, polled);
    assert_eq!(kinds, [InputKind::WorkflowBegin, InputKind::Submit]);
    let end = *replay.info();
    assert_eq!((end.step, end.closed, end.now_ns), (2, 1, 20));
    assert_eq!(replay.decisions().unwrap(), []);
    assert!(replay.explain(1, 1).unwrap().contains("\"attempt\":1"));
    assert_eq!(replay.name_text(profile.model).unwrap(), "llama-3.1-70b");
    assert_eq!(replay.call_state(1, 1).unwrap(), State::Dispatched);
    assert_eq!(replay.workflow_query(1).unwrap().calls_revealed, 1);
    assert!(replay.worker_query(1).unwrap().kv_capacity_tokens > 0);
    assert_eq!(replay.stats().unwrap().workers, 2);
}

#[test]
fn a_replay_may_go_on_in_another_thread() {
    let folder = Folder::new("threads");
    recorded(&folder);
    let mut replay = Replay::open(&folder.0).unwrap();
    assert!(replay.step().unwrap());
    let second = std::thread::spawn(move || replay.step().unwrap());
    assert!(second.join().unwrap());
}

#[test]
fn a_damaged_journal_ends_its_replay_with_the_file() {
    let folder = Folder::new("damaged");
    recorded(&folder);
    let path = folder.0.join("0000000001.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1; // in front of the closing frame, which says that all before it was on disk
    std::fs::write(&path, bytes).unwrap();
    let error = Replay::open(&folder.0)
        .and_then(|mut replay| {
            while replay.step()? {}
            Ok(())
        })
        .unwrap_err();
    assert_eq!(error.status, Status::Damaged);
    assert!(error.text.contains("0000000001.journal"), "{}", error);
}

#[test]
fn a_folder_without_a_journal_is_told() {
    let error = Replay::open("/").unwrap_err();
    assert_eq!(error.status, Status::Io);
    assert!(error.text.contains("no journal"), "{}", error);
    assert_eq!(Replay::open("a\0b").unwrap_err().status, Status::Argument);
}
