//! Flows: forms that customers fill in, as the Cloud API's Flow JSON describes them.
//!
//! | status | may be sent | from there to |
//! |---|---|---|
//! | `DRAFT` | as a draft, when it has no errors | published; deleted |
//! | `PUBLISHED` | yes | deprecated |
//! | `DEPRECATED` | no | |
//!
//! A flow is read when it is stored, so that its errors are known, and again when it is sent: what the send gives is put
//! in then, and what goes out is a form that asks nothing of this node any more. What of Flow JSON is no form of this
//! kind (an endpoint, branches, pictures) is an error of the flow, and nothing is left out of it unsaid.

mod answers;
mod component;
mod expression;
#[cfg(test)]
mod hostile;
mod input;
mod line;
mod problem;
mod read;
mod screen;
mod spot;
#[cfg(test)]
mod tests;

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use serde::{Deserialize, Serialize};

pub use self::answers::response;
pub use self::problem::Problem;
pub use self::read::{Compiled, check, compile};
use crate::node::{Object, claim, object_key};
use crate::store::{Store, StoreError, bytes_of, record, table};

/// Most flows of an account.
pub const FLOWS_MAX: usize = 250;
/// Most bytes of a flow's JSON.
pub const JSON_MAX: usize = 1024 * 1024;

/// What a flow is for, in the API's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the API's")]
pub enum Purpose {
    SignUp,
    SignIn,
    AppointmentBooking,
    LeadGeneration,
    ContactUs,
    CustomerSupport,
    Survey,
    Other,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::SignUp,
        Self::SignIn,
        Self::AppointmentBooking,
        Self::LeadGeneration,
        Self::ContactUs,
        Self::CustomerSupport,
        Self::Survey,
        Self::Other,
    ];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "SIGN_UP",
            Self::SignIn => "SIGN_IN",
            Self::AppointmentBooking => "APPOINTMENT_BOOKING",
            Self::LeadGeneration => "LEAD_GENERATION",
            Self::ContactUs => "CONTACT_US",
            Self::CustomerSupport => "CUSTOMER_SUPPORT",
            Self::Survey => "SURVEY",
            Self::Other => "OTHER",
        }
    }

    /// The purpose of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Where a flow stands: see the table of the module. The API's `BLOCKED` and `THROTTLED` are about endpoints, of which
/// there are none here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It can be changed.
    Draft,
    /// It can be sent.
    Published,
    /// It was published, and is not sent any more.
    Deprecated,
}

impl Status {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Published => "PUBLISHED",
            Self::Deprecated => "DEPRECATED",
        }
    }
}

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Its id.
    pub id: u64,
    /// Its name, which no other has. Customers do not see it.
    pub name: String,
    /// What it is for; at least one.
    pub purposes: Vec<Purpose>,
    /// Where it stands.
    pub status: Status,
    /// Its JSON as it was given; empty before there is any.
    pub json: String,
    /// The version that its JSON says.
    pub version: Option<String>,
    /// What is wrong with its JSON.
    pub problems: Vec<Problem>,
    /// When it was last changed.
    pub changed: Millis,
}

impl Flow {
    /// Gives it other JSON, whatever is wrong with that.
    pub fn put(&mut self, json: String) {
        (self.version, self.problems) = check(&json);
        self.json = json;
    }

    /// Whether it could be published.
    pub fn is_whole(&self) -> bool {
        !self.json.is_empty() && self.problems.is_empty()
    }
}

/// What a change of a flow came to.
#[derive(Debug)]
pub enum Change {
    /// What it was, and what it is.
    Made(Box<(Flow, Flow)>),
    /// There is no such flow.
    Absent,
    /// Another has the name.
    NameTaken,
}

/// The flows of a node.
#[derive(Clone)]
pub struct Flows<D> {
    store: Store<D>,
}

impl<D: Data> Flows<D> {
    /// The flows of a store.
    pub fn new(store: Store<D>) -> Self {
        Self { store }
    }

    /// Keeps a new flow under a free id; `false` when there is one of its name.
    pub async fn create(&self, flow: &Flow) -> Result<bool, StoreError> {
        let name = by_name(&flow.name);
        let batch = Batch::new().assert(name.clone(), Expected::Absent);
        let batch = claim(batch, flow.id, Object::Flow)
            .put(name, bytes_of(&flow.id))
            .put(by_id(flow.id), bytes_of(flow));
        match self.store.write(batch).await {
            Ok(()) => Ok(true),
            Err(StoreError::Write(WriteError::Conflict(0))) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A flow by its id.
    pub async fn get(&self, id: u64) -> Result<Option<Flow>, StoreError> {
        self.store.read("a flow", &by_id(id)).await
    }

    /// A flow by its name.
    pub async fn find(&self, name: &str) -> Result<Option<Flow>, StoreError> {
        match self.store.read("a flow", &by_name(name)).await? {
            Some(id) => self.get(id).await,
            None => Ok(None),
        }
    }

    /// All of them, by their ids.
    pub async fn all(&self) -> Result<Vec<Flow>, StoreError> {
        let rows = self.store.list("flows", &Key::new(table::FLOW, &[b"f"]), None, usize::MAX).await?;
        Ok(rows.into_iter().map(|(_, flow)| flow).collect())
    }

    /// Changes a flow, its name too, as often as somebody was faster; what `change` refuses is not changed.
    pub async fn change<E: From<StoreError>>(
        &self,
        id: u64,
        change: impl Fn(&mut Flow) -> Result<(), E>,
    ) -> Result<Change, E> {
        loop {
            let Some(bytes) = self.store.0.get(&by_id(id)).await.map_err(StoreError::from)? else {
                return Ok(Change::Absent);
            };
            let before: Flow = record("a flow", &bytes)?;
            let mut after = before.clone();
            change(&mut after)?;
            let mut batch = Batch::new().assert(by_id(id), Expected::Value(bytes));
            if after.name != before.name {
                let name = by_name(&after.name);
                batch = batch
                    .assert(name.clone(), Expected::Absent)
                    .put(name, bytes_of(&id))
                    .delete(by_name(&before.name));
            }
            match self.store.write(batch.put(by_id(id), bytes_of(&after))).await {
                Ok(()) => return Ok(Change::Made(Box::new((before, after)))),
                Err(StoreError::Write(WriteError::Conflict(0))) => {}
                Err(StoreError::Write(WriteError::Conflict(_))) => return Ok(Change::NameTaken),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes a flow as it is; its id and its name are free again. `false` when somebody has changed it meanwhile.
    pub async fn remove(&self, flow: &Flow) -> Result<bool, StoreError> {
        let batch = Batch::new()
            .assert(by_id(flow.id), Expected::Value(bytes_of(flow).into()))
            .delete(by_id(flow.id))
            .delete(by_name(&flow.name))
            .delete(object_key(flow.id));
        match self.store.write(batch).await {
            Ok(()) => Ok(true),
            Err(StoreError::Write(WriteError::Conflict(_))) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn by_id(id: u64) -> Key {
    Key::new(table::FLOW, &[b"f", &id.to_be_bytes()])
}

fn by_name(name: &str) -> Key {
    Key::new(table::FLOW, &[b"n", name.as_bytes()])
}
