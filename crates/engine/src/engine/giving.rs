//! Messages of before for who comes into a group: chosen and given by whoever added them, told to everybody, and
//! believed only as far as their authors' signatures go (ADR 0026).
//!
//! | who | does |
//! | --- | --- |
//! | the adder's device | once its commit is in, gives the last so many messages, in as many parts as it takes |
//! | a newcomer | takes them from who added it, once, each message under its author's signature |
//! | all others | show that it was done, and pass the messages over |

use std::collections::BTreeSet;

use lacre_proto::{AccountId, ConversationId, Millis};
use serde::{Deserialize, Serialize};

use super::acts::Act;
use super::state::{Invited, waiting_place};
use super::{Cx, Engine};
use crate::api::{Alert, EngineError, Event};
use crate::content::given::{Given, Old, OldForm};
use crate::content::{Content, Opened, Room, kinds};
use crate::defence::Defence;
use crate::identity::{IdentityKey, Signed};
use crate::records::key::{self, CERTIFICATE, COMING, EVIDENCE};
use crate::records::{Change, Evidence, Marks, MessageRecord, MessageState, Named, Position};

/// How old a message may be that is given.
pub const GIVEN_AGE: Millis = 14 * 24 * 3600 * 1000;
/// How long after somebody came in they may be given something.
const SOON: Millis = 24 * 3600 * 1000;
/// How far clocks may differ by which a message is too old, or too new.
const SLACK: Millis = 3600 * 1000;
/// Bytes of messages in one part.
const PART: usize = 48 * 1024;
/// A message that is larger than this is not given.
const LARGEST: usize = 64 * 1024;
/// Rows that are looked at together.
const PAGE: usize = 128;
/// Why nothing is taken of it.
const NOT_THEIRS_TO_GIVE: &str =
    "somebody gave old messages who may not, or more than they said, or to whom did not just come in";
/// Where given messages stand at their anchor.
const BEFORE: u32 = 1 << 30;

/// Somebody who has come into a group, and may be given what was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Coming {
    /// Who let them in.
    by: AccountId,
    time: Millis,
    /// Of this account itself: where the messages stand that it is given.
    anchor: u64,
    /// How many it is given in all, once that was told, and how many of them have come.
    of: Option<u8>,
    had: u8,
}

/// A message that is to be given, and what it weighs.
struct Chosen {
    first: (Evidence, Millis),
    edit: Option<(Evidence, Millis)>,
    certificates: Vec<([u8; 32], Vec<u8>)>,
}

impl Engine {
    /// Notes who has come in: by that, everybody judges what they are given.
    pub(super) fn note_coming(
        &self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        came: &[AccountId],
        by: AccountId,
        time: Millis,
    ) -> Result<(), EngineError> {
        for (at, coming) in cx.records().all::<Coming>("coming", &key::conversation(COMING, id))? {
            if time.saturating_sub(coming.time) > SOON {
                cx.store.delete(at);
            }
        }
        for account in came {
            let anchor = if *account == self.me.account { cx.next_anchor()? } else { 0 };
            let coming = Coming { by, time, anchor, of: None, had: 0 };
            cx.put(key::coming(id, *account), &coming);
        }
        Ok(())
    }

    /// Notes that this device was let in again, and may have missed who came in meanwhile.
    pub(super) fn note_return(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        by: AccountId,
        time: Millis,
    ) -> Result<(), EngineError> {
        let at = key::coming(id, self.me.account);
        if !cx.exists(&at)? {
            cx.put(at, &Coming { by, time, anchor: 0, of: Some(0), had: 0 });
        }
        Ok(())
    }

    /// Gives those whom this device has just added as much of what was said as was wished.
    pub(super) fn give(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        invited: &[Invited],
        came: &[AccountId],
    ) -> Result<(), EngineError> {
        let wishes: BTreeSet<(u8, AccountId)> = invited
            .iter()
            .filter_map(|one| Some((one.who.history, one.who.account?)))
            .filter(|(history, account)| *history > 0 && came.contains(account))
            .collect();
        let counts: BTreeSet<u8> = wishes.iter().map(|(history, _)| *history).collect();
        for count in counts {
            let to: Vec<AccountId> =
                wishes.iter().filter(|(history, _)| *history == count).map(|(_, account)| *account).collect();
            let chosen = self.choose(cx, id, count)?;
            for part in parts(to, chosen) {
                self.say_aside(cx, id, Content::Given(part))?;
            }
        }
        Ok(())
    }

