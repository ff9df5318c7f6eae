//! What the relay's operator has made of the business, in the API's words; and what programs are told when it changes.

use lacre_store::data::{Batch, Key};
use serde::{Deserialize, Serialize};

use super::apps::Notice;
use super::error::ApiError;
use crate::chat::{Chat, Review};
use crate::node::{Node, Ports};
use crate::store::{StoreError, bytes_of, table};

/// The words for how the business stands, one for each field that tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    /// `account_review_status`.
    pub review: &'static str,
    /// `business_verification_status`.
    pub verification: &'static str,
    /// `name_status` of the number.
    pub name: &'static str,
    /// `code_verification_status` of the number: whether somebody has seen whose it is.
    pub code: &'static str,
}

impl Words {
    fn of(review: Option<&Review>) -> Self {
        let (review, verification, name, code) = match review {
            None => ("PENDING", "not_verified", "NONE", "NOT_VERIFIED"),
            Some(Review { suspended: true, .. }) => ("REJECTED", "revoked", "NONE", "NOT_VERIFIED"),
            Some(Review { verified: None, .. }) => ("PENDING", "pending", "PENDING_REVIEW", "NOT_VERIFIED"),
            Some(Review { verified: Some(_), .. }) => ("APPROVED", "verified", "APPROVED", "VERIFIED"),
        };
        Self { review, verification, name, code }
    }
}

/// How the business stands now.
pub(super) struct Standing {
    /// Whether the directory knows it as a business.
    pub is_known: bool,
    /// The operator has suspended it.
    pub suspended: bool,
    /// The verified name; the handle until there is one.
    pub name: String,
    /// The rest in words.
    pub words: Words,
}

/// How the business stands now, as the device knows it.
pub(super) fn standing<P: Ports>(node: &Node<P>) -> Result<Standing, ApiError> {
    let review = node.chat.review()?;
    let words = Words::of(review.as_ref());
    let (is_known, suspended) = (review.is_some(), review.as_ref().is_some_and(|it| it.suspended));
    let name = review.and_then(|it| it.verified).unwrap_or_else(|| node.settings.name.clone());
    Ok(Standing { is_known, suspended, name, words })
}

/// What programs were told of it last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Told {
    verified: Option<String>,
    suspended: bool,
}

/// What is news to who was told the one.
fn news(before: &Told, now: &Told) -> Vec<Notice> {
    let mut news = Vec::new();
    if before.suspended != now.suspended {
        news.push(Notice::Suspended(now.suspended));
    }
    if before.verified.is_some() != now.verified.is_some() {
        news.push(Notice::Verified(now.verified.is_some()));
    }
    if let Some(name) = now.verified.as_ref().filter(|_| before.verified != now.verified) {
        news.push(Notice::Named(name.clone()));
    }
    news
}

impl<P: Ports> Node<P> {
    /// Takes in what the relay's operator has made of the business; programs are told what is news. Told first and kept
    /// then: who dies between the two tells again.
    pub async fn learn_review(&self) -> Result<(), StoreError> {
        let review = match self.chat.review() {
            Ok(Some(review)) => review,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::warn!(%error, "what the operator made of the business is not known just now");
                return Ok(());
            }
        };
        let before: Told =
            self.store.read("what was told of the business", &key()).await?.unwrap_or_default();
        // Who is suspended shows no badge, and has it again when that is over: it is no news of its own.
        let verified = if review.suspended { before.verified.clone() } else { review.verified };
        let now = Told { verified, suspended: review.suspended };
        if now == before {
            return Ok(());
        }
        for notice in news(&before, &now) {
            self.tell(notice).await;
        }
        self.store.write(Batch::new().put(key(), bytes_of(&now))).await
    }
}

fn key() -> Key {
    Key::new(table::PROFILE, &[b"v"])
}
