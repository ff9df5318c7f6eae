//! Businesses and their customers (ADR 0044). What is said in a conversation with a business is sent by name, since
//! consent is somebody's; what a business says without it is dropped here, whatever the relay has let through.

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, response};
use lacre_proto::{AccountId, ConversationId, ErrorCode, Millis, label};
use prost::Message;

use super::state::Chore;
use super::{Cx, Engine};
use crate::api::{Agreement, Alert, EngineError, Event, Refusal};
use crate::content::{Answer, Category, Content, Filled, Matter, MessageId};
use crate::defence::Defence;
use crate::identity::SignatureKey;
use crate::records::key::{self, BUSINESS, PLATFORM, RATING, UNNAMED};
use crate::records::{
    BusinessRecord, ConsentRecord, ConversationKind, ConversationRecord, ConversationState, MessageRecord,
    MessageState, Quality, Rating, Standing, Verified,
};

const DAY: Millis = 24 * 3600 * 1000;
/// How long a customer's message keeps the window open.
const WINDOW: Millis = DAY;
/// How many of the last messages are looked at for those that have opened a window.
const LOOKED_BACK: usize = 256;
/// How much later than it was sent a message may be stored at the relay and count as in time.
const GRACE: Millis = 60_000;

impl Engine {
    /// Pins the key by which the operator signs certificates.
    pub(super) fn pin_platform(&self, cx: &mut Cx<'_>, key: &[u8]) -> Result<(), EngineError> {
        let Ok(key) = <[u8; 32]>::try_from(key) else { return Ok(()) };
        match cx.records().read::<[u8; 32]>("platform key", &[PLATFORM])? {
            None => cx.put(vec![PLATFORM], &key),
            Some(pinned) if pinned != key => cx.alert(None, Alert::PlatformChanged),
            Some(_) => {}
        }
        Ok(())
    }

    /// Takes in what the directory says of an account as a business.
    pub(super) fn learn_business(
        &mut self,
        cx: &mut Cx<'_>,
        told: &wire::Account,
    ) -> Result<(), EngineError> {
        let Ok(account) = AccountId::try_from(&told.account) else { return Ok(()) };
        let before = cx.records().business(account)?;
        if !told.is_business && before.is_none() {
            return Ok(());
        }
        let verified = match &told.business {
            Some(signed) => self.verified(cx, account, signed)?,
            None => None,
        };
        let suspended = told.standing.as_ref().is_some_and(|it| it.suspended);
        let record = BusinessRecord { account, verified, suspended, looked_ms: cx.relay_now()? };
        let shown =
            |record: &BusinessRecord| record.verified.clone().map(|it| Verified { valid_until_ms: 0, ..it });
        let changed = before.as_ref().map(shown) != Some(shown(&record));
        cx.put(key::account(BUSINESS, account), &record);
        if account == self.me.account {
            learn_rating(cx, told);
        }
        if before.is_none() {
            self.windows_of(cx, account)?;
        }
        if changed {
            for with in self.conversations_with(cx, account)? {
                cx.event(Event::ConversationChanged(with));
            }
        }
        if let Some(signed) = &told.terms {
            self.learn_terms(cx, account, signed)?;
        }
        match &told.profile {
            Some(signed) => self.learn_profile(cx, account, signed),
            None => Ok(()),
        }
    }

    /// What a certificate says, when it is the operator's, of this account and good now.
    fn verified(
        &self,
        cx: &mut Cx<'_>,
        account: AccountId,
        signed: &wire::Signed,
    ) -> Result<Option<Verified>, EngineError> {
        let pinned: Option<[u8; 32]> = cx.records().read("platform key", &[PLATFORM])?;
        let Some(Ok(key)) = pinned.map(|pinned| SignatureKey::from_wire(&pinned)) else { return Ok(None) };
        let labelled = label::labelled(label::BUSINESS_CERTIFICATE, &signed.body);
        let holds = !cx.defends(Defence::Badge) || key.verify(&labelled, &signed.signature).is_ok();
        let certificate = wire::BusinessCertificate::decode(signed.body.clone()).ok();
        let now = cx.relay_now()?;
        let good =
            certificate.filter(|it| holds && it.account == account.as_ref() && it.valid_until_ms > now);
        if good.is_none() {
            cx.alert(None, Alert::FalseBadge);
        }
        Ok(good.map(|it| Verified {
            legal_name: it.legal_name,
            display_name: it.display_name,
            domain: it.domain,
            trade: it.trade,
            valid_until_ms: it.valid_until_ms,
        }))
    }

