//! The engine: one [`Input`] in, one [`Step`] out.
//!
//! | file | what |
//! | --- | --- |
//! | `account` | the keys, the greeting, key packages |
//! | `contacts` | who is who: pinned keys, device lists, what a leaf must be |
//! | `intents` | what the user wants, into records and the outbox |
//! | `saying` | what is said beside plain messages: later, again, to be looked at once |
//! | `asides`, `acts` | what is said about messages; who may, and what it does |
//! | `files` | files on their way: what is to be sent and fetched |
//! | `passing` | that somebody is writing |
//! | `vanishing`, `later` | what is due by time without a connection: what vanishes, what is said later |
//! | `outbox`, `answers` | the lanes of jobs: what is sent when, what an answer does to it |
//! | `opening` | a direct conversation: looked up, claimed, created |
//! | `joining` | a Welcome: for the first time, or again |
//! | `arrivals` | the mailbox: echoes, messages, commits, Welcomes, requests |
//! | `receive`, `placing` | a message that was opened: its row, and its place among the others |
//! | `receipts` | receipts that are owed, and those that come |
//! | `anew` | a group that somebody has broken goes on as a new one |
//! | `forks` | a conversation that the relay shows in two versions, or in which nobody else can send |
//! | `securing` | new keys in every conversation |
//! | `commits` | this device's commits: made for a purpose, and made again |
//! | `epochs` | commits: merged, refused, lost |
//! | `updates` | when a leaf is updated |
//! | `cache` | the MLS groups that are loaded |
//! | `gathering` | people found and claimed, to be added to a group |
//! | `giving` | messages of before for who comes into a group |
//! | `groups` | groups: what people want of them, what changed in them |
//! | `entering`, `leaving` | a device comes into a group; who leaves it |
//! | `audience` | to whom a message went in a group, and who has it |
//! | `lead` | which device does what only one is to do |
//! | `links` | links to groups, and who asks to be let in |
//! | `resync` | a device that lost its place |
//! | `reporting` | what proves to others who said something |
//! | `strangers` | requests, and who is blocked |
//! | `merging` | two direct conversations with one person |
//! | `agreed` | what customers have agreed to, as the directory tells a business |
//! | `devices` | the account's device list; every device in every conversation |
//! | `lists` | device lists that were verified |
//! | `identities` | a person who comes with another identity key; safety numbers that were compared |
//! | `own` | the conversation of the account's own devices; what they hold alike |
//! | `history`, `own_row` | what was said before a device came, told by another one |
//! | `linking` | an old device lets a new one in |
//! | `dealing` | businesses: badges, consent, what is sent by name |
//! | `looking` | who has a handle, before anything is said to them |
//! | `profile` | what businesses say of themselves |
//! | `terms` | what businesses keep, and who acts for them |
//! | `connection` | connected, caught up, ticks and chores |

mod account;
mod acts;
mod agreed;
mod anew;
mod answers;
mod arrivals;
mod asides;
mod audience;
mod cache;
mod commits;
mod connection;
mod contacts;
mod cx;
mod dealing;
mod devices;
mod entering;
mod epochs;
mod files;
mod forks;
mod gathering;
mod giving;
mod groups;
mod history;
mod identities;
mod intents;
mod joining;
mod later;
mod lead;
mod leaving;
mod linking;
mod links;
mod lists;
mod looking;
mod merging;
mod opening;
mod outbox;
mod own;
mod own_row;
mod passing;
mod placing;
mod profile;
mod receipts;
mod receive;
pub(crate) mod reporting;
mod resync;
mod saying;
mod securing;
pub(crate) mod state;
mod strangers;
mod terms;
#[cfg(test)]
mod tests;
mod updates;
mod vanishing;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request};
use lacre_proto::{AccountId, ConversationId, Handle, Millis, Ticket};
use openmls::group::MlsGroup;
use openmls_rust_crypto::RustCrypto;
use rand_core::CryptoRng;

pub use account::GreetError;
pub use acts::EDITABLE;
pub(crate) use cx::Cx;
pub use giving::GIVEN_AGE;

use cache::Groups;

use crate::api::{Effect, EngineError, Input, Reader, RequestId, Step, Wake};
use crate::defence::Defences;
use crate::identity::{Certificate, DeviceList, SignatureSecret};
use crate::mls::group::{self, Myself};
use crate::mls::provider::{Provider, Rand};
use crate::mls::storage::Storage;
use crate::records::{FileId, Me, Overlay};