    /// The last messages that may be given: words of people who are in the group, with their signatures, that were
    /// not taken back and are not to vanish.
    fn choose(&self, cx: &Cx<'_>, id: ConversationId, count: u8) -> Result<Vec<Chosen>, EngineError> {
        let members: BTreeSet<AccountId> = cx.members(id)?.into_iter().map(|it| it.account).collect();
        let since = cx.relay_now()?.saturating_sub(GIVEN_AGE);
        let (mut before, mut chosen) = (None, Vec::new());
        loop {
            let page = cx.records().messages(id, before, PAGE)?;
            before = page.last().map(|row| row.position);
            let young = page.iter().any(|row| row.sent_ms >= since);
            for row in page.iter().filter(|row| row.sent_ms >= since && members.contains(&row.author)) {
                chosen.extend(self.chosen(cx, id, row)?);
                if chosen.len() == usize::from(count) {
                    break;
                }
            }
            if chosen.len() == usize::from(count) || page.len() < PAGE || !young {
                chosen.reverse();
                return Ok(chosen);
            }
        }
    }

    fn chosen(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        row: &MessageRecord,
    ) -> Result<Option<Chosen>, EngineError> {
        let there = matches!(
            row.state,
            MessageState::Sent | MessageState::Delivered | MessageState::Read | MessageState::Received
        );
        let stays = row.marks.deleted_by.is_none() && !row.marks.manner.once;
        let stays = stays && row.marks.manner.expires.is_none() && row.change.is_none();
        // What has no place in the relay's order yet comes to the newcomers by itself.
        let waits = row.position >= waiting_place(0);
        if !there || waits || !stays || !may_be_given(&row.content) {
            return Ok(None);
        }
        let Some(first) = cx.records().evidence(id, row.id)? else { return Ok(None) };
        let edit = match row.marks.edited_ms {
            Some(edited) => match cx.records().evidence_of_edit(id, row.id)? {
                Some(edit) => Some((edit, edited)),
                None => return Ok(None),
            },
            None => None,
        };
        let mut certificates = Vec::new();
        for evidence in [Some(&first), edit.as_ref().map(|(edit, _)| edit)].into_iter().flatten() {
            let Some(certificate) = cx.records().certificate(&evidence.certificate)? else { return Ok(None) };
            // A group that was begun anew has another id: what was signed for the old one stays there.
            if evidence.conversation != id || !self.is_listed(cx, row.author, evidence) {
                return Ok(None);
            }
            certificates.push((evidence.certificate, certificate));
        }
        let chosen = Chosen { first: (first, row.sent_ms), edit, certificates };
        Ok((chosen.size() <= LARGEST).then_some(chosen))
    }

    /// Whether the device that said something is one of its account still, as far as is known here.
    fn is_listed(&self, cx: &Cx<'_>, account: AccountId, evidence: &Evidence) -> bool {
        let list = self.knowing(cx, None).list_of(account);
        list.is_none_or(|list| list.entry(evidence.device).is_some())
    }

    /// Somebody gives messages of before. Everybody judges whether it is theirs to give; who it is for takes them.
    pub(super) fn given(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        author: AccountId,
        given: Given,
        time: Millis,
    ) -> Result<(), EngineError> {
        let mut coming = Vec::with_capacity(given.to.len());
        for account in &given.to {
            let at = key::coming(id, *account);
            let found: Option<Coming> = cx.records().read("coming", &at)?;
            coming.push((*account, found));
        }
        if !self.may_give(cx, id, author, &given, &coming, time)? && cx.defends(Defence::Giving) {
            cx.alert(Some(id), Alert::PolicyRefused(NOT_THEIRS_TO_GIVE));
            return Ok(());
        }
        if given.from == 0 {
            let to =
                given.to.iter().map(|account| self.named(cx, *account)).collect::<Result<Vec<Named>, _>>()?;
            self.tell(cx, id, author, Change::Gave(to, given.of), time)?;
        }
        let had = given.from.saturating_add(given.messages.len() as u8);
        for (account, found) in coming {
            let Some(found) = found else { continue };
            let at = key::coming(id, account);
            if had >= given.of && account != self.me.account {
                cx.store.delete(at);
            } else {
                cx.put(at, &Coming { of: Some(given.of), had, ..found });
            }
        }
        if given.to.contains(&self.me.account) && author != self.me.account {
            self.take_given(cx, id, author, given, time)?;
        }
        Ok(())
    }

