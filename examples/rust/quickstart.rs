//! Two workers, one workflow of two dependent calls, virtual time; the engines are played by hand.

use hexagent::*;

fn main() -> Result<()> {
    let scheduler = Scheduler::open(&[("policy", "default")])?;
    let profile = scheduler.profile_builtin("H100-80G", "llama-3.1-70b", 4)?;
    scheduler.profile_set(&profile, 0)?;
    for role in [ROLE_PREFILL, ROLE_DECODE] {
        let worker = Worker {
            worker: role,
            incarnation: 1,
            role,
            gpu: profile.gpu,
            model: profile.model,
            tensor_parallel: 4,
            ..Default::default()
        };
        scheduler.worker_set(&worker, 0)?;
    }

    let workflow = Workflow { workflow: 7, ..Default::default() };
    check_results(&scheduler.workflow_begin(&[workflow])?)?;
    let first = Call {
        workflow: 7,
        call: 1,
        model: profile.model,
        prompt_tokens: 1000,
        ..Default::default()
    };
    let second = Call { call: 2, prompt_tokens: 1500, deps_count: 1, flags: CALL_LAST, ..first };
    check_results(&scheduler.submit(&[first, second], &[1], &[])?)?;
    let mut decisions = [Decision::default(); 64];
    for now_ns in (0..10_000_000_000).step_by(100_000_000) {
        scheduler.step(now_ns)?;
        for decision in scheduler.poll(&mut decisions)? {
            println!(
                "{:4.1} s  {:?}  call {}",
                now_ns as f64 * 1e-9,
                decision.kind(),
                decision.call
            );
            let phase = match decision.kind() {
                DecisionKind::Prefill => Phase::Prefill,
                DecisionKind::Transfer => Phase::Transfer,
                DecisionKind::Decode => Phase::Decode,
                _ => continue,
            };
            let (workflow, call) = (decision.workflow, decision.call);
            let done = Report {
                workflow,
                call,
                phase: phase.into(),
                outcome: Outcome::Done.into(),
                ..Default::default()
            };
            check_results(&scheduler.complete(&[done])?)?;
        }
    }
    Ok(())
}
