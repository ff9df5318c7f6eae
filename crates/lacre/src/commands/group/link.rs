//! `lacre group link`, `join`, `requests`: the link of a group, and who asks by it. The rest of `group` is beside it.

use std::path::Path;

use lacre_client::GroupLink;
use lacre_client::groups::Asker;
use lacre_client::view::Views;
use lacre_proto::{ConversationId, Handle, Millis};
use serde_json::json;

use super::Context;
use crate::exit::{Exit, Failure};
use crate::safe_text::safe_line;
use crate::{output, qr};

/// The link that was typed, or that is in an image.
pub(super) fn read(link: &str) -> Result<GroupLink, Failure> {
    let bad = |error: lacre_client::BadGroupLink| Failure::new(Exit::Usage, "bad_group_link", error);
    match link.parse() {
        Err(lacre_client::BadGroupLink::Malformed) if Path::new(link).is_file() => {
            let bytes =
                std::fs::read(link).map_err(|error| Failure::io("the image cannot be read", &error))?;
            let text = qr::read_png(&bytes).map_err(|why| Failure::new(Exit::Usage, "no_code", why))?;
            text.parse().map_err(bad)
        }
        link => link.map_err(bad),
    }
}

/// Shows the link of a group, if this device has made the one that stands.
pub(super) fn show(context: &Context, views: &Views<'_>, id: ConversationId) -> Result<(), Failure> {
    let Some((link, until)) = views.group_link(id)? else {
        let stands = views.group(id)?.is_some_and(|group| group.link.is_some());
        if context.json {
            return output::object(&json!({"link": null, "on": stands}));
        }
        return output::line(match stands {
            true => {
                "This group has a link that was made on another device, and only that device can show it. \
                 `lacre group link NAME --new` makes another, and ends the one before."
            }
            false => "This group has no link. `lacre group link NAME --new` makes one.",
        });
    };
    let text = link.to_string();
    if context.json {
        let until = (until > 0).then(|| output::rfc3339(until));
        return output::object(&json!({"link": text, "on": true, "until": until}));
    }
    let until = match until {
        0 => String::new(),
        until => format!(" until {}", output::local(until, "%Y-%m-%d %H:%M")),
    };
    let picture = qr::printed(&text).unwrap_or_default();
    output::line(&format!(
        "{picture}\n{text}\n\nWhoever has this link can ask you to be let in{until}:\n\n  lacre group join {text}\n\n\
         Nobody gets in by it alone: `lacre group requests NAME` lists who asks, `lacre group approve NAME HANDLE` lets \
         somebody in."
    ))
}

/// Lists who asks.
pub(super) fn requests(context: &Context, views: &Views<'_>, id: ConversationId) -> Result<(), Failure> {
    let askers = views.askers(id)?;
    if askers.is_empty() && !context.json {
        return output::line("Nobody asks to be let into this group.");
    }
    for asker in askers {
        match context.json {
            true => output::object(&json!({
                "from": asker.person.handle.as_str(),
                "account": asker.person.account.to_string(),
                "confirmed": asker.person.confirmed,
                "goes_by": asker.goes_by,
                "common_groups": asker.common_groups,
                "asked_at": output::rfc3339(asker.asked),
            }))?,
            false => output::line(&line(&asker))?,
        }
    }
    Ok(())
}

fn line(Asker { person, goes_by, common_groups, asked, conversation: _ }: &Asker) -> String {
    let known = match person.confirmed {
        true => "as the relay's directory says",
        false => "as they say; the relay's directory has not said so",
    };
    let name = goes_by.as_ref().map_or(String::new(), |name| format!(", goes by {}", safe_line(name)));
    let groups: Vec<String> = common_groups.iter().map(|name| safe_line(name)).collect();
    let groups = match groups.as_slice() {
        [] => ", in no group with you".to_owned(),
        groups => format!(", also in {}", groups.join(", ")),
    };
    let asked = output::local(*asked, "%Y-%m-%d %H:%M");
    format!("{}, {known}{name}{groups}  ({asked})", person.handle)
}

/// The account of somebody who asks.
pub(super) fn asker(
    views: &Views<'_>,
    id: ConversationId,
    person: &Handle,
) -> Result<lacre_proto::AccountId, Failure> {
    let found = views.askers(id)?.into_iter().find(|asker| asker.person.handle == *person);
    found.map(|asker| asker.person.account).ok_or_else(|| {
        let why = format!("{person} has not asked to be let into this group, or is in it already");
        Failure::new(Exit::Refused, "nobody_asked", why)
    })
}

/// Until when a link is good that is made now.
pub(super) fn until(days: Option<u32>, now: Millis) -> Millis {
    days.map_or(0, |days| now + Millis::from(days) * 24 * 3600 * 1000)
}
