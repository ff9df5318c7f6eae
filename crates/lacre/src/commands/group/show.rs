//! `lacre group list`, `show`, and the picture: how a group stands on this device.

use std::path::Path;

use lacre_client::EngineError;
use lacre_client::groups::BadName;
use lacre_client::records::{Allowed, ConversationKind, ConversationState, GroupRecord, Rules, Trust};
use lacre_client::told::rules_in_words;
use lacre_client::view::Views;
use lacre_proto::ConversationId;
use serde_json::{Value, json};

use super::Context;
use crate::commands::names::bad_name;
use crate::exit::{Exit, Failure};
use crate::new_file::{NewFile, unwritten};
use crate::output;
use crate::safe_text::{safe_line, safe_text};

pub(super) fn list(context: &Context, views: &Views<'_>) -> Result<(), Failure> {
    let groups = views.conversations()?.into_iter().filter(|it| it.kind == ConversationKind::Group);
    let mut none = true;
    for group in groups {
        none = false;
        if context.json {
            output::object(&group_json(views, group.id)?)?;
            continue;
        }
        let members = views.group_members(group.id)?.len();
        let left = if group.state == ConversationState::Left { "  (you are not in it any more)" } else { "" };
        output::line(&format!("{}  {members} members  {}{left}", group.id, safe_line(&group.name)))?;
    }
    if none && !context.json {
        output::line("You are in no group. `lacre group create NAME --with ana,bruno` makes one.")?;
    }
    Ok(())
}

pub(super) fn show(context: &Context, views: &Views<'_>, id: ConversationId) -> Result<(), Failure> {
    if context.json {
        return output::object(&group_json(views, id)?);
    }
    let (Some(conversation), Some(group)) = (views.conversation(id)?, views.group(id)?) else {
        return Err(bad_name(BadName::NoSuchGroup));
    };
    output::line(&safe_line(&conversation.name))?;
    if !group.description.is_empty() {
        output::line(&safe_text(&group.description))?;
    }
    if conversation.state == ConversationState::Left {
        output::line("You are not in this group any more.")?;
    }
    output::line(&format!("Rules: {}.", rules_in_words(group.rules)))?;
    for member in views.group_members(id)? {
        let admin = if member.admin { "  admin" } else { "" };
        let me = if member.me { "  (you)" } else { "" };
        let label =
            if member.label.is_empty() { String::new() } else { format!("  {}", safe_line(&member.label)) };
        let devices =
            if member.devices == 1 { "1 device".to_owned() } else { format!("{} devices", member.devices) };
        let trust = match member.trust {
            Trust::Pinned => "",
            Trust::Verified => "  verified",
            Trust::Changed => "  IDENTITY CHANGED: `lacre safety` shows it",
            Trust::New => "  NEW IDENTITY, not accepted",
            Trust::Past => "  a past identity",
        };
        output::line(&format!("{}{me}{admin}  {devices}{label}{trust}", member.handle))?;
    }
    Ok(())
}

pub(super) fn group_json(views: &Views<'_>, id: ConversationId) -> Result<Value, EngineError> {
    let conversation = views.conversation(id)?.ok_or(EngineError::Corrupt("conversation"))?;
    let group = views.group(id)?.ok_or(EngineError::Corrupt("group"))?;
    let GroupRecord { rules, description, picture, leaving, .. } = &group;
    let members: Vec<Value> = views
        .group_members(id)?
        .into_iter()
        .map(|member| {
            json!({
                "handle": member.handle.as_str(),
                "account": member.account.to_string(),
                "me": member.me,
                "admin": member.admin,
                "devices": member.devices,
                "label": member.label,
                "trust": member.trust.name(),
                "leaving": leaving.contains(&member.account),
            })
        })
        .collect();
    let state = match conversation.state {
        ConversationState::Opening => "opening",
        ConversationState::Open => "open",
        ConversationState::OutOfStep => "out_of_step",
        ConversationState::Left => "left",
        ConversationState::MergedInto(_) => "merged",
    };
    Ok(json!({
        "id": id.to_string(),
        "name": conversation.name,
        "description": description,
        "picture_bytes": picture.len(),
        "link": group.link.is_some(),
        "asking": views.askers(id)?.len(),
        "state": state,
        "unread": conversation.unread,
        "rules": rules_json(*rules),
        "members": members,
    }))
}

fn rules_json(rules: Rules) -> Value {
    let who = |allowed| match allowed {
        Allowed::All => "all",
        Allowed::Admins => "admins",
    };
    json!({"add": who(rules.add), "edit": who(rules.edit), "send": who(rules.send)})
}

pub(super) fn tell_rules(context: &Context, rules: Rules) -> Result<(), Failure> {
    if context.json {
        return output::object(&rules_json(rules));
    }
    output::line(&format!("Rules: {}.", rules_in_words(rules)))
}

pub(super) fn write_picture(
    context: &Context,
    views: &Views<'_>,
    id: ConversationId,
    to: &Path,
) -> Result<(), Failure> {
    let picture = views.group(id)?.map(|group| group.picture).unwrap_or_default();
    if picture.is_empty() {
        return Err(Failure::new(
            Exit::Refused,
            "no_picture",
            "this group has no picture; nothing was written",
        ));
    }
    let written = NewFile::create(to).and_then(|file| file.fill(&picture));
    written.map_err(|error| unwritten(to, &error))?;
    let to = to.display().to_string();
    match context.json {
        true => output::object(&json!({"to": to, "bytes": picture.len()})),
        false => output::line(&format!("The picture is in {to}. It is what a member has sent: take care.")),
    }
}
