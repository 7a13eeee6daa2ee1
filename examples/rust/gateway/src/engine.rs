//! One leg of a call on one engine, in vLLM's prefill-decode protocol (NixlConnector). A leg runs on a
//! thread of its own and sends what happens; it ends when its socket is shut.

use crate::http;
use serde_json::{json, Value};
use std::io::{self, BufRead, BufReader, Read};

pub enum EngineError {
    /// An answer that is no success, with its body.
    Status(u16, Vec<u8>),
    Connection(io::Error),
}

impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> EngineError {
        EngineError::Connection(error)
    }
}

impl EngineError {
    /// The client's own mistake, which would come back from every worker.
    pub fn is_final(&self) -> bool {
        matches!(self, EngineError::Status(400..=499, _))
            && !matches!(self, EngineError::Status(408 | 429, _))
    }

    /// The worker's port is closed: no need to wait for a health check.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, EngineError::Connection(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    }
}

pub struct Prefilled {
    pub params: Value,
    pub tokens: u32,
    pub cached: Option<u32>,
}

fn cut() -> EngineError {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the engine's answer was cut").into()
}

/// A connection and where it leads.
pub struct Target<'a> {
    pub stream: std::net::TcpStream,
    pub authority: &'a str,
    pub path: &'a str,
}

fn post(target: Target, body: &Value) -> Result<impl Read, EngineError> {
    let head = format!("POST {}", target.path);
    let text = body.to_string();
    let (status, answer) = http::send(target.stream, target.authority, &head, text.as_bytes())?;
    if status != 200 {
        let mut text = Vec::new();
        answer.take(64 << 10).read_to_end(&mut text)?;
        return Err(EngineError::Status(status, text));
    }
    Ok(answer)
}

/// Asks for one token and for the KV to be kept. The engine must stop by length.
pub fn prefill(target: Target, request: &Value) -> Result<Prefilled, EngineError> {
    let mut body = request.clone();
    if let Some(fields) = body.as_object_mut() {
        for name in ["stream_options", "min_tokens", "min_completion_tokens", "priority"] {
            fields.remove(name);
        }
        if fields.contains_key("max_completion_tokens") {
            fields.insert("max_completion_tokens".into(), json!(1));
        }
        fields.insert("max_tokens".into(), json!(1));
        fields.insert("stream".into(), json!(false));
        fields.insert(
            "kv_transfer_params".into(),
            json!({"do_remote_decode": true, "do_remote_prefill": false, "remote_engine_id": null,
                   "remote_block_ids": null, "remote_host": null, "remote_port": null}),
        );
    }
    let mut text = Vec::new();
    post(target, &body)?.read_to_end(&mut text)?;
    let answer: Value = serde_json::from_slice(&text).map_err(|_| cut())?;
    let count = |value: &Value| value.as_u64().map(|count| count as u32);
    Ok(Prefilled {
        params: answer["kv_transfer_params"].clone(),
        tokens: count(&answer["usage"]["prompt_tokens"]).unwrap_or(0),
        cached: count(&answer["usage"]["prompt_tokens_details"]["cached_tokens"]),
    })
}

/// Relays the params untouched. `emit` gets the whole answer, or each event of a stream; the last piece
/// is marked, and tokens are counted by events where the engine does not say.
pub fn decode(
    target: Target,
    request: &Value,
    params: &Value,
    mut emit: impl FnMut(Vec<u8>, bool, u32) -> bool,
) -> Result<(), EngineError> {
    let mut body = request.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("priority");
        fields.remove("kv_transfer_params");
        if !params.is_null() {
            fields.insert("kv_transfer_params".into(), params.clone());
        }
    }
    let mut answer = post(target, &body)?;
    if request["stream"] != true {
        let mut text = Vec::new();
        answer.read_to_end(&mut text)?;
        let parsed: Value = serde_json::from_slice(&text).map_err(|_| cut())?;
        let tokens = parsed["usage"]["completion_tokens"].as_u64().unwrap_or(0) as u32;
        emit(text, true, tokens);
        return Ok(());
    }
    let mut lines = BufReader::new(answer);
    let (mut event, mut tokens) = (Vec::new(), 0);
    loop {
        let before = event.len();
        if lines.read_until(b'\n', &mut event)? == 0 {
            return Err(cut()); // a stream ends with [DONE]
        }
        if !event[before..].iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let last = event.starts_with(b"data: [DONE]");
        tokens += u32::from(!last && event.len() > 8);
        if event.len() > 2 && (!emit(std::mem::take(&mut event), last, tokens) || last) {
            return Ok(());
        }
        event.clear();
    }
}
