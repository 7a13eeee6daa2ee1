//! Two endpoints in one process move KV under a scheduler with a thread of its own.

use hexagent::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const SECRET: &str = "a secret of the tests alone";
const LAYERS: usize = 2;
const BLOCKS: usize = 16;
const BLOCK_BYTES: usize = 16 * 64;

/// Plays an engine: answers with blocks and keeps what it is told. The endpoint is the first field, so it
/// is closed before its memory goes.
struct Engine {
    endpoint: Endpoint,
    memory: Vec<u8>,
    pool: u64,
    blocks: Vec<i32>,
    connected: bool,
    ended: Vec<EndpointEvent>,
    quiesced: u32,
}

fn address() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("hexagent-rust-{}-{number}", std::process::id());
    format!("unix:{}", std::env::temp_dir().join(name).display())
}

fn pool() -> KvPool {
    KvPool {
        layout: KvLayout::Flat.into(),
        layer_count: LAYERS as u32,
        regions_per_layer: 1,
        block_tokens: 16,
        token_bytes: 64,
        block_count: BLOCKS as u32,
        block_stride_bytes: BLOCK_BYTES as u64,
        ..Default::default()
    }
}

fn config<'a>(worker: u32, controller: &'a str) -> EndpointConfig<'a> {
    EndpointConfig {
        controller,
        secret: SECRET,
        options: "silence_ms=60000", // this machine may be busy
        limits: EndpointLimits { worker, ..Default::default() },
        ..Default::default()
    }
}

impl Engine {
    fn open(address: &str, worker: u32, blocks: &[i32]) -> Engine {
        let endpoint = Endpoint::open(&config(worker, address)).unwrap();
        let mut memory: Vec<u8> = (0..LAYERS * BLOCKS * BLOCK_BYTES)
            .map(|at| (at / 64 * 7) as u8 ^ worker as u8)
            .collect();
        let base = memory.as_mut_ptr() as u64;
        let bases: Vec<u64> =
            (0..LAYERS).map(|layer| base + (layer * BLOCKS * BLOCK_BYTES) as u64).collect();
        // SAFETY: the memory is as large as the record says and outlives the endpoint; it is looked at
        // when all has quiesced.
        let pool = unsafe { endpoint.pool_add(&pool(), &bases) }.unwrap();
        let blocks = blocks.to_vec();
        Engine { endpoint, memory, pool, blocks, connected: false, ended: vec![], quiesced: 0 }
    }

    fn turn(&mut self) {
        let mut buffer = [EndpointEvent::default(); 8];
        let blocks = KvBlocks { pool: self.pool, ..Default::default() };
        for event in self.endpoint.poll(&mut buffer).unwrap() {
            let answers = self.endpoint.answers();
            match event.kind() {
                EndpointEventKind::Connected => self.connected = true,
                EndpointEventKind::Reserve => {
                    answers.reserve(event.transfer, &blocks, &self.blocks).unwrap()
                }
                EndpointEventKind::Send => {
                    answers.send(event.transfer, &blocks, &self.blocks, TRANSFER_CHECKSUM).unwrap()
                }
                EndpointEventKind::Done | EndpointEventKind::Failed => self.ended.push(*event),
                EndpointEventKind::Quiesced => self.quiesced += 1,
                _ => {}
            }
        }
    }

    fn block(&self, layer: usize, block: i32) -> &[u8] {
        let begin = (layer * BLOCKS + block as usize) * BLOCK_BYTES;
        &self.memory[begin..begin + BLOCK_BYTES]
    }
}

fn open_scheduler(address: &str) -> Scheduler {
    Scheduler::open(&[
        ("driving", "thread"),
        ("transfer_address", address),
        ("transfer_secret", SECRET),
    ])
    .unwrap()
}

/// Answers for prefill and decode; transfers are the endpoints'.
fn turn(scheduler: &Scheduler) {
    let mut buffer = [Decision::default(); 16];
    for decision in scheduler.poll(&mut buffer).unwrap() {
        let phase = match decision.kind() {
            DecisionKind::Prefill => Phase::Prefill,
            DecisionKind::Decode => Phase::Decode,
            _ => continue,
        };
        let (workflow, call) = (decision.workflow, decision.call);
        let mut report = Report { workflow, call, phase: phase.into(), ..Default::default() };
        report.outcome = Outcome::Done.into();
        check_results(&scheduler.complete(&[report]).unwrap()).unwrap();
    }
}

/// Turns all of them until something is so; panics after a minute.
fn until(scheduler: &Scheduler, engines: &mut [Engine; 2], is_so: impl Fn(&[Engine; 2]) -> bool) {
    let given_up = Instant::now() + Duration::from_secs(60);
    while !is_so(engines) {
        assert!(Instant::now() < given_up, "it did not come");
        engines.iter_mut().for_each(Engine::turn);
        turn(scheduler);
        engines[0].endpoint.wait(Some(Duration::from_millis(2))).unwrap();
    }
}