/// The client core of one device.
///
/// Everything durable is in the local store; what is here is the keys, a cache of MLS groups, and what has
/// been asked of the relay on the sockets that are open now.
pub struct Engine {
    me: Me,
    secret: SignatureSecret,
    certificate: Certificate,
    list: DeviceList,
    /// The list as it was before the last step.
    list_before: DeviceList,
    lists: lists::Lists,
    pub(crate) crypto: Arc<RustCrypto>,
    groups: Groups,
    link: Link,
    /// The link as it was before the last step, for when that step's commit fails.
    before: Link,
    pub(crate) defences: Defences,
}

/// What lasts as long as the sockets.
#[derive(Clone, Default)]
struct Link {
    online: bool,
    caught_up: bool,
    last_request: RequestId,
    asked: HashMap<RequestId, Asked>,
    openings: HashMap<ConversationId, Claims>,
    gathered: HashMap<Vec<u8>, gathering::Gathered>,
    /// Conversations whose roster is to be compared.
    rosters: VecDeque<ConversationId>,
    /// Accounts that the directory is to be asked about, and not before when.
    unconfirmed: VecDeque<AccountId>,
    confirm_not_before: Millis,
    chores_at: Millis,
    linking: Option<linking::Linking>,
    devices: devices::Spares,
    /// What was said in passing since the last message.
    passing: HashMap<ConversationId, passing::Said>,
    /// Files whose upload the driver has been told of.
    uploading: HashSet<FileId>,
}

/// What a request that is under way was for.
#[derive(Clone, Debug)]
enum Asked {
    /// A job of the outbox, by its key.
    Job(Vec<u8>),
    /// Key packages for the opening of a conversation, and the ticket for one's own mailbox.
    Claim(Vec<u8>),
    Ticket(Vec<u8>),
    /// The account of somebody who is to be added to a group.
    Find(Vec<u8>, Handle),
    /// Key packages of somebody who is to be added to a group.
    Invite(Vec<u8>, AccountId),
    /// The account of a Welcome's sender, to see that it has the handle that its certificate says.
    Confirm(AccountId),
    /// Who has the handle of somebody whose identity has changed.
    Holder(AccountId),
    Publish {
        made_ms: Millis,
        with_last_resort: bool,
        replace: bool,
    },
    Roster(ConversationId),
    /// The next device list of this account.
    NewList,
    /// This account, as the directory has it.
    OwnAccount,
    /// Key packages of one's own devices.
    OwnPackages(Vec<lacre_proto::DeviceId>),
    /// A message of a linking, of this step.
    Link(u32),
    /// Something said in passing: whatever the answer is, it was said or not.
    Passing,
    /// Leave to upload a file, or a reference to it.
    File(FileId),
    /// Who leads the devices of this account.
    Lead,
    /// Who has a handle, and nothing else.
    LookUp(Handle),
}

/// What has come of the two answers that an opening waits for.
#[derive(Clone, Default)]
struct Claims {
    claimed: Option<wire::Claimed>,
    ticket: Option<Ticket>,
}

impl Engine {
    /// Takes one input. The step's changes must be committed before its effects are run; when the commit fails,
    /// [`rolled_back`](Self::rolled_back) must be called.
    pub fn handle(
        &mut self,
        reader: &dyn Reader,
        input: Input,
        now: Millis,
        rng: &mut dyn CryptoRng,
    ) -> Result<Step, EngineError> {
        self.before = self.link.clone();
        self.list_before = self.list.clone();
        let crypto = self.crypto.clone();
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let mut cx = Cx {
            store: &store,
            provider: &provider,
            now,
            effects: Vec::new(),
            events: Vec::new(),
            wake: None,
            arrived: None,
            evidence: None,
            defences: self.defences.clone(),
        };
        // A lost link changes nothing that is kept.
        let keeps = !matches!(input, Input::Disconnected);
        let done = self.take(&mut cx, input).and_then(|()| if keeps { self.due(&mut cx) } else { Ok(()) });
        let done = done.and_then(|()| self.wake_for_due(&mut cx)).and_then(|()| self.dispatch(&mut cx));
        let done = store.failed().map_or(done, |error| Err(error.into()));
        let Cx { effects, events, wake, .. } = cx;
        if let Err(error) = done {
            self.rolled_back();
            return Err(error);
        }
        let wake = wake.map_or(Wake::Never, Wake::At);
        Ok(Step { changes: store.into_changes(), effects, events, wake })
    }

