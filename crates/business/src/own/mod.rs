//! The node's own API: what the Cloud API has no calls for. People who have signed in reach it under `/lacre/v1/` of
//! the node's listener; whoever owns the machine reaches it over a socket in the node's folder, or, while no node
//! serves, in the process of a command.
//!
//! One door (`caller`), one table of calls ([`routes`]), one file for each resource. What changes something, or reads
//! what is about people, is in the audit log before its answer leaves: who, what and on what, never contents.

mod alike;
mod audit;
mod caller;
mod canned;
mod changes;
mod consents;
mod conversations;
mod customers;
mod desk;
mod entrance;
mod error;
pub(crate) mod failures;
mod finding;
mod inboxes;
pub mod inventory;
mod nodes;
mod notes;
mod people;
mod records;
mod retention;
pub mod routes;
mod saying;
mod session;
#[cfg(unix)]
pub mod socket;
mod templates;
mod terms;
mod tokens;
mod webhooks;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use lacre_proto::{AccountId, Millis};
use lacre_store::data::Data;
use rand_core::CryptoRng;
use serde_json::{Value, json};
use tower_service::Service;

use self::caller::Caller;
use self::entrance::Entrance;
pub use self::error::{CODES, OwnError};
use self::failures::Failures;
use self::routes::{Need, Op};
use crate::api::Shown;
use crate::api::address::Address;
use crate::api::bridge::{Drawn, Webhooks};
use crate::api::params;
use crate::api::reader::At;
use crate::audit::{Act, Audit, Who};
use crate::clock::Clock;
use crate::erasing::{EraseError, Eraser};
use crate::held::Holdings;
use crate::inbox::{CannedReplies, Conversations, Inboxes, Replying};
use crate::node::Identity;
use crate::nodes::{Lead, Nodes};
use crate::people::People;
use crate::retention::Sweeper;
use crate::store::{Store, StoreError};
use crate::templates::Templates;
use crate::terms::TermsOf;
use crate::tokens::Tokens;
use crate::voice::Voice;

/// What every path begins with.
pub const ROOT: &str = "/lacre/v1/";

/// Which way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Over the network: somebody has to have signed in.
    Listener,
    /// At the machine, by its owner, who may do all.
    Console,
}

/// What the own API works with.
pub struct Own<D, K> {
    people: People<D>,
    tokens: Tokens<D>,
    templates: Templates<D>,
    terms: TermsOf<D>,
    audit: Audit<D>,
    hooks: Webhooks<D, K>,
    device: Option<Arc<dyn Holdings>>,
    voice: Option<Arc<dyn Voice>>,
    nodes: Option<Arc<dyn Nodes>>,
    lead: Option<Lead>,
    conversations: Conversations<D>,
    inboxes: Inboxes<D>,
    canned: CannedReplies<D>,
    replying: Replying,
    folder: PathBuf,
    secret: [u8; 32],
    handle: String,
    /// Where strangers show who they are.
    entrance: Entrance,
    /// Where those do who have signed in.
    inside: Entrance,
    failures: Mutex<Failures>,
    /// One erasing after the other, and none beside a sweep.
    erasing: tokio::sync::Mutex<()>,
    /// One bringing together with the other nodes after the other.
    agreeing: tokio::sync::Mutex<()>,
    /// What customers are to be told is looked at and told by one at a time.
    telling: tokio::sync::Mutex<()>,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
}

