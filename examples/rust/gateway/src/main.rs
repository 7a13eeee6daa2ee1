//! A small prefill-decode gateway with libhexagent in charge; see README.md.

mod engine;
mod fallback;
mod fleet;
mod http;
mod legs;
mod planner;
mod run;
mod server;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

fn option(name: &str, standard: &str) -> String {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).unwrap_or_else(|| standard.to_owned())
}

/// A gateway as a configuration file describes it; its workers are looked for once.
fn open(config: &serde_json::Value) -> Result<Arc<server::Gateway>, Box<dyn Error>> {
    let workers = fleet::workers(config).ok_or("workers: url, role and gpu are needed")?;
    let metrics = Arc::new(planner::Metrics::default());
    for name in [
        "calls_received",
        "calls_completed",
        "calls_failed",
        "calls_stream_failed",
        "calls_cancelled",
        "retries",
        "fallback_calls",
        "workers_lost",
    ] {
        metrics.add(name, 0);
    }
    let planner = match config["fallback_only"] == true {
        true => None,
        false => Some(planner::Planner::open(config, &workers, Arc::clone(&metrics))?),
    };
    let gateway = Arc::new(server::Gateway {
        model: config["model"].as_str().ok_or("model is needed")?.to_owned(),
        retry_max: config["retry_max"].as_u64().unwrap_or(2),
        fleet: fleet::Fleet::new(workers, planner.clone(), Arc::clone(&metrics)),
        metrics,
        planner,
        tokens: AtomicU64::new(0),
    });
    gateway.fleet.check();
    Ok(gateway)
}

/// Serves, and looks for workers now and then, for as long as there is a gateway.
fn run(gateway: &Weak<server::Gateway>, period: Duration, listener: TcpListener) -> io::Result<()> {
    let watched = Weak::clone(gateway);
    std::thread::spawn(move || {
        while let Some(gateway) = watched.upgrade() {
            gateway.fleet.check();
            drop(gateway);
            std::thread::sleep(period);
        }
    });
    for stream in listener.incoming() {
        let (Some(gateway), stream) = (gateway.upgrade(), stream?) else { break };
        std::thread::spawn(move || server::serve(&gateway, stream));
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(option("-config", "gateway.json"))?)?;
    let gateway = open(&config)?;
    let period = Duration::from_millis(config["health_ms"].as_u64().unwrap_or(500).max(10));
    let listener = TcpListener::bind(option("-listen", "127.0.0.1:8080"))?;
    eprintln!("serving on {}", listener.local_addr()?); // scripts read the port from here
    Ok(run(&Arc::downgrade(&gateway), period, listener)?)
}
