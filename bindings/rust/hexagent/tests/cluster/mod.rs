//! What the tests share: a prefill worker 1 and a decode worker 2 of one model, and a call of it.

use hexagent::*;

pub fn add_cluster(scheduler: &Scheduler) -> Profile {
    let profile = scheduler.profile_builtin("H100-80G", "llama-3.1-70b", 4).unwrap();
    scheduler.profile_set(&profile, 0).unwrap();
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
        scheduler.worker_set(&worker, 0).unwrap();
    }
    profile
}

pub fn call(profile: &Profile, workflow: u64, call: u64) -> Call {
    Call { workflow, call, model: profile.model, prompt_tokens: 1000, ..Default::default() }
}