    /// Has the directory asked again about businesses that were not looked up for a day: what was suspended loses its
    /// badge so.
    pub(super) fn look_up_businesses(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let now = cx.relay_now()?;
        for record in cx.records().businesses()? {
            match record.account == self.me.account {
                // How it stands changes with every customer.
                true => self.ask_own_account(cx),
                false if record.looked_ms + DAY <= now => self.confirm(cx, record.account),
                false => {}
            }
        }
        Ok(())
    }

    /// The business and the customer that a conversation is between, when one of them is a business.
    fn dealing(
        &self,
        cx: &Cx<'_>,
        record: &ConversationRecord,
    ) -> Result<Option<(AccountId, AccountId)>, EngineError> {
        let (ConversationKind::Direct, Some(peer)) = (record.kind, record.peer) else { return Ok(None) };
        Ok(match () {
            () if cx.records().business(self.me.account)?.is_some() => Some((self.me.account, peer)),
            () if cx.records().business(peer)?.is_some() => Some((peer, self.me.account)),
            () => None,
        })
    }

    /// The category that content is sent under in a conversation; `None` where nothing is sent by name.
    pub(super) fn category(
        &self,
        cx: &Cx<'_>,
        record: &ConversationRecord,
        content: &Content<impl Sized>,
    ) -> Result<Option<wire::Category>, EngineError> {
        let Some((business, _)) = self.dealing(cx, record)? else { return Ok(None) };
        if cx.exists(&key::conversation(UNNAMED, record.id))? {
            return Ok(None);
        }
        Ok(Some(match business == self.me.account {
            true => match category_of(content) {
                Category::Service => wire::Category::Service,
                Category::Marketing => wire::Category::Marketing,
                Category::Authentication => wire::Category::Authentication,
            },
            // What a customer says opens the window; what their devices say does not.
            false if opens(content) => wire::Category::Service,
            false => wire::Category::None,
        }))
    }

    /// The relay says that the other is a business, which was not known here, or that the conversation is
    /// with one from now on, though it was begun before.
    pub(super) fn is_named(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        cx.store.delete(key::conversation(UNNAMED, id));
        let Some(peer) = cx.shown(id)?.and_then(|record| record.peer) else { return Ok(()) };
        if cx.records().business(peer)?.is_none() {
            cx.put(
                key::account(BUSINESS, peer),
                &BusinessRecord { account: peer, verified: None, suspended: false, looked_ms: 0 },
            );
        }
        self.confirm(cx, peer);
        Ok(())
    }

    /// Why this account may not say something to a customer, if it is a business that may not.
    pub(super) fn unconsented(
        &self,
        cx: &Cx<'_>,
        record: &ConversationRecord,
        content: &Content<impl Sized>,
    ) -> Result<Option<Refusal>, EngineError> {
        let Some((business, customer)) = self.dealing(cx, record)? else {
            return Ok(matches!(content, Content::Menu(_)).then_some(Refusal::NoBusiness));
        };
        if business != self.me.account {
            return Ok(match content {
                Content::Menu(_) => Some(Refusal::NoBusiness),
                _ => None,
            });
        }
        if !cx.defends(Defence::Consent) {
            return Ok(None);
        }
        let leave = cx.records().leave(business, customer)?;
        let category = category_of(content);
        let now = cx.relay_now()?;
        // What a device says by itself reaches nobody whose window is shut: the relay counts whom a business reaches.
        let by_itself = matches!(content, Content::Delivered(_) | Content::Read(_) | Content::Typing(_));
        if by_itself && leave.window_until_ms <= now {
            return Ok(Some(Refusal::WindowClosed));
        }
        let template = is_template(content) || !content.kind().row;
        Ok(match leave.allows(category, template, now) {
            true => None,
            false if leave.consent.as_ref().is_some_and(ConsentRecord::is_stop) => Some(Refusal::Stopped),
            false if leave.consent.is_some_and(|consent| consent.covers(category, now)) => {
                Some(Refusal::WindowClosed)
            }
            false if category == Category::Service => Some(Refusal::WindowClosed),
            false => Some(Refusal::ConsentNeeded),
        })
    }

