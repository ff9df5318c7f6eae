//! Who asks: the owner of the machine, or somebody who has signed in. A token of the Cloud API opens nothing here.

use axum::http::HeaderMap;
use lacre_store::data::Data;
use zeroize::Zeroizing;

use super::routes::{Need, Route};
use super::{Door, Own, OwnError};
use crate::api::signed::bearer;
use crate::audit::Who;
use crate::clock::Clock;
use crate::people::{Action, Actor, By, Person};

/// Who asks.
pub(super) enum Caller {
    /// Nobody yet: somebody about to sign in.
    Stranger,
    /// Whoever owns the machine.
    Console,
    /// Somebody who has signed in, with the secret of their session.
    Person(Actor, Zeroizing<String>),
}

impl Caller {
    /// Who asks without having to have signed in.
    pub(super) fn stranger(door: Door) -> Self {
        match door {
            Door::Listener => Self::Stranger,
            Door::Console => Self::Console,
        }
    }

    /// Who asks; an error when it is nobody.
    pub(super) async fn of<D: Data, K: Clock>(
        own: &Own<D, K>,
        door: Door,
        headers: &HeaderMap,
    ) -> Result<Self, OwnError> {
        if door == Door::Console {
            return Ok(Self::Console);
        }
        let secret = bearer(headers).ok_or(OwnError::NotSignedIn)?;
        let actor = own.people.session(secret, own.now()).await?;
        Ok(Self::Person(actor, Zeroizing::new(secret.to_owned())))
    }

    /// Whether they may do this, at this path. Where it is done in an inbox, whoever does it asks [`Self::sees`] too.
    pub(super) fn may(&self, route: &Route, path: &[String]) -> Result<(), OwnError> {
        let actor = match self {
            Self::Console => return Ok(()),
            Self::Stranger if route.need == Need::Nothing => return Ok(()),
            Self::Stranger => return Err(OwnError::NotSignedIn),
            Self::Person(actor, _) => actor,
        };
        let may = |action: Action| actor.may(action, None);
        let themselves = path.get(1).is_some_and(|it| *it == actor.person().id.to_string());
        let fine = match route.need {
            Need::Nothing | Need::SignedIn => true,
            Need::May(action) => may(action),
            Need::MayOrSelf(action) => themselves || may(action),
            Need::In(action) => actor.person().role.may(action),
        };
        if fine { Ok(()) } else { Err(OwnError::NotAllowed) }
    }

    /// Whether they may do something beside what the route asks for.
    pub(super) fn does(&self, action: Action) -> bool {
        match self {
            Self::Stranger => false,
            Self::Console => true,
            Self::Person(actor, _) => actor.may(action, None),
        }
    }

    /// Whether they see an inbox.
    pub(super) fn sees(&self, inbox: &str) -> bool {
        match self {
            Self::Stranger => false,
            Self::Console => true,
            Self::Person(actor, _) => actor.person().inboxes.as_ref().is_none_or(|it| it.contains(inbox)),
        }
    }

    /// Whether they see somebody of the business.
    pub(super) fn sees_person(&self, other: &Person) -> bool {
        match self {
            Self::Stranger => false,
            Self::Console => true,
            Self::Person(actor, _) => actor.sees(other),
        }
    }

    /// Whether their role does something, in the inboxes that they see.
    pub(super) fn does_where_they_see(&self, action: Action) -> bool {
        match self {
            Self::Person(actor, _) => actor.person().role.may(action),
            other => other.does(action),
        }
    }

    /// Their number, when they are one of the people.
    pub(super) fn person(&self) -> Option<u64> {
        match self {
            Self::Person(actor, _) => Some(actor.person().id),
            Self::Stranger | Self::Console => None,
        }
    }

    /// Who they are where people are changed.
    pub(super) fn by(&self) -> Result<By<'_>, OwnError> {
        match self {
            Self::Stranger => Err(OwnError::NotSignedIn),
            Self::Console => Ok(By::Operator),
            Self::Person(actor, _) => Ok(By::Actor(actor)),
        }
    }

    /// Who they are in the audit log.
    pub(super) fn who(&self) -> Who {
        match self {
            // What a stranger does is signing in, which says who they are.
            Self::Stranger => Who::Node,
            Self::Console => Who::Operator,
            Self::Person(actor, _) => Who::Person(actor.person().id),
        }
    }
}
