//! A program that hears webhooks, and counts them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;

use super::http::{Came, Connection};
use crate::cli::Failed;
use crate::report::now;

/// How long the customers' first words may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What it has heard.
#[derive(Default)]
struct Heard {
    customers: BTreeSet<String>,
    sent: BTreeSet<String>,
    deliveries: usize,
}

/// The program.
pub struct Hook {
    /// Where it hears.
    pub url: String,
    heard: Rc<RefCell<Heard>>,
}

impl Hook {
    /// Opens it on this machine.
    pub async fn open() -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let heard: Rc<RefCell<Heard>> = Rc::default();
        let all = heard.clone();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let heard = all.clone();
                // Who breaks off is heard no further, and tries again.
                tokio::task::spawn_local(async move { drop(hear(Connection::of(stream), &heard).await) });
            }
        });
        Ok(Self { url, heard })
    }

    /// The customers who have written, once there are so many.
    pub async fn customers(&self, count: usize) -> Result<Rc<Vec<String>>, Failed> {
        let end = now() + PATIENCE;
        while self.heard.borrow().customers.len() < count {
            if now() > end {
                return Err("the node does not tell of its customers' words".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Rc::new(self.heard.borrow().customers.iter().cloned().collect()))
    }

    /// How many messages were said to be sent.
    pub fn sent(&self) -> usize {
        self.heard.borrow().sent.len()
    }

    /// How many webhooks came.
    pub fn deliveries(&self) -> usize {
        self.heard.borrow().deliveries
    }
}

async fn hear(mut connection: Connection, heard: &RefCell<Heard>) -> Result<(), Failed> {
    while let Some(Came { line, body }) = connection.next().await? {
        if let Some((_, rest)) = line.split_once("hub.challenge=") {
            let challenge = rest.split(['&', ' ']).next().unwrap_or_default().to_owned();
            connection.answer(&challenge).await?;
            continue;
        }
        let event: Value = serde_json::from_slice(&body)?;
        let value = &event["entry"][0]["changes"][0]["value"];
        {
            let mut heard = heard.borrow_mut();
            heard.deliveries += 1;
            heard.customers.extend(value["messages"][0]["from"].as_str().map(str::to_owned));
            if value["statuses"][0]["status"] == "sent" {
                heard.sent.extend(value["statuses"][0]["id"].as_str().map(str::to_owned));
            }
        }
        connection.answer("").await?;
    }
    Ok(())
}