    /// Tells that the last step's changes were not committed: the engine goes back to before it. Its effects
    /// must not be run.
    pub fn rolled_back(&mut self) {
        self.groups.clear();
        self.link = self.before.clone();
        self.list = self.list_before.clone();
    }

    /// This account and device.
    pub fn me(&self) -> &Me {
        &self.me
    }

    fn take(&mut self, cx: &mut Cx<'_>, input: Input) -> Result<(), EngineError> {
        match input {
            Input::Intent(id, intent) => self.intent(cx, id, intent),
            Input::Connected(logged_in) => self.connected(cx, &logged_in),
            Input::Disconnected => {
                self.end_linking(cx, crate::identity::LinkError::Lost);
                self.disconnected();
                Ok(())
            }
            Input::Delivered(entries) => self.delivered(cx, entries),
            Input::CaughtUp => self.caught_up(cx),
            Input::Answered(id, result) => self.answered(cx, id, result),
            Input::Tick => self.chores(cx),
            Input::Passing(items) => self.passed(cx, items),
            Input::Uploaded(file, result) => self.uploaded(cx, file, result),
            Input::Fetched(file, result) => self.fetched(cx, file, result),
        }
    }

    pub(crate) fn myself(&self) -> Myself<'_> {
        Myself { certificate: &self.certificate, secret: &self.secret }
    }

    /// Takes a conversation's group out of the cache, or loads it; to be put back unless it is to be reloaded.
    pub(crate) fn group(&mut self, cx: &Cx<'_>, id: ConversationId) -> Result<Option<MlsGroup>, EngineError> {
        match self.groups.remove(&id) {
            Some(group) => Ok(Some(group)),
            // A group that does not load is one that was lost: it is asked for again.
            None => Ok(group::load(cx.provider, id).unwrap_or_default()),
        }
    }

    fn keep(&mut self, id: ConversationId, group: MlsGroup) {
        self.groups.insert(id, group);
    }

    fn ask(&mut self, cx: &mut Cx<'_>, what: Asked, op: request::Op) {
        let id = self.remember(what);
        cx.effects.push(Effect::Request(id, op));
    }

    fn ask_anonymously(&mut self, cx: &mut Cx<'_>, what: Asked, op: request::Op) {
        let id = self.remember(what);
        cx.effects.push(Effect::AnonymousRequest(id, op));
    }

    fn remember(&mut self, what: Asked) -> RequestId {
        self.link.last_request += 1;
        self.link.asked.insert(self.link.last_request, what);
        self.link.last_request
    }

    fn answered(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        result: Result<wire::response::Result, WireError>,
    ) -> Result<(), EngineError> {
        // An answer to what was asked on sockets that are gone, or twice answered, means nothing.
        let Some(asked) = self.link.asked.remove(&id) else { return Ok(()) };
        match asked {
            Asked::Job(job) => self.job_answered(cx, &job, result),
            Asked::Claim(job) => self.claim_answered(cx, &job, result),
            Asked::Find(job, handle) => self.find_answered(cx, job, &handle, result),
            Asked::Invite(job, account) => self.invite_answered(cx, job, account, result),
            Asked::Ticket(job) => self.ticket_answered(cx, &job, result),
            Asked::Confirm(account) => self.confirm_answered(cx, account, result),
            Asked::Holder(from) => self.holder_answered(cx, from, result),
            Asked::Publish { made_ms, with_last_resort, replace } => {
                self.publish_answered(cx, made_ms, with_last_resort, replace, result)
            }
            Asked::Roster(conversation) => self.roster_answered(cx, conversation, result),
            Asked::NewList => self.new_list_answered(cx, result),
            Asked::OwnAccount => self.own_account_answered(cx, result),
            Asked::OwnPackages(devices) => self.own_packages_answered(cx, &devices, result),
            Asked::Link(step) => self.link_answered(cx, step, result),
            Asked::Passing => Ok(()),
            Asked::File(file) => self.file_answered(cx, file, result),
            Asked::Lead => {
                lead::answered(cx, result);
                Ok(())
            }
            Asked::LookUp(handle) => self.look_up_answered(cx, handle, result),
        }
    }
}