    /// Whether what a business says is let in: the relay has looked already, and is not believed. `time` is when the
    /// relay took it.
    pub(super) fn lets_in(
        &self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        author: AccountId,
        content: &Content<impl Sized>,
        time: Millis,
    ) -> Result<bool, EngineError> {
        let dealing = self.dealing(cx, record)?;
        if matches!(content, Content::Menu(_)) && dealing.is_none_or(|(business, _)| business != author) {
            // Buttons are a business's: people could make them look like anything.
            cx.alert(Some(record.id), Alert::BadContent);
            return Ok(false);
        }
        let Some((business, customer)) = dealing else { return Ok(true) };
        if author != business || business == self.me.account || !cx.defends(Defence::Consent) {
            return Ok(true);
        }
        // What the relay was told that it is, and has counted it as, it has to be.
        let named = cx.arrived.as_ref().map_or(0, |arrived| arrived.category);
        if named != 0 && named != category_of(content).number() {
            cx.alert(Some(record.id), Alert::Unconsented(business));
            return Ok(false);
        }
        let leave = cx.records().leave(business, customer)?;
        // It may have waited at the relay while the grant ran out, not while a stop came in.
        let at = time.saturating_sub(GRACE);
        // Receipts and acts are no templates, and need an answer to be about.
        let template = is_template(content) || !content.kind().row;
        let allowed = leave.allows(category_of(content), template, at);
        if !allowed {
            cx.alert(Some(record.id), Alert::Unconsented(business));
        }
        Ok(allowed)
    }

    /// The customer has said something, on whichever of their devices: the window is open.
    pub(super) fn window_opens(
        &self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        author: AccountId,
        content: &Content<impl Sized>,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some((business, customer)) = self.dealing(cx, record)? else { return Ok(()) };
        if author != customer || !opens(content) {
            return Ok(());
        }
        // What was said before service was taken back, and comes after it, opens nothing.
        let withdrawn: Option<Millis> =
            cx.records().read("withdrawal", &key::withdrawn(business, customer))?;
        if withdrawn.is_some_and(|withdrawn| time < withdrawn) {
            return Ok(());
        }
        let at = key::window(business, customer);
        let before: Option<Millis> = cx.records().read("window", &at)?;
        cx.put(at, &before.unwrap_or_default().max(time.saturating_add(WINDOW)));
        Ok(())
    }

    /// An account is known as a business from now on: what customers have said within the day before opens windows too.
    fn windows_of(&self, cx: &mut Cx<'_>, account: AccountId) -> Result<(), EngineError> {
        let now = cx.relay_now()?;
        let since = now.saturating_sub(WINDOW);
        let mine = account == self.me.account;
        for record in cx.records().conversations()? {
            if record.kind != ConversationKind::Direct || !(mine || record.peer == Some(account)) {
                continue;
            }
            let rows = cx.records().messages(record.id, None, LOOKED_BACK)?;
            let taken = |row: &&MessageRecord| {
                let is_there = !matches!(row.state, MessageState::Queued | MessageState::Failed(_));
                is_there && (since..=now).contains(&row.sent_ms)
            };
            for row in rows.iter().filter(taken) {
                self.window_opens(cx, &record, row.author, &row.content, row.sent_ms)?;
            }
        }
        Ok(())
    }

    /// Grants categories to a business, in place of what was granted before; none is a stop, which counts
    /// here at once. More than stands is granted only to who tells what the customer was shown; to take
    /// something back nobody has to read anything first.
    pub(super) fn grant(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        agreement: Agreement,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let Agreement { mut categories, expires_ms, shown } = agreement;
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        let business = match self.dealing(cx, &record)? {
            Some((business, customer)) if customer == self.me.account => business,
            _ => return Ok(Err(Refusal::NoBusiness)),
        };
        categories.sort_unstable();
        categories.dedup();
        let before = cx.records().consent(business, self.me.account)?;
        let granted_ms = cx.relay_now()?;
        let stands = |category: &Category| {
            let covers = |it: &ConsentRecord| it.covers(*category, granted_ms) && it.expires_ms >= expires_ms;
            before.as_ref().is_some_and(covers)
        };
        let told = cx.records().terms(business)?.map(|it| it.hash());
        if shown != told && !categories.iter().all(stands) {
            return Ok(Err(Refusal::TermsChanged));
        }
        let revision = before.map_or(0, |before| before.revision.saturating_add(1)).max(granted_ms);
        let grant = wire::ConsentGrant {
            business: business.to_wire(),
            customer: self.me.account.to_wire(),
            device: self.me.device.to_wire(),
            categories: categories.iter().map(|category| category.number()).collect(),
            granted_ms,
            expires_ms,
            notice_hash: shown.map_or_else(Default::default, |hash| hash.to_vec().into()),
            nonce: cx.provider.rand.bytes::<16>().to_vec().into(),
            revision,
        };
        let body = grant.encode_to_vec();
        let signature = self.secret.sign(&label::labelled(label::CONSENT, &body)).to_vec();
        let receipt = wire::Signed { body: body.into(), signature: signature.into() }.encode_to_vec();
        let customer = self.me.account;
        let consent = ConsentRecord {
            business,
            customer,
            categories,
            granted_ms,
            expires_ms,
            revision,
            receipt,
            acknowledged: false,
            stopped: Vec::new(),
        };
        self.hold_consent(cx, &consent)?;
        self.settle_matter(cx, Matter::Grant { business, receipt: consent.receipt.clone() })?;
        self.tell_relay(cx, Chore::Consent(business, consent.receipt))?;
        cx.event(Event::ConversationChanged(record.id));
        Ok(Ok(()))
    }

