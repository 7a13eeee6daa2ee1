//! Lifetime, errors, batches, decisions and questions as a Rust gateway meets them.

mod cluster;

use cluster::{add_cluster, call};
use hexagent::*;

fn open_cluster() -> (Scheduler, Profile) {
    let scheduler = Scheduler::open(&[]).unwrap();
    let profile = add_cluster(&scheduler);
    (scheduler, profile)
}

fn begin(scheduler: &Scheduler, workflow: u64) {
    let workflow = Workflow { workflow, ..Default::default() };
    check_results(&scheduler.workflow_begin(&[workflow]).unwrap()).unwrap();
}

fn advance(scheduler: &Scheduler, now_ns: i64) -> Vec<Decision> {
    let mut decisions = vec![Decision::default(); scheduler.step(now_ns).unwrap() as usize];
    scheduler.poll(&mut decisions).unwrap().to_vec()
}

#[test]
fn a_scheduler_moves_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Scheduler>();
    let (scheduler, _) = open_cluster();
    let decided = std::thread::spawn(move || advance(&scheduler, 1).len()).join().unwrap();
    assert_eq!(decided, 3); // profile and two workers are accepted
}

#[test]
fn a_wrong_key_names_itself() {
    let error = Scheduler::open(&[("polizy", "hexagent")]).unwrap_err();
    assert_eq!((error.status, error.field), (Status::Key, Field::Key));
    assert!(error.to_string().contains("polizy"));
    let error = Scheduler::open(&[("policy\0x", "hexagent")]).unwrap_err();
    assert_eq!(error.status, Status::Argument);
}

#[test]
fn every_key_of_the_configuration_accepts_its_default() {
    let infos = describe_config();
    assert!(infos.len() > 10);
    let config: Vec<_> = infos.iter().map(|i| (i.key.as_str(), i.default_value.as_str())).collect();
    Scheduler::open(&config).unwrap();
}

#[test]
fn a_code_newer_than_this_crate_is_passed_on() {
    assert_eq!(Status::from(-999), Status::Unknown(-999));
    assert_eq!(i32::from(Status::Unknown(-999)), -999);
    assert_eq!(DecisionKind::from(99), DecisionKind::Unknown(99));
    assert_eq!(Status::from(-206), Status::Cycle);
    assert_eq!(Status::Cycle.name(), "HEXAGENT_E_CYCLE");
    assert!(!Error::from(Status::Unknown(-999)).to_string().is_empty());
}

#[test]
fn a_batch_tells_which_record_was_not_taken() {
    let (scheduler, profile) = open_cluster();
    begin(&scheduler, 1);
    let mut calls = [call(&profile, 1, 1), call(&profile, 1, 2), call(&profile, 1, 3)];
    calls[1].prompt_tokens = 0;
    let results = scheduler.submit(&calls, &[], &[]).unwrap();
    assert_eq!(results, [Status::Ok, Status::Range, Status::Ok]);
    let error = check_results(&results).unwrap_err();
    assert_eq!(error.status, Status::Range);
    assert!(error.to_string().starts_with("record 1"));
    let too_many = vec![calls[0]; BATCH_MAX as usize + 1];
    assert_eq!(scheduler.submit(&too_many, &[], &[]).unwrap_err().status, Status::Argument);
}

#[test]
fn refusals_come_as_decisions_with_status_and_field() {
    let (scheduler, profile) = open_cluster();
    let stray = Call { user_data: 77, ..call(&profile, 9, 1) };
    check_results(&scheduler.submit(&[stray], &[], &[]).unwrap()).unwrap();
    let decisions = advance(&scheduler, 1);
    let verdict = decisions.iter().find(|decision| decision.user_data == 77).unwrap();
    assert_eq!(verdict.kind(), DecisionKind::Refused);
    assert_eq!((verdict.status(), verdict.field()), (Status::UnknownWorkflow, Field::Workflow));
    assert_eq!(verdict.field().name(), "workflow");
}

#[test]
fn a_struct_size_set_by_the_caller_is_ignored() {
    let (scheduler, profile) = open_cluster();
    let lying = Profile { struct_size: 1 << 20, ..profile };
    scheduler.profile_set(&lying, 0).unwrap();
}

#[test]
fn names_and_labels() {
    let (scheduler, _) = open_cluster();
    let name = scheduler.name("größe").unwrap();
    assert_eq!(scheduler.name_text(name).unwrap(), "größe");
    assert_eq!(scheduler.name("").unwrap_err().status, Status::Name);
    assert_eq!(scheduler.name_text(4711).unwrap_err().status, Status::Name);
    assert!(scheduler.label("lora-7").unwrap() < 64);
    assert_eq!(library_version().1, 1);
}

#[test]
fn questions_are_answered() {
    let (scheduler, profile) = open_cluster();
    begin(&scheduler, 1);
    let first = call(&profile, 1, 1);
    check_results(&scheduler.submit(&[first], &[], &[]).unwrap()).unwrap();
    advance(&scheduler, 1_000_000_000);
    assert_eq!(scheduler.call_state(1, 1).unwrap(), State::Dispatched);
    assert!(scheduler.explain(1, 1).unwrap().starts_with('{'));
    assert!(scheduler.metrics().unwrap().ends_with("# EOF\n"));
    let placements = scheduler.placement_query(&first, &[], 4).unwrap();
    assert_eq!(placements.len(), 1);
    assert_eq!((placements[0].prefill_worker, placements[0].decode_worker), (1, 2));
    let workflow = Workflow { workflow: 2, deadline_ns: 1, ..Default::default() };
    let forecast = scheduler.what_if(&workflow, &[call(&profile, 2, 1)], &[], &[]).unwrap();
    assert_eq!(forecast.meets_deadline, 0);
    assert!(forecast.earliest_deadline_ns > 1_000_000);
    assert_eq!(scheduler.workflow_query(1).unwrap().calls_revealed, 1);
    assert_eq!(scheduler.worker_query(1).unwrap().prefill_outstanding, 1);
    assert_eq!(scheduler.stats().unwrap().calls_live, 1);
    assert!(scheduler.next_timer().unwrap().unwrap() > 1_000_000_000);
}