    /// Who has let somebody in gives them something once, soon, and no more than it said. Who has just come in may not
    /// know who else did.
    fn may_give(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        author: AccountId,
        given: &Given,
        coming: &[(AccountId, Option<Coming>)],
        time: Millis,
    ) -> Result<bool, EngineError> {
        let soon = |coming: &Coming| coming.by == author && time.saturating_sub(coming.time) <= SOON;
        let mine: Option<Coming> = cx.records().read("coming", &key::coming(id, self.me.account))?;
        let came_too = mine.is_some_and(|mine| time.saturating_sub(mine.time) <= SOON);
        Ok(coming.iter().all(|(account, found)| match found {
            Some(found) => {
                let more = found.of.is_none_or(|of| of == given.of && found.had <= given.from);
                soon(found) && more && (found.of.is_some() || found.had == 0)
            }
            None => came_too && *account != self.me.account,
        }))
    }

    /// Takes in what this account is given; of what does not hold a row tells.
    fn take_given(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        by: AccountId,
        given: Given,
        time: Millis,
    ) -> Result<(), EngineError> {
        let coming: Option<Coming> = cx.records().read("coming", &key::coming(id, self.me.account))?;
        let Some(coming) = coming else { return Ok(()) };
        let Given { from, certificates, messages, .. } = given;
        let mut refused = 0;
        for (number, old) in (u32::from(from)..).zip(&messages) {
            let position = Position { anchor: coming.anchor, counter: BEFORE | number };
            let taken = match self.believe(cx, id, &certificates, old, &coming) {
                Some(proven) => self.put_given(cx, id, by, position, old, proven)?,
                None => false,
            };
            refused += u32::from(!taken);
        }
        if refused > 0 {
            cx.alert(Some(id), Alert::FalseHistory(refused));
            self.tell(cx, id, by, Change::NotProven(refused), time)?;
        }
        cx.event(Event::ConversationChanged(id));
        Ok(())
    }

    /// What an old message says, once it is seen to be of somebody known here, and said in this group.
    fn believe(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        certificates: &[Vec<u8>],
        old: &Old,
        coming: &Coming,
    ) -> Option<(Proven, Option<Proven>)> {
        let first = self.proven(cx, id, certificates, &old.first)?;
        let Opened { content, manner, mimi_id, .. } = &first.opened;
        let stays = !manner.once && manner.expires.is_none() && may_be_given(content);
        let since = coming.time.saturating_sub(GIVEN_AGE + SLACK);
        let in_time = (since..=coming.time.saturating_add(SLACK)).contains(&old.first.time);
        if !stays || !in_time {
            return None;
        }
        let Some(edit) = &old.edit else { return Some((first, None)) };
        let edit = self.proven(cx, id, certificates, edit)?;
        let theirs = edit.author == first.author;
        let its = matches!(&edit.opened.content, Content::Edit { of, .. } if of == mimi_id);
        let text = matches!(content, Content::Text { .. });
        (theirs && its && text).then_some((first, Some(edit)))
    }

    fn proven(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        certificates: &[Vec<u8>],
        form: &OldForm,
    ) -> Option<Proven> {
        let certificate = certificates.get(usize::from(form.certificate))?;
        let signed =
            Signed { conversation: id, content: &form.content, signature: &form.signature, certificate };
        let proven = signed.prove();
        #[cfg(feature = "evil")]
        let proven = if cx.defends(Defence::Proof) { proven } else { signed.believe() };
        let (author, opened, address) = proven.ok()?;
        let account = author.account();
        let pinned = if account == self.me.account {
            self.me.identity_key
        } else {
            cx.records().contact(account).ok().flatten()?.identity_key
        };
        let pinned = IdentityKey::from_wire(&pinned).ok()? == author.identity_key();
        let evidence = Evidence {
            conversation: id,
            device: author.device(),
            certificate: super::epochs::digest(certificate),
            signature: form.signature.clone(),
            content: form.content.clone(),
            sealed: None,
        };
        let here = address.room == Room::Group(id).to_string();
        let holds = pinned && here && self.is_listed(cx, account, &evidence);
        holds.then(|| Proven { author: account, opened, evidence, bytes: certificate.clone() })
    }

