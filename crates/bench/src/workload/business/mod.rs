//! A business node: a program writes through its API, and hears by webhooks how far each message got. Relay and node
//! are processes of their own; a message counts when the relay has it, sealed, and has said so.

mod hook;
mod http;
mod node;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use self::hook::Hook;
use self::http::Connection;
use self::node::Node;
use crate::cli::Failed;
use crate::relay::{Relay, cpu_of, own_cpu};
use crate::report::{Latencies, Reporter, now, rounded};

/// How long the last status may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub struct Options {
    /// Customers who have written lately.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=200))]
    customers: u32,
    /// Messages.
    #[arg(long, default_value_t = 2_000)]
    messages: usize,
    /// Connections of the program to the API.
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

/// What it has cost.
#[derive(Serialize)]
struct Sent {
    workload: &'static str,
    mode: String,
    /// Taken by the API.
    msgs: usize,
    /// From the first request until the program was told of the last that it was sent.
    secs: f64,
    msgs_per_s: f64,
    /// From a request to its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ms: Option<f64>,
    /// Processor time for 1,000 messages.
    node_cpu_s_per_1k_msgs: f64,
    server_cpu_s_per_1k_msgs: f64,
    generator_cpu_s: f64,
    /// Webhooks, each signed and answered.
    deliveries: usize,
    deliveries_per_s: f64,
    /// Taken by the API, and never said to be sent.
    lost: usize,
}

/// Runs it.
pub async fn run(options: &Options, relay: &Relay, report: &mut Reporter) -> Result<(), Failed> {
    let hook = Hook::open().await?;
    let node = Node::open(relay)?;
    node.subscribe(&hook.url).await?;
    for customer in 0..options.customers {
        if customer % 8 == 0 {
            report.progress(&format!("{customer} of {} customers have written", options.customers));
        }
        node.customer(&format!("customer{customer}"))?;
    }
    let customers = hook.customers(options.customers as usize).await?;

    let before = hook.deliveries();
    let (node_cpu, relay_cpu, own) = (cpu_of(&node.pid())?, relay.cpu()?, own_cpu()?);
    let (start, latencies) = (now(), Rc::new(RefCell::new(Latencies::new())));
    let next = Rc::new(Cell::new(0));
    let mut senders = Vec::new();
    for _ in 0..options.connections.max(1) {
        let (next, latencies, customers) = (next.clone(), latencies.clone(), customers.clone());
        let mut connection = Connection::open(&node.address).await?;
        let (path, token, most) = (node.messages(), node.token.clone(), options.messages);
        senders.push(tokio::task::spawn_local(async move {
            while next.get() < most {
                let number = next.replace(next.get() + 1);
                let body = json!({
                    "messaging_product": "whatsapp",
                    "to": customers[number % customers.len()],
                    "type": "text",
                    "text": { "body": format!("Your order {number} is ready.") },
                });
                let begun = now();
                connection.post(&path, &token, &body).await.map_err(|error| error.to_string())?;
                latencies.borrow_mut().record(begun.elapsed().as_micros() as u64);
            }
            Ok::<_, String>(())
        }));
    }
    for sender in senders {
        sender.await??;
    }
    let end = now() + PATIENCE;
    while hook.sent() < options.messages && now() < end {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let secs = start.elapsed().as_secs_f64();
    let per_1k = |cpu: f64| rounded(cpu * 1000.0 / options.messages.max(1) as f64, 3);
    let deliveries = hook.deliveries() - before;
    let latencies = latencies.borrow();
    report.print(&Sent {
        workload: "business",
        mode: format!("{} customers, {} connections", options.customers, options.connections),
        msgs: options.messages,
        secs: rounded(secs, 3),
        msgs_per_s: rounded(options.messages as f64 / secs, 1),
        p50_ms: latencies.quantile_ms(0.5),
        p99_ms: latencies.quantile_ms(0.99),
        node_cpu_s_per_1k_msgs: per_1k(cpu_of(&node.pid())? - node_cpu),
        server_cpu_s_per_1k_msgs: per_1k(relay.cpu()? - relay_cpu),
        generator_cpu_s: rounded(own_cpu()? - own, 2),
        deliveries,
        deliveries_per_s: rounded(deliveries as f64 / secs, 1),
        lost: options.messages.saturating_sub(hook.sent()),
    });
    Ok(())
}
