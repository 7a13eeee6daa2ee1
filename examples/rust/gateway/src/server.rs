//! The OpenAI-compatible face: one thread a connection. Counts how each call ended, once.

use crate::engine::EngineError;
use crate::fallback;
use crate::fleet::Fleet;
use crate::http::{Body, Head};
use crate::planner::{Identity, Metrics, Planner};
use crate::run::{self, Failure, Request};
use serde_json::{json, Value};
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

const BODY_MAX: u64 = 16 << 20;

pub struct Gateway {
    pub model: String,
    pub retry_max: u64,
    pub metrics: Arc<Metrics>,
    pub planner: Option<Arc<Planner>>,
    pub fleet: Fleet,
    pub tokens: AtomicU64,
}

impl Gateway {
    /// A number no other call has.
    pub fn token(&self) -> u64 {
        self.tokens.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The client's side of one answer.
pub struct Client {
    stream: TcpStream,
    streaming: bool,
    pub started: bool,
}

impl Client {
    fn answer(&mut self, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
        self.started = true;
        let head = format!(
            "HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(&[head.as_bytes(), body].concat())
    }

    /// Passes a piece on; the first sends the head.
    pub fn write(&mut self, data: &[u8], last: bool) -> io::Result<()> {
        if !self.streaming {
            return self.answer(200, "application/json", data);
        }
        let mut text = Vec::new();
        if !self.started {
            text.extend_from_slice(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            self.started = true;
        }
        text.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        text.extend_from_slice(data);
        text.extend_from_slice(if last { b"\r\n0\r\n\r\n" } else { b"\r\n" });
        self.stream.write_all(&text)
    }

    /// A client that closed its end; one that sends its next request early has not.
    pub fn is_gone(&self) -> bool {
        let _ = self.stream.set_read_timeout(Some(Duration::from_millis(1)));
        let seen = self.stream.peek(&mut [0]);
        let _ = self.stream.set_read_timeout(None);
        match seen {
            Ok(count) => count == 0,
            Err(error) => {
                !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
            }
        }
    }

    /// A status before anything was sent, one error event in a stream.
    fn fail(&mut self, failure: Failure) -> io::Result<()> {
        let (code, text) = match failure {
            Failure::Engine(EngineError::Status(code, body)) if !self.started => {
                return self.answer(code, "application/json", &body);
            }
            Failure::Engine(EngineError::Status(code, _)) => {
                (502, format!("engine answered {code}"))
            }
            Failure::Engine(EngineError::Connection(error)) => (502, error.to_string()),
            Failure::Answer(code, text) => (code, text),
            _ => (502, "not served".into()),
        };
        let error = json!({"error": {"message": text, "type": "gateway_error", "code": code}});
        if self.started {
            return self.write(format!("data: {error}\n\n").as_bytes(), true);
        }
        self.answer(code, "application/json", error.to_string().as_bytes())
    }
}

/// Serves a connection until its end or the first mistake.
pub fn serve(gateway: &Gateway, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(head) = Head::read(&mut reader, true)? {
        let mut body = Vec::new();
        Body::new(&head, &mut reader, true).take(BODY_MAX).read_to_end(&mut body)?;
        let mut client = Client { stream: stream.try_clone()?, streaming: false, started: false };
        match head.first.1.as_str() {
            "/v1/chat/completions" | "/v1/completions" => {
                complete(gateway, &head, &body, &mut client)?
            }
            "/v1/models" => {
                let model = json!({"id": gateway.model, "object": "model", "owned_by": "gateway"});
                let list = json!({"object": "list", "data": [model]});
                client.answer(200, "application/json", list.to_string().as_bytes())?;
            }
            "/health" => {
                let status = if gateway.fleet.any_up() { 200 } else { 503 };
                client.answer(status, "text/plain", b"")?;
            }
            "/metrics" => {
                let library = match &gateway.planner {
                    Some(planner) => planner.library_metrics.lock().unwrap().clone(),
                    None => "# EOF\n".into(),
                };
                let text = gateway.metrics.text() + &library;
                client.answer(
                    200,
                    "application/openmetrics-text; version=1.0.0",
                    text.as_bytes(),
                )?;
            }
            _ => client.answer(404, "text/plain", b"")?,
        }
    }
    Ok(())
}

fn complete(gateway: &Gateway, head: &Head, body: &[u8], client: &mut Client) -> io::Result<()> {
    gateway.metrics.add("calls_received", 1);
    let end = parse(gateway, head, body).and_then(|request| {
        client.streaming = request.body["stream"] == true;
        dispatch(gateway, &Arc::new(request), client)
    });
    let ending = match &end {
        Ok(()) => "calls_completed",
        Err(Failure::ClientGone) => "calls_cancelled",
        Err(_) if client.started => "calls_stream_failed",
        Err(_) => "calls_failed",
    };
    gateway.metrics.add(ending, 1);
    match end {
        Ok(()) => Ok(()),
        Err(Failure::ClientGone) => Err(io::ErrorKind::BrokenPipe.into()),
        Err(failure) => client.fail(failure),
    }
}

fn dispatch(gateway: &Gateway, request: &Arc<Request>, client: &mut Client) -> Result<(), Failure> {
    if let Some(planner) = &gateway.planner {
        if !planner.failed.load(Ordering::Acquire) {
            match run::scheduled(gateway, planner, request, client) {
                Err(Failure::FallOpen) => {}
                end => return end,
            }
        }
    }
    gateway.metrics.add("fallback_calls", 1);
    fallback::fallback(gateway, request, client)
}

pub fn parse(gateway: &Gateway, head: &Head, body: &[u8]) -> Result<Request, Failure> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|_| Failure::Answer(400, "the body is no JSON".into()))?;
    if body["model"] != gateway.model.as_str() {
        return Err(Failure::Answer(404, "no such model".into()));
    }
    let count = |name: &str| body[name].as_u64().unwrap_or(0) as u32;
    let text = body["messages"].to_string().len() + body["prompt"].to_string().len();
    let stated = head.get("x-hexagent-prompt-tokens").parse().unwrap_or(0);
    Ok(Request {
        path: head.first.1.clone(),
        who: identify(head),
        prompt_tokens: if stated > 0 { stated } else { (text / 4) as u32 + 1 },
        max_tokens: count("max_completion_tokens").max(count("max_tokens")),
        body,
    })
}

/// Explicit headers, then the sessions of agents; the Go gateway's identity.go has the sources.
pub fn identify(head: &Head) -> Identity {
    let short = |name: &str| head.get(name).chars().take(100).collect::<String>();
    let is_true = |name: &str| matches!(head.get(name), "1" | "true" | "True");
    let mut who = Identity {
        call: short("x-hexagent-call"),
        stage: short("x-hexagent-stage"),
        last: is_true("x-hexagent-last"),
        ..Identity::default()
    };
    if !head.get("x-hexagent-workflow").is_empty() {
        who.workflow = format!("workflow:{}", short("x-hexagent-workflow"));
        let deps = head.get("x-hexagent-deps").split(',').map(str::trim);
        who.deps = deps.filter(|dep| !dep.is_empty()).map(str::to_owned).collect();
        return who;
    }
    let sessions = [
        "x-dynamo-parent-session-id",
        "x-dynamo-session-id",
        "x-claude-code-session-id",
        "x-session-affinity",
        "session-id",
        "x-llm-d-inference-fairness-id",
    ];
    match sessions.iter().find(|name| !head.get(name).is_empty()) {
        Some(name) => {
            who.workflow = format!("session:{}", short(name));
            // The final mark of a child session does not end its parent's workflow.
            let own = head.get("x-dynamo-parent-session-id").is_empty();
            who.last |= own && is_true("x-dynamo-session-final");
        }
        None => who.last = true,
    }
    who
}
