//! Two endpoints in one process move KV under a scheduler with a thread of its own.

use hexagent::*;
use hexagent_sys as sys;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const SECRET: &str = "a secret of the tests alone";
const LAYERS: usize = 2;
const BLOCKS: usize = 16;
const BLOCK_BYTES: usize = 16 * 64;

/// Plays an engine: answers with blocks and keeps what it is told.
struct Engine {
    endpoint: Endpoint,
    memory: KvMemory,
    pool: u64,
    blocks: Vec<i32>,
    flags: u32,
    /// That it has answered.
    answered: Option<u64>,
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
        let memory = KvMemory::new(&pool()).unwrap();
        memory.write_at(0, &pattern(worker)).unwrap();
        let pool = endpoint.pool_add(&memory).unwrap();
        Engine {
            endpoint,
            memory,
            pool,
            blocks: blocks.to_vec(),
            flags: TRANSFER_CHECKSUM,
            answered: None,
            connected: false,
            ended: vec![],
            quiesced: 0,
        }
    }

    fn turn(&mut self) {
        let mut buffer = [EndpointEvent::default(); 8];
        let blocks = KvBlocks { pool: self.pool, ..Default::default() };
        for event in self.endpoint.poll(&mut buffer).unwrap() {
            let answers = self.endpoint.answers();
            match event.kind() {
                EndpointEventKind::Connected => self.connected = true,
                EndpointEventKind::Reserve => {
                    answers.reserve(event.transfer, &blocks, &self.blocks).unwrap();
                    self.answered = Some(event.transfer);
                }
                EndpointEventKind::Send => {
                    answers.send(event.transfer, &blocks, &self.blocks, self.flags).unwrap();
                    self.answered = Some(event.transfer);
                }
                EndpointEventKind::Done | EndpointEventKind::Failed => self.ended.push(*event),
                EndpointEventKind::Quiesced => self.quiesced += 1,
                _ => {}
            }
        }
    }

    fn read(&self, layer: usize, block: i32) -> Result<Vec<u8>> {
        let mut bytes = vec![0; BLOCK_BYTES];
        let offset = self.memory.block_offset(layer as u32, 0, block as u32)?;
        self.memory.read_at(offset, &mut bytes).map(|()| bytes)
    }

    fn write(&self, layer: usize, block: i32, value: u8) -> Result<()> {
        let offset = self.memory.block_offset(layer as u32, 0, block as u32)?;
        self.memory.write_at(offset, &[value; BLOCK_BYTES])
    }

    fn block(&self, layer: usize, block: i32) -> Vec<u8> {
        self.read(layer, block).unwrap()
    }
}

fn pattern(worker: u32) -> Vec<u8> {
    (0..LAYERS * BLOCKS * BLOCK_BYTES).map(|at| (at / 64 * 7) as u8 ^ worker as u8).collect()
}