impl<D: Data, K: Clock> Own<D, K> {
    /// The own API over a store. The handle is what people know the business by, and what authenticator apps show.
    pub fn new(
        store: Store<D>,
        identity: &Identity,
        hooks: Webhooks<D, K>,
        handle: String,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Self {
        Self {
            people: People::new(store.clone(), handle.clone()),
            handle,
            tokens: Tokens::new(store.clone()),
            templates: Templates::new(store.clone()),
            terms: TermsOf::new(store.clone()),
            conversations: Conversations::new(store.clone()),
            inboxes: Inboxes::new(store.clone()),
            canned: CannedReplies::new(store.clone()),
            replying: Replying::default(),
            audit: Audit::new(store, identity.secret),
            hooks,
            device: None,
            voice: None,
            nodes: None,
            lead: None,
            folder: PathBuf::new(),
            secret: identity.secret,
            entrance: Entrance::new(),
            inside: Entrance::new(),
            failures: Mutex::default(),
            erasing: tokio::sync::Mutex::default(),
            agreeing: tokio::sync::Mutex::default(),
            telling: tokio::sync::Mutex::default(),
            rng: Mutex::new(rng),
        }
    }

    /// With the device and the folder of a node that serves: what is asked of these is refused without.
    pub fn beside(self, device: Arc<dyn Holdings>, folder: PathBuf) -> Self {
        Self { device: Some(device), folder, ..self }
    }

    /// With the node that serves, through which its people speak.
    pub fn speaking(self, voice: Arc<dyn Voice>) -> Self {
        Self { voice: Some(voice), ..self }
    }

    /// With the devices of its account, of which one leads.
    pub fn among(self, nodes: Arc<dyn Nodes>, lead: Lead) -> Self {
        Self { nodes: Some(nodes), lead: Some(lead), ..self }
    }

    /// Erases again whom this store ought to have erased: it was brought back from a copy, or its process died. To be
    /// done before anything is told. Gives how many.
    pub async fn resume_erasing(&self) -> Result<usize, EraseError> {
        self.erase_owed("again, at the start").await
    }

    /// Erases whom the file of who was erased names and this store still has, for this reason.
    async fn erase_owed(&self, why: &str) -> Result<usize, EraseError> {
        let Some(eraser) = self.eraser() else { return Ok(0) };
        let _alone = self.erasing.lock().await;
        let done = eraser.resume(self.now()).await?;
        for customer in &done {
            let (what, detail) = ("customer.erase".to_owned(), why.to_owned());
            let act = Act { who: Who::Node, what, subject: Some(self.audit.pseudonym(*customer)), detail };
            self.audit.append(act, self.now()).await?;
        }
        Ok(done.len())
    }

    fn eraser(&self) -> Option<Eraser<D>> {
        let names = &self.hooks.renderer.names;
        Some(Eraser {
            store: names.store.clone(),
            secret: self.secret,
            customers: names.customers.clone(),
            media: names.media.clone(),
            outbox: self.hooks.outbox.clone(),
            device: self.device.clone()?,
            folder: self.folder.clone(),
        })
    }

    /// One round of taking away what was kept long enough.
    pub async fn sweep_kept(&self) -> Result<(), EraseError> {
        retention::round(self).await
    }

    fn sweeper(&self) -> Option<Sweeper<D>> {
        Some(Sweeper { store: self.hooks.renderer.names.store.clone(), eraser: self.eraser()? })
    }

    /// Drops what nobody needs any more: sessions that are over. Writes down which runs of failed sign-ins are.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let rows = self.failures().over(self.now());
        self.write_down_failures(rows).await?;
        self.people.prune(self.now()).await
    }

    /// Tells customers what changed since they were told: a delegation that is over, or what an earlier start did not
    /// get to. An error is what the next time is for. Of several nodes the one that leads does.
    pub async fn keep_told(&self) -> Result<(), OwnError> {
        match self.lead.as_ref().is_none_or(Lead::leads) {
            true => self.tell_terms(0).await,
            false => Ok(()),
        }
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_down_failures(&self, rows: Vec<String>) -> Result<(), StoreError> {
        for detail in rows {
            let what = "sign-in.failed".to_owned();
            self.audit.append(Act { who: Who::Node, what, subject: None, detail }, self.now()).await?;
        }
        Ok(())
    }

    fn now(&self) -> Millis {
        self.hooks.renderer.names.clock.now()
    }

    fn rng(&self) -> Drawn<'_> {
        Drawn(&self.rng)
    }
}

/// The own API, to be served behind one of its doors.
pub fn router<D: Data, K: Clock>(own: Arc<Own<D, K>>, door: Door) -> Router {
    Router::new().fallback(move |request: Request| {
        let own = Arc::clone(&own);
        // What was begun is done to its end, its row in the audit log too, though nobody waits for the answer any more.
        let done = tokio::spawn(async move {
            match handle(&own, request, door).await {
                Ok(told) => respond(StatusCode::OK, &told),
                Err(error) => refuse(&error),
            }
        });
        async move { done.await.unwrap_or_else(|_| respond(StatusCode::INTERNAL_SERVER_ERROR, &Value::Null)) }
    })
}