    /// Keeps a consent; one that takes service back closes the window, as a stop does: it would let through
    /// until tomorrow what the customer has just refused.
    pub(super) fn hold_consent(&self, cx: &mut Cx<'_>, consent: &ConsentRecord) -> Result<(), EngineError> {
        let ConsentRecord { business, customer, granted_ms, .. } = *consent;
        let before = cx.records().consent(business, customer)?;
        let consent = &ConsentRecord { stopped: consent.stops(before.as_ref()), ..consent.clone() };
        let served = before.is_some_and(|before| before.covers(Category::Service, granted_ms));
        cx.put(key::consent(business, customer), consent);
        if consent.is_stop() || (served && !consent.categories.contains(&Category::Service)) {
            cx.store.delete(key::window(business, customer));
            cx.put(key::withdrawn(business, customer), &granted_ms);
        }
        let other = if business == self.me.account { customer } else { business };
        for with in self.conversations_with(cx, other)? {
            cx.event(Event::ConversationChanged(with));
        }
        Ok(())
    }

    /// The relay has a grant, or refuses it: the business hears of the one, and the other is told.
    pub(super) fn grant_answered(
        &mut self,
        cx: &mut Cx<'_>,
        business: AccountId,
        receipt: Vec<u8>,
        result: &Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let Some(consent) = cx.records().consent(business, self.me.account)? else { return Ok(()) };
        if consent.receipt != receipt {
            return Ok(());
        }
        if let Err(error) = result {
            let code = if error.code == ErrorCode::StaleConsent { None } else { Some(error.code.number()) };
            cx.alert(None, Alert::ConsentRefused(code));
            return Ok(());
        }
        cx.put(key::consent(business, self.me.account), &ConsentRecord { acknowledged: true, ..consent });
        for id in self.conversations_with(cx, business)? {
            // It is told where the two talk: a stop accepts no request, and begins nothing anew.
            let talk = |record: &ConversationRecord| {
                let accepted = record.standing == Standing::Accepted;
                record.id == id && accepted && record.state != ConversationState::Left
            };
            if let Some(record) = cx.shown(id)?.filter(talk) {
                let message = cx.new_message_id();
                let _ = self.say(cx, record.id, message, Content::Consent(receipt.clone()))?;
            }
        }
        Ok(())
    }

    /// A customer's receipt has come: it counts when their own device has signed it for this business.
    pub(super) fn consent_came(
        &self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        author: AccountId,
        receipt: &[u8],
    ) -> Result<bool, EngineError> {
        let Some((business, customer)) = self.dealing(cx, record)? else { return Ok(false) };
        let known = cx.records().consent(business, customer)?;
        let read = self.read_consent(cx, receipt)?;
        let Some(consent) =
            read.filter(|it| author == customer && it.business == business && it.customer == customer)
        else {
            cx.alert(Some(record.id), Alert::FalseConsent);
            return Ok(false);
        };
        if known.is_none_or(|known| known.revision < consent.revision) {
            self.hold_consent(cx, &consent)?;
            cx.event(Event::Consent(consent.customer));
        }
        Ok(true)
    }

    /// Another device of this account has granted something.
    pub(super) fn follow_grant(&self, cx: &mut Cx<'_>, receipt: &[u8]) -> Result<(), EngineError> {
        let Some(consent) = self.read_consent(cx, receipt)?.filter(|it| it.customer == self.me.account)
        else {
            return Ok(());
        };
        let known = cx.records().consent(consent.business, consent.customer)?;
        if known.is_none_or(|known| known.revision < consent.revision) {
            self.hold_consent(cx, &consent)?;
        }
        Ok(())
    }