fn begin(scheduler: &Scheduler, engines: &mut [Engine; 2]) {
    let profile = scheduler.profile_builtin("H100-80G", "llama-3.1-70b", 4).unwrap();
    scheduler.profile_set(&profile, 0).unwrap();
    until(scheduler, engines, |engines| engines.iter().all(|engine| engine.connected));
    for role in [ROLE_PREFILL, ROLE_DECODE] {
        let (gpu, model) = (profile.gpu, profile.model);
        let mut worker =
            Worker { worker: role, incarnation: 1, role, gpu, model, ..Default::default() };
        worker.tensor_parallel = 4;
        worker.flags = WORKER_ENDPOINT;
        scheduler.worker_set(&worker, 0).unwrap();
    }
    let workflow = Workflow { workflow: 5, ..Default::default() };
    check_results(&scheduler.workflow_begin(&[workflow]).unwrap()).unwrap();
    let mut call = Call { workflow: 5, call: 1, model: profile.model, ..Default::default() };
    call.prompt_tokens = 48;
    check_results(&scheduler.submit(&[call], &[], &[]).unwrap()).unwrap();
}

#[test]
fn kv_moves_between_two_endpoints() {
    let address = address();
    let scheduler = open_scheduler(&address);
    let (from, to) = ([3, 4, 5], [9, 2, 7]);
    let mut engines = [Engine::open(&address, 1, &from), Engine::open(&address, 2, &to)];
    begin(&scheduler, &mut engines);
    until(&scheduler, &mut engines, |engines| engines.iter().all(|one| one.quiesced == 1));
    for (engine, side) in engines.iter().zip([TransferSide::Source, TransferSide::Target]) {
        let end = engine.ended[0];
        assert_eq!((end.kind(), end.status()), (EndpointEventKind::Done, Status::Ok));
        assert_eq!((end.side(), end.workflow, end.call), (side, 5, 1));
    }
    let [source, target] = &engines;
    for layer in 0..LAYERS {
        for (&from, &to) in from.iter().zip(&to) {
            assert_eq!(source.block(layer, from), target.block(layer, to));
        }
        assert_ne!(source.block(layer, 1), target.block(layer, 1), "another block was written");
    }
    assert_eq!(source.endpoint.transport(), "host-memory");
    let link = source.endpoint.link(2).unwrap();
    assert_eq!((link.transfers, link.bytes), (1, (3 * LAYERS * BLOCK_BYTES) as u64));
    target.endpoint.pool_remove(target.pool).unwrap();
    assert_eq!(target.endpoint.pool_remove(target.pool).unwrap_err().status, Status::Stale);
}

#[test]
fn an_unknown_pool_fails_the_transfer() {
    let address = address();
    let scheduler = open_scheduler(&address);
    let mut engines = [Engine::open(&address, 1, &[1]), Engine::open(&address, 2, &[1])];
    engines[1].pool += 100;
    begin(&scheduler, &mut engines);
    until(&scheduler, &mut engines, |engines| engines[1].quiesced > 0);
    let end = engines[1].ended[0];
    assert_eq!((end.kind(), end.status()), (EndpointEventKind::Failed, Status::Stale));
}

#[test]
fn a_wrong_secret_is_told_by_disconnected() {
    let address = address();
    let _scheduler = open_scheduler(&address);
    let wrong = EndpointConfig { secret: "another secret of this test", ..config(1, &address) };
    let mut endpoint = Endpoint::open(&wrong).unwrap();
    let mut buffer = [EndpointEvent::default(); 8];
    assert!(endpoint.wait(Some(Duration::from_secs(60))).unwrap(), "nothing came");
    let event = endpoint.poll(&mut buffer).unwrap()[0];
    assert_eq!((event.kind(), event.status()), (EndpointEventKind::Disconnected, Status::Secret));
}

#[test]
fn bad_input_is_refused() {
    let status = |config: &EndpointConfig<'_>| Endpoint::open(config).unwrap_err().status;
    let nobody = "unix:/tmp/nobody";
    let error = Endpoint::open(&EndpointConfig::default()).unwrap_err();
    assert_eq!(error.status, Status::Argument);
    assert!(error.text.contains("worker"), "{error}");
    let good = config(1, nobody);
    assert_eq!(status(&EndpointConfig { secret: "short", ..good.clone() }), Status::Argument);
    assert_eq!(
        status(&EndpointConfig { secret: "cut\0short by C", ..good.clone() }),
        Status::Argument
    );
    assert_eq!(status(&EndpointConfig { transport: "pigeons", ..good.clone() }), Status::Key);
    let limits = EndpointLimits { worker: 1, transfers_max: 100_000, ..Default::default() };
    assert_eq!(status(&EndpointConfig { limits, ..good.clone() }), Status::Range);

    let endpoint = Endpoint::open(&good).unwrap();
    // SAFETY: refused, so nothing is registered.
    let one_base = unsafe { endpoint.pool_add(&pool(), &[64]) };
    assert_eq!(one_base.unwrap_err().status, Status::Argument);
    let blocks = KvBlocks::default();
    assert_eq!(endpoint.reserve(1, &blocks, &[]).unwrap_err().status, Status::Argument);
    assert_eq!(endpoint.send(1, &blocks, &[1], 1 << 9).unwrap_err().status, Status::Reserved);
    assert_eq!(endpoint.refuse(1, Status::Ok).unwrap_err().status, Status::Argument);
    endpoint.layers_ready(1, 2).unwrap(); // of what has ended: dropped
    assert!(endpoint.link(9).is_err());
    let answers = endpoint.answers();
    drop(endpoint);
    // Still open for who answers from another thread.
    std::thread::spawn(move || answers.refuse(1, Status::Full).unwrap()).join().unwrap();
}
