//! Thread and loop driving: inputs from many threads, one poller that waits on the descriptor.

use hexagent::*;
use std::time::Duration;

/// Waits until the descriptor is readable; false after a minute.
fn wait(scheduler: &Scheduler) -> bool {
    scheduler.wait(Some(Duration::from_secs(60))).unwrap()
}

fn open(driving: &str) -> (Scheduler, Profile) {
    let scheduler = Scheduler::open(&[("driving", driving)]).unwrap();
    let profile = scheduler.profile_builtin("H100-80G", "llama-3.1-70b", 4).unwrap();
    scheduler.profile_set(&profile, 0).unwrap();
    for role in [ROLE_PREFILL, ROLE_DECODE] {
        let (gpu, model) = (profile.gpu, profile.model);
        let mut worker =
            Worker { worker: role, incarnation: 1, role, gpu, model, ..Default::default() };
        worker.tensor_parallel = 4;
        scheduler.worker_set(&worker, 0).unwrap();
    }
    (scheduler, profile)
}

fn submit(inputs: &Inputs, model: u32, workflow: u64) {
    let begin = Workflow { workflow, ..Default::default() };
    check_results(&inputs.workflow_begin(&[begin]).unwrap()).unwrap();
    let first = Call { workflow, call: 1, model, prompt_tokens: 100, ..Default::default() };
    let second = Call { call: 2, deps_count: 1, flags: CALL_LAST, ..first };
    check_results(&inputs.submit(&[first, second], &[1], &[]).unwrap()).unwrap();
}

/// Answers for the engines at once, until `workflows` of them have ended and all is shut down.
fn serve(scheduler: &Scheduler, driving: &str, workflows: u32) {
    let mut buffer = [Decision::default(); 64];
    let mut ended = 0;
    loop {
        if driving == "loop" {
            if let Err(error) = scheduler.run_once(0) {
                assert!(matches!(error.status, Status::Again | Status::Closed), "{error}");
            }
        }
        let decisions = match scheduler.poll(&mut buffer) {
            Err(error) if error.status == Status::Closed => return,
            answer => answer.unwrap(),
        };
        if decisions.is_empty() {
            assert!(wait(scheduler), "nothing came");
        }
        for decision in decisions {
            let phase = match decision.kind() {
                DecisionKind::Prefill => Phase::Prefill,
                DecisionKind::Transfer => Phase::Transfer,
                DecisionKind::Decode => Phase::Decode,
                DecisionKind::WorkflowDone => {
                    ended += 1;
                    if ended == workflows {
                        scheduler.shutdown().unwrap();
                    }
                    continue;
                }
                _ => continue,
            };
            let (workflow, call) = (decision.workflow, decision.call);
            let mut report = Report { workflow, call, phase: phase.into(), ..Default::default() };
            report.outcome = Outcome::Done.into();
            check_results(&scheduler.complete(&[report]).unwrap()).unwrap();
        }
    }
}

fn workflows_from_many_threads_come_to_their_end(driving: &'static str) {
    let (scheduler, profile) = open(driving);
    let submitters: Vec<_> = (0..4)
        .map(|submitter| {
            let inputs = scheduler.inputs().unwrap();
            std::thread::spawn(move || {
                for workflow in 1..=25 {
                    submit(&inputs, profile.model, submitter * 100 + workflow);
                }
            })
        })
        .collect();
    serve(&scheduler, driving, 100);
    for submitter in submitters {
        submitter.join().unwrap();
    }
    let late = Workflow { workflow: 999, ..Default::default() };
    let results = scheduler.workflow_begin(&[late]).unwrap();
    assert_eq!(results, [Status::Closed]);
}

#[test]
fn workflows_come_to_their_end_in_thread_driving() {
    workflows_from_many_threads_come_to_their_end("thread");
}

#[test]
fn workflows_come_to_their_end_in_loop_driving() {
    workflows_from_many_threads_come_to_their_end("loop");
}

#[test]
fn inputs_may_outlive_the_scheduler() {
    let (scheduler, profile) = open("thread");
    let inputs = scheduler.inputs().unwrap();
    drop(scheduler);
    submit(&inputs, profile.model, 1);
}

#[test]
fn manual_driving_has_no_descriptor_and_no_second_thread() {
    let scheduler = Scheduler::open(&[]).unwrap();
    assert_eq!(scheduler.events().unwrap_err().status, Status::State);
    assert_eq!(scheduler.inputs().unwrap_err().status, Status::State);
    let before = now();
    assert!(before > 0 && now() >= before);
}

#[test]
fn a_wait_ends_with_its_timeout_and_manual_driving_has_nothing_to_wait_for() {
    let scheduler = Scheduler::open(&[("driving", "thread")]).unwrap();
    while scheduler.wait(Some(Duration::from_nanos(1))).unwrap() {
        scheduler.poll(&mut [Decision::default(); 8]).unwrap(); // readable for nothing, as it may be
    }
    let manual = Scheduler::open(&[]).unwrap();
    assert_eq!(manual.wait(None).unwrap_err().status, Status::State);
}