    /// What a receipt says, when a device of its customer has signed it.
    pub(super) fn read_consent(
        &self,
        cx: &Cx<'_>,
        receipt: &[u8],
    ) -> Result<Option<ConsentRecord>, EngineError> {
        let Ok(signed) = wire::Signed::decode(receipt) else { return Ok(None) };
        let Ok(grant) = wire::ConsentGrant::decode(signed.body.clone()) else { return Ok(None) };
        let (Ok(business), Ok(customer)) =
            (AccountId::try_from(&grant.business), AccountId::try_from(&grant.customer))
        else {
            return Ok(None);
        };
        let device = lacre_proto::DeviceId::try_from(&grant.device).ok();
        let key = device.and_then(|device| {
            if customer == self.me.account {
                return self.list.entry(device).map(|entry| entry.signature_key);
            }
            self.knowing(cx, None).list_of(customer)?.entry(device).map(|entry| entry.signature_key)
        });
        let labelled = label::labelled(label::CONSENT, &signed.body);
        let holds = key.is_some_and(|key| key.verify(&labelled, &signed.signature).is_ok());
        let categories: Option<Vec<Category>> = grant.categories.iter().map(|it| Category::of(*it)).collect();
        let Some(categories) = categories.filter(|_| holds || !cx.defends(Defence::Consent)) else {
            return Ok(None);
        };
        Ok(Some(ConsentRecord {
            business,
            customer,
            categories,
            granted_ms: grant.granted_ms,
            expires_ms: grant.expires_ms,
            revision: grant.revision,
            receipt: receipt.to_vec(),
            acknowledged: true,
            stopped: Vec::new(),
        }))
    }

    /// Answers a menu with one of its choices.
    pub(super) fn answer_menu(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        menu: MessageId,
        choice: &str,
    ) -> Result<Result<(ConversationId, MessageId), Refusal>, EngineError> {
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        let Some(row) = cx.records().message(record.id, menu)? else {
            return Ok(Err(Refusal::NoSuchMessage));
        };
        let Content::Menu(content) = &row.content else { return Ok(Err(Refusal::NotOfThisKind)) };
        let found = content.choices().into_iter().find(|it| it.id == choice || it.title == choice);
        let Some(choice) = found.filter(|_| !row.mine) else { return Ok(Err(Refusal::NoSuchChoice)) };
        let id = cx.new_message_id();
        let said = self.say(cx, record.id, id, Content::Chosen { of: menu, choice })?;
        Ok(said.map(|()| (record.id, id)))
    }

    /// Sends the form of a menu back, filled in.
    pub(super) fn fill_in(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        menu: MessageId,
        answers: Vec<(String, Answer)>,
    ) -> Result<Result<(ConversationId, MessageId), Refusal>, EngineError> {
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        let Some(row) = cx.records().message(record.id, menu)? else {
            return Ok(Err(Refusal::NoSuchMessage));
        };
        let form = match &row.content {
            Content::Menu(menu) if !row.mine => menu.form(),
            _ => None,
        };
        let Some(form) = form else { return Ok(Err(Refusal::NotOfThisKind)) };
        if let Err((_, why)) = form.takes(&answers) {
            return Ok(Err(Refusal::Misfilled(why)));
        }
        let filled = Filled { id: form.id.clone(), answers };
        let id = cx.new_message_id();
        let said = self.say(cx, record.id, id, Content::Filled { of: menu, filled })?;
        Ok(said.map(|()| (record.id, id)))
    }
}

/// Keeps how this account stands with its relay.
fn learn_rating(cx: &mut Cx<'_>, told: &wire::Account) {
    let Some(standing) = &told.standing else { return };
    let quality = match standing.quality() {
        wire::Quality::Green => Quality::Green,
        wire::Quality::Yellow => Quality::Yellow,
        wire::Quality::Red => Quality::Red,
        // A relay that does not rate, or rates otherwise.
        wire::Quality::Unrated => return,
    };
    cx.put(vec![RATING], &Rating { quality, daily_limit: standing.daily_limit });
}

/// What content is for.
fn category_of(content: &Content<impl Sized>) -> Category {
    match content {
        Content::Menu(menu) => menu.template.as_ref().map_or(Category::Service, |template| template.category),
        _ => Category::Service,
    }
}

/// Whether content may be sent when the window is closed.
fn is_template(content: &Content<impl Sized>) -> bool {
    matches!(content, Content::Menu(menu) if menu.template.is_some())
}

/// Whether content is a person's own word, which opens the window.
fn opens(content: &Content<impl Sized>) -> bool {
    content.kind().row && !matches!(content, Content::Consent(_) | Content::Timer { .. } | Content::Unknown)
}
