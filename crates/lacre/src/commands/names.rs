//! Whom a name means: the same in every command.

use lacre_client::groups::{BadName, Whom};
use lacre_client::records::ConversationKind;
use lacre_client::view::Views;
use lacre_client::{EngineError, OpenError, To, profile};
use lacre_proto::ConversationId;

use crate::exit::{Exit, Failure};
use crate::person::Person;
use crate::safe_text::safe_line;

/// To whom something is said: into a conversation that is there, or to a person. A name that could be a person's is
/// never taken for a group's: anybody can name a group like somebody.
/// A link to a business is the business.
pub(super) fn to(views: &Views<'_>, name: &str) -> Result<To, Failure> {
    if Person::is_link(name) {
        let person: Person = name.parse().map_err(Failure::usage)?;
        let relay = profile::endpoint(views.0).map_err(OpenError::from)?.ok_or(OpenError::NotSignedUp)?;
        return Ok(To::Person(person.at(&relay.address)?.clone()));
    }
    if let Some(own) = own(views, name)? {
        return Ok(To::Conversation(own));
    }
    Ok(match views.whom(name)?.map_err(bad_name)? {
        Whom::Person(handle) => To::Person(handle),
        Whom::Group(group) => To::Conversation(group),
    })
}

/// The conversation of a name.
pub(super) fn conversation(views: &Views<'_>, name: &str) -> Result<ConversationId, Failure> {
    let found = match to(views, name)? {
        To::Conversation(id) => Some(id),
        To::Person(handle) => views.direct_with(&handle)?,
    };
    found.ok_or_else(|| {
        let why =
            format!("there is no conversation with {} on this device; nothing was done", safe_line(name));
        Failure::new(Exit::Refused, "no_such_conversation", why)
    })
}

/// The conversation with oneself, by what it is called or by one's own handle.
pub(super) fn own(views: &Views<'_>, name: &str) -> Result<Option<ConversationId>, EngineError> {
    let handle = name.strip_prefix('@').unwrap_or(name);
    let mut own = views.conversations()?.into_iter().filter(|it| it.kind == ConversationKind::Own);
    let is_named = |it: &lacre_client::view::Conversation| {
        it.name == name || it.with.as_ref().is_some_and(|me| me.as_str() == handle)
    };
    Ok(own.find(is_named).map(|it| it.id))
}

/// A name that leads to no conversation.
pub(super) fn bad_name(error: BadName) -> Failure {
    let code = match &error {
        BadName::NoSuchGroup => "no_such_group",
        BadName::SeveralGroups => "several_groups",
        BadName::GroupOrPerson(_) => "group_or_person",
    };
    let next = match &error {
        BadName::NoSuchGroup => "; nothing was done. `lacre group list` lists those that there are",
        _ => "",
    };
    Failure::new(Exit::Refused, code, format!("{}{next}", safe_line(&error.to_string())))
}