    /// Puts a message where it stands: before everything that this device has seen itself. Whether it is one: what is
    /// here already is passed over.
    fn put_given(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        by: AccountId,
        position: Position,
        old: &Old,
        (first, edit): (Proven, Option<Proven>),
    ) -> Result<bool, EngineError> {
        let Proven { author, opened, evidence, bytes } = first;
        let Opened { id: message, mimi_id, content, manner, .. } = opened;
        let known = cx.records().message(id, message)?.is_some()
            || cx.exists(&key::message_in(key::GONE, id, message))?;
        let Some(record) = cx.records().conversation(id)? else { return Ok(false) };
        if known {
            return Ok(true);
        }
        let mine = author == self.me.account;
        let (content, manner) = super::receive::local(cx, id, content, manner)?;
        let row = MessageRecord {
            id: message,
            position,
            content,
            state: if mine { MessageState::Sent } else { MessageState::Received },
            mimi: Some(mimi_id.0.to_vec()),
            marks: Marks { manner, given_by: Some(by), touched: edit.is_some(), ..Marks::default() },
            ..self.blank(cx, &record, author, old.first.time)?
        };
        cx.put_message(&row)?;
        cx.put(key::message_in(EVIDENCE, id, message), &evidence);
        cx.store.put(key::key(CERTIFICATE, &[&evidence.certificate]), bytes);
        if let (Some(edit), Some(form)) = (edit, &old.edit) {
            self.put_edit(cx, row.clone(), edit, form.time)?;
        }
        self.awaited(cx, &row).map(|()| true)
    }

    fn put_edit(
        &mut self,
        cx: &mut Cx<'_>,
        row: MessageRecord,
        edit: Proven,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Proven { author, opened, evidence, bytes } = edit;
        cx.store.put(key::key(CERTIFICATE, &[&evidence.certificate]), bytes);
        let Opened { id, content, .. } = opened;
        let Some(content) = content.map_ids(|_| Some(row.id)) else { return Ok(()) };
        let Content::Edit { text, revision, .. } = content.clone() else { return Ok(()) };
        let act = Act::of_edit(author, id, time, content, evidence);
        self.edit(cx, row, &act, text, revision)
    }
}

/// What somebody is proven to have said.
struct Proven {
    author: AccountId,
    opened: Opened,
    evidence: Evidence,
    bytes: Vec<u8>,
}

impl Chosen {
    fn size(&self) -> usize {
        let form =
            |(evidence, _): &(Evidence, Millis)| evidence.content.len() + evidence.signature.len() + 32;
        let certificates: usize = self.certificates.iter().map(|(_, bytes)| bytes.len()).sum();
        form(&self.first) + self.edit.as_ref().map_or(0, form) + certificates
    }
}

/// Kinds that are given: words that stand for themselves. What was said about them is not.
fn may_be_given<Id>(content: &Content<Id>) -> bool {
    matches!(content, Content::Text { .. } | Content::Poll(_) | Content::Place(_) | Content::Card(_))
}

/// Messages in parts that can be sealed.
fn parts(to: Vec<AccountId>, chosen: Vec<Chosen>) -> Vec<Given> {
    let of = chosen.len().min(usize::from(kinds::GIVEN)) as u8;
    let mut parts: Vec<(usize, Given)> = Vec::new();
    let mut hashes: Vec<[u8; 32]> = Vec::new();
    for (from, one) in (0..of).zip(chosen) {
        let size = one.size();
        if parts.last().is_none_or(|(full, _)| full + size > PART) {
            hashes.clear();
            let empty = Given { to: to.clone(), of, from, certificates: Vec::new(), messages: Vec::new() };
            parts.push((0, empty));
        }
        let Some((full, part)) = parts.last_mut() else { continue };
        *full += size;
        for (hash, certificate) in &one.certificates {
            if !hashes.contains(hash) {
                hashes.push(*hash);
                part.certificates.push(certificate.clone());
            }
        }
        let form = |(evidence, time): (Evidence, Millis)| {
            let at = hashes.iter().position(|hash| *hash == evidence.certificate).unwrap_or_default();
            let certificate = u8::try_from(at).unwrap_or_default();
            OldForm { time, certificate, content: evidence.content, signature: evidence.signature }
        };
        part.messages.push(Old { first: form(one.first), edit: one.edit.map(form) });
    }
    parts.into_iter().map(|(_, part)| part).collect()
}