/// Asks the own API within this process, as whoever owns the machine: the status and the answer.
pub async fn ask<D: Data, K: Clock>(
    own: Arc<Own<D, K>>,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = Request::builder().method(method).uri(format!("{ROOT}{path}")).body(body);
    let Ok(request) = request else {
        let refused = refuse(&OwnError::Unknown("call"));
        return (refused.status().as_u16(), Value::Null);
    };
    let Ok(response) = router(own, Door::Console).call(request).await;
    let status = response.status().as_u16();
    let whole = response.into_body().collect().await.map(|it| it.to_bytes()).unwrap_or_default();
    (status, serde_json::from_slice(&whole).unwrap_or_default())
}

/// A request that was let in.
struct Ask<'a> {
    caller: &'a Caller,
    /// The address that they are at, when it is known.
    peer: Option<IpAddr>,
    said: At<'a>,
    path: &'a [String],
    /// What makes the same request again the same.
    key: Option<HeaderValue>,
}

impl Ask<'_> {
    /// The number at a place of the path; `what` is what it is the number of.
    fn id(&self, place: usize, what: &'static str) -> Result<u64, OwnError> {
        self.path.get(place).and_then(|it| it.parse().ok()).ok_or(OwnError::Unknown(what))
    }
}

/// What was done.
struct Done {
    /// The answer.
    told: Value,
    /// What it was done on, for the audit log: ids and names of settings.
    on: String,
    /// Who did it, when that came out only now.
    by: Option<Who>,
    /// The customer whom it was about.
    about: Option<AccountId>,
}

impl Done {
    /// What was done for one customer, who stands in the log by their pseudonym.
    fn about(self, customer: AccountId) -> Self {
        Self { about: Some(customer), ..self }
    }

    fn new(told: Value, on: impl Into<String>) -> Self {
        Self { told, on: on.into(), by: None, about: None }
    }
}

fn success() -> Value {
    json!({ "success": true })
}

async fn handle<D: Data, K: Clock>(own: &Own<D, K>, request: Request, door: Door) -> Result<Value, OwnError> {
    let (parts, body) = request.into_parts();
    let address = Address::of(&parts.uri);
    let path = match address.segments.split_first_chunk() {
        Some(([lacre, version], path)) if lacre == "lacre" && version == "v1" => path,
        _ => &[],
    };
    let route = routes::find(parts.method.as_str(), path);
    let caller = match route {
        // Who has not signed in is not told what there is.
        Some(route) if route.need == Need::Nothing => Caller::stranger(door),
        _ => Caller::of(own, door, &parts.headers).await?,
    };
    let route = route.ok_or(OwnError::Unknown("call"))?;
    caller.may(route, path)?;
    let said = params::read(&address, &parts.method, &parts.headers, body).await?;
    // The body may have taken its time: what counts is what they may do now.
    let caller = match caller {
        Caller::Person(..) => Caller::of(own, door, &parts.headers).await?,
        other => other,
    };
    caller.may(route, path)?;
    let peer = parts.extensions.get::<Shown>().and_then(|it| it.peer);
    let key = parts.headers.get("idempotency-key").cloned();
    let ask = Ask { caller: &caller, peer, said: At::new(&said, ""), path, key };
    let Done { told, on, by, about } = done(own, route.op, &ask).await?;
    if let Some(what) = route.what {
        let who = by.unwrap_or(caller.who());
        let subject = about.map(|it| own.audit.pseudonym(it));
        let act = Act { who, what: what.to_owned(), subject, detail: on };
        own.audit.append(act, own.now()).await?;
    }
    Ok(told)
}

