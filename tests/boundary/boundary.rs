//! What a call from Rust costs: the measurements of boundary.c through the binding. `boundary ROUNDS`
//! prints nanoseconds as JSON: medians over rounds of 4096 records. Run by tests/boundary/run.py.

use hexagent::*;
use std::time::Instant;

const RECORDS: usize = 4096;

/// Median over the rounds of nanoseconds per record; what `before` does is not counted.
fn measure(
    rounds: usize,
    mut before: impl FnMut() -> Result<()>,
    mut timed: impl FnMut() -> Result<()>,
) -> Result<f64> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        before()?;
        let begin = Instant::now();
        timed()?;
        times.push(begin.elapsed().as_nanos() as f64 / RECORDS as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[rounds / 2])
}

fn poll(scheduler: &Scheduler, decisions: &mut [Decision]) -> Result<()> {
    let mut left = RECORDS;
    while left > 0 {
        left -= scheduler.poll(decisions)?.len();
    }
    Ok(())
}

fn submit(scheduler: &Scheduler, calls: &[Call]) -> Result<()> {
    for _ in 0..RECORDS / calls.len() {
        check_results(&scheduler.submit(calls, &[], &[])?)?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100);
    let scheduler = Scheduler::open(&[("calls_max", "1024")])?;
    let model = scheduler.name("model")?;
    // Of a workflow that nobody has begun.
    let calls = vec![Call { workflow: 1, model, prompt_tokens: 1000, ..Default::default() }; 64];
    let mut decisions = vec![Decision::default(); RECORDS];
    let now_ns = std::cell::Cell::new(0);
    let step = || {
        now_ns.set(now_ns.get() + 1);
        scheduler.step(now_ns.get())
    };
    let fill = || {
        for i in 0..RECORDS {
            scheduler.ready(1, 1, i as u64)?;
        }
        step().map(drop)
    };
    let version = || {
        let count = (0..RECORDS).filter(|_| library_version() == (0, 0, 0)).count();
        assert_eq!(count, 0);
        Ok(())
    };
    measure(rounds / 10 + 1, || Ok(()), version)?; // warm up
    let call = measure(rounds, || Ok(()), version)?;
    let mut submitted = false;
    let mut drain = || {
        if std::mem::replace(&mut submitted, true) {
            step()?;
            poll(&scheduler, &mut decisions)?;
        }
        Ok(())
    };
    let submit_one = measure(rounds, &mut drain, || submit(&scheduler, &calls[..1]))?;
    let submit_batch = measure(rounds, &mut drain, || submit(&scheduler, &calls))?;
    drain()?;
    let poll_one = measure(rounds, fill, || poll(&scheduler, &mut decisions[..1]))?;
    let poll_batch = measure(rounds, fill, || poll(&scheduler, &mut decisions[..256]))?;
    println!(
        "{{\"call_ns\": {call}, \"submit_ns\": {submit_one}, \"submit_batch_ns\": {submit_batch}, \
         \"poll_ns\": {poll_one}, \"poll_batch_ns\": {poll_batch}}}"
    );
    Ok(())
}
