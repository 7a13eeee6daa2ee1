//! Fake engines: just enough of vLLM's P/D protocol to be wrong in chosen ways. And the client's side.

use crate::http::{Body, Head};
use crate::server::Gateway;
use serde_json::{json, Value};
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the prefill leg hands to the decode leg, with something that nobody knows.
pub fn params() -> Value {
    json!({"do_remote_prefill": true, "remote_block_ids": [7], "unknown": {"a": 1}})
}

/// How an engine is wrong, and what it has seen.
#[derive(Default)]
pub struct Behaviour {
    pub fail: u32,                // so many answers from now on are `status`
    pub status: u16,              // 0: 500
    pub cut: bool,                // streams end after the first event
    pub hang: Option<Sender<()>>, // streams wait after the first event until their client goes, and tell
    pub bodies: Vec<Value>,
}

#[derive(Clone)]
pub struct Engine {
    pub authority: String,
    pub state: Arc<Mutex<Behaviour>>,
}

impl Engine {
    pub fn start() -> Engine {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let engine = Engine { authority, state: Arc::default() };
        let own = engine.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (own, stream) = (own.clone(), stream.unwrap());
                // A gateway that goes in the middle is what some tests are about.
                std::thread::spawn(move || drop(own.answer(stream)));
            }
        });
        engine
    }

    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.state.lock().unwrap());
    }

    pub fn seen(&self) -> Vec<Value> {
        self.state.lock().unwrap().bodies.clone()
    }

    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let Some(head) = Head::read(&mut reader, true)? else { return Ok(()) };
        if head.first.1 == "/health" {
            return send(&mut stream, 200, "");
        }
        let mut text = Vec::new();
        Body::new(&head, &mut reader, true).read_to_end(&mut text)?;
        let body: Value = serde_json::from_slice(&text)?;
        let (wrong, cut, hang) = {
            let mut state = self.state.lock().unwrap();
            state.bodies.push(body.clone());
            let wrong =
                (state.fail > 0).then_some(if state.status > 0 { state.status } else { 500 });
            state.fail = state.fail.saturating_sub(1);
            (wrong, state.cut, state.hang.clone())
        };
        if let Some(status) = wrong {
            return send(&mut stream, status, r#"{"error":"broken"}"#);
        }
        if body["kv_transfer_params"]["do_remote_decode"] == true {
            let usage = json!({"prompt_tokens": 9, "completion_tokens": 1});
            let answer = json!({"kv_transfer_params": params(), "usage": usage});
            return send(&mut stream, 200, &answer.to_string());
        }
        if body["stream"] != true {
            let usage = json!({"prompt_tokens": 9, "completion_tokens": 3});
            let answer = json!({"choices": [{"text": "all"}], "usage": usage});
            return send(&mut stream, 200, &answer.to_string());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")?;
        stream.write_all(b"data: {\"choices\":[{\"text\":\"one\"}]}\n\n")?;
        if let Some(gone) = hang {
            let left = reader.read(&mut [0]); // nothing until the gateway shuts it
            let _ = gone.send(());
            return left.map(drop);
        }
        if !cut {
            stream.write_all(b"data: {\"choices\":[{\"text\":\"two\"}]}\n\ndata: [DONE]\n\n")?;
        }
        Ok(())
    }
}

fn send(stream: &mut TcpStream, status: u16, body: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A gateway that serves before two prefill and two decode engines.
pub struct Served {
    pub gateway: Arc<Gateway>,
    pub authority: String,
    pub engines: Vec<Engine>,
}

pub fn gateway_of(more: Value) -> Served {
    let engines: Vec<Engine> = (0..4).map(|_| Engine::start()).collect();
    let gpus = ["A100-80G", "H100-80G"];
    let worker = |(i, engine): (usize, &Engine)| {
        json!({"url": format!("http://{}", engine.authority), "gpu": gpus[i % 2], "tensor_parallel": 4,
               "role": if i < 2 { "prefill" } else { "decode" }})
    };
    let workers: Vec<Value> = engines.iter().enumerate().map(worker).collect();
    let mut config = json!({"model": "m", "profile": "llama-3.1-70b", "workers": workers});
    for (key, value) in more.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    let gateway = crate::open(&config).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let own = Arc::downgrade(&gateway);
    std::thread::spawn(move || crate::run(&own, Duration::from_millis(20), listener));
    Served { gateway, authority, engines }
}

/// Ends the scheduler's thread, so that a run of many tests does not hold all their schedulers.
impl Drop for Served {
    fn drop(&mut self) {
        if let Some(planner) = &self.gateway.planner {
            let _ = planner.inputs.shutdown(); // some tests have done so themselves
        }
    }
}

impl Served {
    /// Opens a connection and sends a request.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n{lines}\r\n", body.len());
        stream.write_all((head + body).as_bytes()).unwrap();
        stream
    }

    /// Posts a completion; status and whole body.
    pub fn ask(&self, stream: bool, headers: &[(&str, &str)]) -> (u16, String) {
        let body = json!({"model": "m", "prompt": "hello", "max_tokens": 5, "min_tokens": 2,
                          "stream": stream});
        read_answer(self.post("/v1/completions", headers, &body.to_string()))
    }

    /// Requests that reached the engines of a role.
    pub fn seen(&self, prefill: bool) -> Vec<Value> {
        let engines = if prefill { &self.engines[..2] } else { &self.engines[2..] };
        engines.iter().flat_map(Engine::seen).collect()
    }

    pub fn count(&self, name: &str) -> u64 {
        let start = format!("gateway_{name}_total ");
        let text = self.gateway.metrics.text();
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.map_or(0, |count| count.parse().unwrap())
    }

    /// Every call ended once, and this way.
    pub fn balanced(&self, want: &[(&str, u64)]) {
        let endings = ["calls_completed", "calls_failed", "calls_stream_failed", "calls_cancelled"];
        let sum = || endings.iter().map(|name| self.count(name)).sum::<u64>();
        // A client has its last byte a moment before the call is counted.
        until(|| sum() == self.count("calls_received"));
        for ending in endings {
            let wanted =
                want.iter().find(|(name, _)| *name == ending).map_or(0, |(_, count)| *count);
            assert_eq!(self.count(ending), wanted, "{ending}");
        }
    }
}

/// Waits for a condition that another thread makes true.
pub fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "it never came true");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn read_answer(stream: TcpStream) -> (u16, String) {
    let mut reader = BufReader::new(stream);
    let head = Head::read(&mut reader, false).unwrap().expect("an answer");
    let mut text = String::new();
    Body::new(&head, reader, false).read_to_string(&mut text).unwrap();
    (head.first.0.parse().unwrap(), text)
}