async fn done<D: Data, K: Clock>(own: &Own<D, K>, op: Op, ask: &Ask<'_>) -> Result<Done, OwnError> {
    match op {
        Op::SignIn => session::sign_in(own, ask).await,
        Op::SignOut => session::sign_out(own, ask).await,
        Op::Me => Ok(session::me(ask)),
        Op::People => people::list(own, ask).await,
        Op::AddPerson => people::add(own, ask).await,
        Op::ChangePerson => people::change(own, ask).await,
        Op::RemovePerson => people::remove(own, ask).await,
        Op::ResetPerson => people::reset(own, ask).await,
        Op::Tokens => tokens::list(own, ask).await,
        Op::MakeToken => tokens::make(own, ask).await,
        Op::RotateToken => tokens::rotate(own, ask).await,
        Op::RevokeToken => tokens::revoke(own, ask).await,
        Op::Webhooks => webhooks::list(own).await,
        Op::SetWebhook => webhooks::set(own, ask).await,
        Op::RemoveWebhook => webhooks::remove(own, ask).await,
        Op::Deliveries => webhooks::deliveries(own, ask).await,
        Op::Dead => webhooks::dead(own, ask).await,
        Op::Replay => webhooks::replay(own, ask).await,
        Op::RotateSecret => webhooks::rotate_secret(own, ask).await,
        Op::Templates => templates::list(own, ask).await,
        Op::ApproveTemplate => templates::approve(own, ask).await,
        Op::RejectTemplate => templates::reject(own, ask).await,
        Op::PauseTemplate => templates::pause(own, ask).await,
        Op::ResumeTemplate => templates::resume(own, ask).await,
        Op::Consents => consents::list(own, ask).await,
        Op::ExportConsents => consents::export(own, ask).await,
        Op::ExportCustomer => customers::export(own, ask).await,
        Op::CustomerMessages => customers::messages(own, ask).await,
        Op::EraseCustomer => customers::erase(own, ask).await,
        Op::RestrictCustomer => customers::restrict(own, ask).await,
        Op::Nodes => nodes::list(own).await,
        Op::AddNode => nodes::add(own, ask).await,
        Op::RemoveNode => nodes::remove(own, ask).await,
        Op::LeadNodes => nodes::lead(own).await,
        Op::Records => records::register(own).await,
        Op::Terms => terms::terms(own).await,
        Op::SetTerms => terms::set_terms(own, ask).await,
        Op::Providers => terms::list(own).await,
        Op::AddProvider => terms::add(own, ask).await,
        Op::RemoveProvider => terms::remove(own, ask).await,
        Op::Retention => retention::list(own).await,
        Op::SetRetention => retention::set(own, ask).await,
        Op::ReportRetention => retention::report(own).await,
        Op::SweepRetention => retention::sweep(own).await,
        Op::Audit => audit::list(own, ask).await,
        Op::AuditHead => audit::head(own).await,
        Op::VerifyAudit => audit::verify(own, ask).await,
        Op::ProveAudit => audit::prove(own, ask).await,
        Op::Conversations => conversations::list(own, ask).await,
        Op::Conversation => conversations::one(own, ask).await,
        Op::Messages => conversations::messages(own, ask).await,
        Op::Say => saying::say(own, ask).await,
        Op::MarkRead => saying::mark_read(own, ask).await,
        Op::Replying => saying::replying(own, ask).await,
        Op::Assign => changes::assign(own, ask).await,
        Op::Label => changes::label(own, ask).await,
        Op::Close => changes::close(own, ask).await,
        Op::Reopen => changes::reopen(own, ask).await,
        Op::Snooze => changes::snooze(own, ask).await,
        Op::Move => changes::move_to(own, ask).await,
        Op::Notes => notes::list(own, ask).await,
        Op::AddNote => notes::add(own, ask).await,
        Op::EditNote => notes::edit(own, ask).await,
        Op::RemoveNote => notes::remove(own, ask).await,
        Op::Inboxes => inboxes::list(own, ask).await,
        Op::AddInbox => inboxes::add(own, ask).await,
        Op::RemoveInbox => inboxes::remove(own, ask).await,
        Op::CannedReplies => canned::list(own).await,
        Op::SetCanned => canned::set(own, ask).await,
        Op::RemoveCanned => canned::remove(own, ask).await,
        Op::Search => finding::search(own, ask).await,
    }
}

fn respond(status: StatusCode, told: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(told.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Answers may hold what is shown once.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn refuse(error: &OwnError) -> Response<Body> {
    tracing::debug!(code = error.code(), "a call of the own API was refused");
    let mut told = json!({ "error": { "code": error.code(), "message": error.to_string() } });
    match error {
        OwnError::Stale(version) => told["error"]["version"] = (*version).into(),
        // What programs are told of the same.
        OwnError::NotSent(error) => told["error"]["api_code"] = error.code().into(),
        _ => {}
    }
    let mut response = respond(error.status(), &told);
    if error.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let OwnError::Wait(wait) = error {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.div_ceil(1_000).max(1)));
    }
    response
}
