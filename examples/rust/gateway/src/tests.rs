//! The gateway before fake engines, and its readers of headers, bodies and requests.

use crate::fake::{gateway_of, params, read_answer, until};
use crate::http::{Body, Head};
use crate::planner::Identity;
use crate::run::Failure;
use crate::server::{identify, parse};
use serde_json::{json, Value};
use std::io::{BufReader, Read};
use std::sync::mpsc::channel;

fn head(headers: &[(&str, &str)]) -> Head {
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text = format!("POST /v1/completions HTTP/1.1\r\n{lines}\r\n");
    Head::read(&mut text.as_bytes(), true).unwrap().unwrap()
}

fn who(workflow: &str) -> Identity {
    Identity { workflow: workflow.into(), ..Identity::default() }
}

#[test]
fn headers_tell_the_workflow() {
    let alone = || Identity { last: true, ..Identity::default() };
    let explicit = Identity {
        workflow: "workflow:w".into(),
        call: "c".into(),
        deps: vec!["a".into(), "b".into()],
        stage: "plan".into(),
        last: true,
    };
    let long = "ö".repeat(150);
    let cases: &[(&str, &[(&str, &str)], Identity)] = &[
        ("none is a workflow of one call", &[], alone()),
        (
            "explicit",
            &[
                ("X-Hexagent-Workflow", "w"),
                ("x-hexagent-call", "c"),
                ("X-Hexagent-Deps", "a, b,"),
                ("X-Hexagent-Stage", "plan"),
                ("X-Hexagent-Last", "true"),
            ],
            explicit,
        ),
        ("explicit wins", &[("X-Hexagent-Workflow", "w"), ("Session-Id", "s")], who("workflow:w")),
        ("Claude Code", &[("X-Claude-Code-Session-Id", "s")], who("session:s")),
        (
            "a child session joins its parent",
            &[
                ("X-Dynamo-Session-Id", "child"),
                ("X-Dynamo-Parent-Session-Id", "s"),
                ("X-Dynamo-Session-Final", "true"),
            ],
            who("session:s"),
        ),
        (
            "a final session",
            &[("X-Dynamo-Session-Id", "s"), ("X-Dynamo-Session-Final", "1")],
            Identity { last: true, ..who("session:s") },
        ),
        ("dependencies mean nothing without a workflow", &[("X-Hexagent-Deps", "a")], alone()),
        (
            "a long name is cut between characters",
            &[("Session-Id", &long)],
            who(&format!("session:{}", "ö".repeat(100))),
        ),
    ];
    for (name, headers, want) in cases {
        assert_eq!(identify(&head(headers)), *want, "{name}");
    }
}

#[test]
fn a_request_tells_its_tokens() {
    let served = gateway_of(json!({"fallback_only": true}));
    let gateway = &served.gateway;
    let read = |headers: &[(&str, &str)], body: Value| match parse(
        gateway,
        &head(headers),
        body.to_string().as_bytes(),
    ) {
        Ok(request) => (request.prompt_tokens, request.max_tokens),
        Err(_) => panic!("refused"),
    };
    // By a quarter of the text, "null" for what is missing included, unless the client knows better.
    let body = json!({"model": "m", "prompt": "x".repeat(390), "max_tokens": 5});
    assert_eq!(read(&[], body.clone()), (100, 5));
    assert_eq!(read(&[("X-Hexagent-Prompt-Tokens", "77")], body.clone()), (77, 5));
    assert_eq!(read(&[("X-Hexagent-Prompt-Tokens", "many")], body), (100, 5));
    let both = json!({"model": "m", "messages": [], "max_tokens": 5, "max_completion_tokens": 7});
    assert_eq!(read(&[], both), (2, 7));
    assert!(matches!(parse(gateway, &head(&[]), b"{"), Err(Failure::Answer(400, _))));
    let other = br#"{"model":"other"}"#;
    assert!(matches!(parse(gateway, &head(&[]), other), Err(Failure::Answer(404, _))));
}