/// That it is refused since a transfer may touch the block.
fn assert_in_use<T: std::fmt::Debug>(answer: Result<T>) {
    let error = answer.unwrap_err();
    assert_eq!(error.status, Status::State);
    assert!(error.text.starts_with("offset: block "), "{error}");
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
fn blocks_in_use_are_neither_read_nor_written() {
    let address = address();
    let scheduler = open_scheduler(&address);
    let mut engines =
        [Engine::open(&address, 1, &[3, 4, 5]), Engine::open(&address, 2, &[9, 2, 7])];
    begin(&scheduler, &mut engines);
    // The target is asked first, and the source answers only when it is turned.
    until(&scheduler, &mut engines, |engines| engines[1].answered.is_some());
    let target = &engines[1];
    assert_in_use(target.read(0, 9));
    assert_in_use(target.write(1, 7, 0));
    target.write(1, 8, 0).unwrap();
    let whole = target.memory.read_at(0, &mut vec![0; target.memory.size()]);
    assert_in_use(whole);
    assert_in_use(target.memory.read_at(9 * BLOCK_BYTES - 1, &mut [0; 2]));
    target.memory.read_at(9 * BLOCK_BYTES - 1, &mut [0; 1]).unwrap();
    assert_eq!(target.endpoint.pool_remove(target.pool).unwrap_err().status, Status::State);
    assert_in_use(target.read(0, 9)); // a second answer is dropped, and takes nothing
    let transfer = target.answered.unwrap();
    let blocks = KvBlocks { pool: target.pool, ..Default::default() };
    target.endpoint.reserve(transfer, &blocks, &[1]).unwrap();
    target.read(0, 1).unwrap();

    until(&scheduler, &mut engines, |engines| engines[0].answered.is_some());
    let source = &engines[0];
    if source.quiesced == 0 {
        source.read(0, 3).unwrap();
        assert_in_use(source.write(1, 3, 0));
    }
    until(&scheduler, &mut engines, |engines| engines.iter().all(|one| one.quiesced == 1));
    for engine in &engines {
        engine.write(0, engine.blocks[0], 1).unwrap();
        engine.endpoint.pool_remove(engine.pool).unwrap();
    }
}

#[test]
fn layers_are_the_engines_until_it_announces_them() {
    let address = address();
    let scheduler = open_scheduler(&address);
    let mut engines =
        [Engine::open(&address, 1, &[3, 4, 5]), Engine::open(&address, 2, &[9, 2, 7])];
    engines[0].flags |= TRANSFER_LAYERWISE;
    begin(&scheduler, &mut engines);
    until(&scheduler, &mut engines, |engines| engines[0].answered.is_some());
    let source = &engines[0];
    let transfer = source.answered.unwrap();
    for layer in 0..LAYERS {
        source.write(layer, 3, 100 + layer as u8).unwrap();
        source.endpoint.layers_ready(transfer, layer as u32 + 1).unwrap();
        assert_in_use(source.write(0, 3, 0));
        assert_in_use(source.write(layer, 5, 0));
        source.read(layer, 3).unwrap();
    }
    until(&scheduler, &mut engines, |engines| engines.iter().all(|one| one.quiesced == 1));
    for layer in 0..LAYERS {
        assert_eq!(engines[1].block(layer, 9), vec![100 + layer as u8; BLOCK_BYTES]);
        engines[0].write(layer, 3, 0).unwrap();
    }
}

/// Takes an event without the crate's knowledge, as nobody should: the id of a transfer that the library
/// asks about and `poll` has not handed out.
fn poll_raw(endpoint: &Endpoint) -> Option<sys::hexagent_endpoint_event> {
    let mut event = sys::hexagent_endpoint_event::default();
    // SAFETY: one record; nobody polls meanwhile.
    let count = unsafe { sys::hexagent_endpoint_poll(endpoint.as_raw(), &mut event, 1) };
    (count == 1).then_some(event)
}

#[test]
fn answers_to_what_poll_has_not_asked_take_no_blocks() {
    let address = address();
    let scheduler = open_scheduler(&address);
    let mut engines = [Engine::open(&address, 1, &[1]), Engine::open(&address, 2, &[1])];
    begin(&scheduler, &mut engines);
    let given_up = Instant::now() + Duration::from_secs(60);
    let asked = loop {
        turn(&scheduler);
        engines[0].turn();
        match poll_raw(&engines[1].endpoint) {
            Some(event) if event.kind == EndpointEventKind::Reserve.into() => break event.transfer,
            _ => assert!(Instant::now() < given_up, "it did not come"),
        }
        engines[1].endpoint.wait(Some(Duration::from_millis(2))).unwrap();
    };
    let engine = &engines[1];
    let blocks = KvBlocks { pool: engine.pool, ..Default::default() };
    for transfer in [asked, asked + 1] {
        engine.endpoint.reserve(transfer, &blocks, &[1]).unwrap();
        engine.endpoint.send(transfer, &blocks, &[1], TRANSFER_LAYERWISE).unwrap();
        engine.endpoint.layers_ready(transfer, 1).unwrap();
        engine.write(0, 1, 5).unwrap();
    }
    engine.endpoint.pool_remove(engine.pool).unwrap(); // the library has taken none either
}

#[test]
fn memory_that_is_not_the_crates_is_registered_by_hexagent_sys() {
    let address = address();
    let scheduler = open_scheduler(&address);
    let (from, to) = ([3, 4, 5], [9, 2, 7]);
    let mut engines = [Engine::open(&address, 1, &from), Engine::open(&address, 2, &to)];
    let raw = engines[0].endpoint.as_raw();
    let mut memory = pattern(7);
    let base = memory.as_mut_ptr() as u64;
    let bases = [base, base + (BLOCKS * BLOCK_BYTES) as u64];
    let record = KvPool { region_bases: bases.as_ptr(), ..pool() };
    let mut id = 0;
    // SAFETY: the memory is as large as the record says, outlives the endpoint, and is only read.
    let status = unsafe { sys::hexagent_endpoint_pool_add(raw, &record, &mut id) };
    assert_eq!(status, sys::HEXAGENT_OK);
    engines[0].pool = id;
    engines[0].flags |= TRANSFER_LAYERWISE;
    begin(&scheduler, &mut engines);
    until(&scheduler, &mut engines, |engines| engines[0].answered.is_some());
    let (transfer, layers) = (engines[0].answered.unwrap(), LAYERS as u32);
    // SAFETY: no event.
    let status =
        unsafe { sys::hexagent_endpoint_layers_ready(raw, transfer, layers, std::ptr::null_mut()) };
    assert_eq!(status, sys::HEXAGENT_OK);
    until(&scheduler, &mut engines, |engines| engines.iter().all(|one| one.quiesced == 1));
    for layer in 0..LAYERS {
        for (&from, &to) in from.iter().zip(&to) {
            let begin = (layer * BLOCKS + from as usize) * BLOCK_BYTES;
            assert_eq!(memory[begin..begin + BLOCK_BYTES], engines[1].block(layer, to));
        }
    }
    engines[0].endpoint.pool_remove(id).unwrap();
    drop(engines); // before the memory
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
