//! Businesses, as their customers see them.

use lacre_engine::EngineError;
use lacre_engine::records::{ConsentRecord, ConversationRecord, Profile, Terms, Verified};
use lacre_proto::{AccountId, Handle, Millis};

use super::Views;

/// A business, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    /// The badge: drawn from nothing else. `None` where the operator has not verified it, or it is over.
    pub verified: Option<Verified>,
    /// What it may write, as this account has said last.
    pub consent: Option<ConsentRecord>,
    /// Until when it may answer freely what this account has written.
    pub window_until: Millis,
    /// The display name of another business, a verified one, that its handle looks like. Not made safe for a screen.
    pub looks_like: Option<String>,
    /// What it keeps, and who acts for it; `None` when it has told nothing. Not made safe for a screen.
    pub terms: Option<Terms>,
    /// The hash of what it tells: who is shown it agrees to that and nothing else
    /// ([`Agreement`](crate::Agreement)).
    pub terms_hash: Option<[u8; 32]>,
    /// What it says of itself, which nobody has checked; `None` when it has said nothing. Not made safe for a screen.
    pub profile: Option<Profile>,
}

impl Views<'_> {
    pub(super) fn business_of(&self, record: &ConversationRecord) -> Result<Option<Business>, EngineError> {
        match record.peer {
            Some(peer) => self.business_called(peer, record.name()),
            None => Ok(None),
        }
    }

    /// The business that has a handle, as its customer sees it, whether anything was said to it or not; `None` when
    /// nobody who is known here has it, or they are no business.
    pub fn business(&self, handle: &Handle) -> Result<Option<Business>, EngineError> {
        match self.records().contact_by_handle(handle)? {
            Some(contact) => self.business_called(contact.account, handle.as_str()),
            None => Ok(None),
        }
    }

    /// The picture that a business shows of itself, a small file that calls itself a JPEG; `None` when it shows none.
    pub fn business_picture(&self, handle: &Handle) -> Result<Option<Vec<u8>>, EngineError> {
        let Some(contact) = self.records().contact_by_handle(handle)? else { return Ok(None) };
        Ok(Some(self.records().profile_picture(contact.account)?).filter(|picture| !picture.is_empty()))
    }

    fn business_called(&self, peer: AccountId, name: &str) -> Result<Option<Business>, EngineError> {
        let Some(me) = self.me()? else { return Ok(None) };
        let Some(known) = self.records().business(peer)? else { return Ok(None) };
        if self.records().business(me.account)?.is_some() {
            return Ok(None);
        }
        let leave = self.records().leave(peer, me.account)?;
        let terms = self.records().terms(peer)?;
        // Who was verified goes by a name that an operator has looked at.
        let looks_like = match known.verified {
            Some(_) => None,
            None => self.looks_like(Some(peer), [name])?,
        };
        Ok(Some(Business {
            looks_like,
            verified: known.verified,
            consent: leave.consent,
            window_until: leave.window_until_ms,
            terms_hash: terms.as_ref().map(|it| it.hash()),
            terms: terms.map(|it| it.terms),
            profile: self.records().profile(peer)?.map(|it| it.profile),
        }))
    }

    /// The verified business, other than this account itself, that one of these names looks like: its display name.
    /// Those are compared that this device has met.
    pub(crate) fn looks_like<'a>(
        &self,
        who: Option<AccountId>,
        names: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Result<Option<String>, EngineError> {
        let known = self.records().businesses()?.into_iter();
        let others = known.filter(|business| Some(business.account) != who).filter_map(|it| it.verified);
        let mut alike = others.map(|verified| verified.display_name);
        Ok(alike.find(|known| names.clone().into_iter().any(|name| lacre_guard::alike(known, name))))
    }
}