#[test]
fn what_cannot_be_served_is_answered_and_counted() {
    let served = gateway_of(json!({}));
    let post = |path, body| read_answer(served.post(path, &[], body)).0;
    assert_eq!(post("/v1/chat/completions", "no JSON"), 400);
    assert_eq!(post("/v1/completions", r#"{"model":"other"}"#), 404);
    assert_eq!(post("/nowhere", ""), 404);
    served.balanced(&[("calls_failed", 2)]);
    assert_eq!(served.seen(true).len(), 0);
}

#[test]
fn bodies_come_by_length_in_chunks_or_to_the_end() {
    let read = |text: &str| {
        let mut reader = BufReader::new(text.as_bytes());
        let head = Head::read(&mut reader, false).unwrap().unwrap();
        let mut body = String::new();
        Body::new(&head, reader, false).read_to_string(&mut body).map(|_| body)
    };
    let ok = "HTTP/1.1 200 OK\r\n";
    assert_eq!(read(&format!("{ok}Content-Length: 3\r\n\r\nabcd")).unwrap(), "abc");
    assert_eq!(read(&format!("{ok}\r\nabcd")).unwrap(), "abcd");
    let chunked =
        format!("{ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n");
    assert_eq!(read(&format!("{chunked}0\r\n\r\n")).unwrap(), "abc0123456789");
    assert!(read(&chunked).is_err(), "chunks without an end");
    assert!(read(&format!("{ok}Transfer-Encoding: chunked\r\n\r\nno size\r\n")).is_err());
    assert!(read(&format!("{ok}Content-Length: 9\r\n\r\nabc")).is_err(), "a body that was cut");
    assert!(Head::read(&mut "HTTP/1.1 200 OK\r\nContent".as_bytes(), false).is_err());
    assert!(Head::read(&mut "".as_bytes(), true).unwrap().is_none());
}

#[test]
fn both_legs_speak_the_protocol() {
    let served = gateway_of(json!({}));
    let (status, body) = served.ask(true, &[]);
    assert_eq!(status, 200);
    assert!(body.contains("one") && body.contains("two") && body.ends_with("[DONE]\n\n"), "{body}");
    let (prefills, decodes) = (served.seen(true), served.seen(false));
    assert_eq!((prefills.len(), decodes.len()), (1, 1));
    let (prefill, decode) = (&prefills[0], &decodes[0]);
    assert_eq!((&prefill["max_tokens"], &prefill["stream"]), (&json!(1), &json!(false)));
    assert!(prefill.get("min_tokens").is_none(), "{prefill}");
    assert_eq!((&decode["max_tokens"], &decode["stream"]), (&json!(5), &json!(true)));
    assert_eq!(decode["kv_transfer_params"], params());
    served.balanced(&[("calls_completed", 1)]);
}

#[test]
fn calls_of_a_workflow_wait_for_nothing_that_is_done() {
    let served = gateway_of(json!({}));
    let calls: &[&[(&str, &str)]] = &[
        &[("X-Hexagent-Call", "a")],
        &[("X-Hexagent-Call", "b"), ("X-Hexagent-Deps", "a,never-seen")],
        &[("X-Hexagent-Call", "c"), ("X-Hexagent-Deps", "a,b"), ("X-Hexagent-Last", "true")],
        &[("X-Hexagent-Call", "a")], // after the last call the name is free again
    ];
    for headers in calls {
        let headers = [*headers, &[("X-Hexagent-Workflow", "w")]].concat();
        assert_eq!(served.ask(false, &headers).0, 200, "{headers:?}");
    }
    served.balanced(&[("calls_completed", 4)]);
    assert_eq!(served.count("fallback_calls"), 0);
}

#[test]
fn a_call_not_yet_streaming_is_retried_unseen() {
    for (stream, stage, only) in [
        (false, 0, false),
        (true, 0, false),
        (false, 2, false),
        (true, 2, false),
        (true, 0, true),
        (true, 2, true),
    ] {
        let served = gateway_of(json!({ "fallback_only": only }));
        served.engines[stage].set(|engine| engine.fail = 1);
        served.engines[stage + 1].set(|engine| engine.fail = 1);
        let (status, body) = served.ask(stream, &[]);
        assert_eq!(status, 200, "{body}");
        assert!(!body.contains("error"), "{body}");
        served.balanced(&[("calls_completed", 1)]);
        assert!(served.count("retries") > 0);
    }
}

#[test]
fn retries_are_bounded() {
    for only in [false, true] {
        let served = gateway_of(json!({ "fallback_only": only }));
        served.engines[2..].iter().for_each(|engine| engine.set(|engine| engine.fail = 1000));
        let (status, body) = served.ask(false, &[]);
        // Round robin passes the engine's own answer on.
        assert_eq!(status, if only { 500 } else { 502 }, "{body}");
        served.balanced(&[("calls_failed", 1)]);
        assert_eq!(served.seen(false).len(), 3, "the decode leg was sent otherwise");
    }
}

#[test]
fn the_clients_own_mistake_is_not_retried() {
    for only in [false, true] {
        let served = gateway_of(json!({ "fallback_only": only }));
        let wrong =
            |engine: &mut crate::fake::Behaviour| (engine.fail, engine.status) = (1000, 422);
        served.engines[..2].iter().for_each(|engine| engine.set(wrong));
        assert_eq!(served.ask(true, &[]), (422, r#"{"error":"broken"}"#.to_owned()));
        served.balanced(&[("calls_failed", 1)]);
        assert_eq!((served.seen(true).len(), served.count("retries")), (1, 0));
    }
}

#[test]
fn a_stream_that_breaks_ends_with_an_error_event() {
    for only in [false, true] {
        let served = gateway_of(json!({ "fallback_only": only }));
        served.engines[2..].iter().for_each(|engine| engine.set(|engine| engine.cut = true));
        let (status, body) = served.ask(true, &[]);
        assert_eq!((status, body.matches("\"error\"").count()), (200, 1), "{body}");
        assert!(body.contains("one") && !body.contains("[DONE]"), "{body}");
        served.balanced(&[("calls_stream_failed", 1)]);
        assert_eq!(served.seen(false).len(), 1, "a stream was sent twice");
    }
}

#[test]
fn a_client_that_goes_ends_its_engine_connection() {
    let served = gateway_of(json!({}));
    let (gone, noticed) = channel();
    for engine in &served.engines[2..] {
        engine.set(|engine| engine.hang = Some(gone.clone()));
    }
    let body = r#"{"model":"m","prompt":"hello","stream":true}"#;
    let stream = served.post("/v1/completions", &[], body);
    assert!(Head::read(&mut BufReader::new(stream.try_clone().unwrap()), false).unwrap().is_some());
    drop(stream);
    noticed.recv().unwrap();
    served.balanced(&[("calls_cancelled", 1)]);
    assert_eq!(served.seen(false).len(), 1);
}

#[test]
fn the_gateway_falls_open_when_the_scheduler_decides_no_more() {
    let served = gateway_of(json!({}));
    served.gateway.planner.as_ref().unwrap().inputs.shutdown().unwrap();
    served.engines[2].set(|engine| engine.fail = 1); // it retries there too
    for _ in 0..4 {
        assert_eq!(served.ask(false, &[]).0, 200);
    }
    served.balanced(&[("calls_completed", 4)]);
    assert_eq!((served.count("fallback_calls"), served.count("retries")), (4, 1));
    assert!(served.engines[..2].iter().all(|engine| !engine.seen().is_empty()), "no round robin");
}

#[test]
fn a_lost_worker_comes_back_as_a_new_incarnation() {
    let served = gateway_of(json!({}));
    let fleet = &served.gateway.fleet;
    let before = fleet.up(4).unwrap();
    fleet.lost(4, before);
    until(|| fleet.up(4) == Some(before + 1)); // until the health check finds it
    fleet.lost(4, before); // late news of the old one
    assert_eq!(fleet.up(4), Some(before + 1));
    assert_eq!(served.count("workers_lost"), 1);
}

#[test]
fn metrics_hold_both_texts() {
    let served = gateway_of(json!({}));
    let text = || read_answer(served.post("/metrics", &[], "")).1;
    until(|| text().contains("hexagent_workers 4")); // as of the scheduler's last idle moment
    let text = text();
    assert_eq!(text.matches("# EOF").count(), 1);
    assert!(text.contains("gateway_calls_received_total 0"), "{text}");
}

#[test]
fn many_clients_at_once_each_get_one_answer() {
    let served = gateway_of(json!({}));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for i in 0..10 {
                    let (status, body) = served.ask(i % 2 == 0, &[("Session-Id", "shared")]);
                    assert_eq!(status, 200, "{body}");
                }
            });
        }
    });
    served.balanced(&[("calls_completed", 80)]);
    assert_eq!((served.seen(true).len(), served.seen(false).len()), (80, 80));
}
