//! What must hold at the end: all devices of all members of a conversation show the same, in the same order, from
//! where each came in, and know the same members, admins and facts; who is out of a group shows nothing that was
//! said after that.

use std::collections::{BTreeMap, BTreeSet};

use lacre_client::view::{Body, Message, Sending, Views};
use lacre_engine::records::{ConversationKind, ConversationState};
use lacre_proto::wire::item::Kind;
use lacre_proto::{ConversationId, Handle, Millis};

use super::Report;
use super::life::Life;
use crate::device::Device;
use crate::world::World;

/// A row as everybody must see it, and when it was said.
type Line = (Millis, String);

pub(super) fn check(world: &World, life: &Life, report: &mut Report) {
    let devices = life.all();
    let mut by_conversation: BTreeMap<ConversationId, Vec<&str>> = BTreeMap::new();
    for name in &devices {
        report.devices += 1;
        for record in world.device(name).records().conversations().expect("readable") {
            let settled = matches!(record.state, ConversationState::Open | ConversationState::Left);
            let merged = matches!(record.state, ConversationState::MergedInto(_));
            assert!(settled || merged, "{name}: a conversation is {:?}, seed {}", record.state, world.seed());
            if record.state == ConversationState::Open {
                by_conversation.entry(record.id).or_default().push(name);
            }
        }
    }
    for (id, members) in by_conversation {
        the_same_state(world, id, &members);
        the_same_lines(world, id, &members, report);
    }
    for name in &devices {
        nothing_after_the_end(world, name);
    }
    for own in life.devices.values() {
        stars_are_alike(world, own);
    }
    report.commits = commits(world, &devices);
}

/// How many commits the relay has accepted, as far as anybody here saw them.
fn commits(world: &World, devices: &[String]) -> u64 {
    let items = devices.iter().flat_map(|name| world.evil.items(name));
    let places = items.filter_map(|item| match &item.kind {
        Some(Kind::Committed(commit)) => Some((commit.conversation.clone(), commit.sequence)),
        _ => None,
    });
    places.collect::<BTreeSet<_>>().len() as u64
}

/// Members, admins, rules and facts, and the epoch.
fn the_same_state(world: &World, id: ConversationId, members: &[&str]) {
    let state = |name: &str| {
        let records = world.device(name).records();
        let record = records.conversation(id).expect("readable").expect("it is there");
        let group = records.group(id).expect("readable");
        let title = (record.kind == ConversationKind::Group).then_some(record.title);
        let people = records.group_members(id).expect("readable").into_iter();
        let people: Vec<_> = people.map(|it| (it.handle, it.admin, it.devices, it.label)).collect();
        format!("{title:?} {group:?} {people:?} {:?}", world.device(name).epoch_of(id))
    };
    let first = state(members[0]);
    for name in &members[1..] {
        assert_eq!(state(name), first, "{name} and {} of {id:?}, seed {}", members[0], world.seed());
    }
}

/// The one that came in first has seen all; each other shows all of it that was said since it came in.
fn the_same_lines(world: &World, id: ConversationId, members: &[&str], report: &mut Report) {
    let came = |name: &str| came_in(world, name, id);
    let first = *members.iter().min_by_key(|name| came(name).0).expect("somebody is in it");
    let whole = lines(world.device(first), id);
    for name in members {
        let (_, last) = came(name);
        let since = |line: &&Line| line.0 > last;
        let must: Vec<&Line> = whole.iter().filter(since).collect();
        let shown = lines(world.device(name), id);
        let shows: Vec<&Line> = shown.iter().filter(since).collect();
        report.rows += shows.len() as u64;
        if must != shows {
            let differs = must.iter().zip(&shows).position(|(one, other)| one != other);
            let at = differs.unwrap_or(must.len().min(shows.len()));
            let coming = |name: &str| came_in(world, name, id);
            println!("{first} came in at {:?}, {name} at {:?}", coming(first), coming(name));
            shown.iter().for_each(|line| println!("  {name}: {line:?}"));
            world.device(name).events().iter().for_each(|event| println!("  {name}: {event:?}"));
            panic!(
                "{name} and {first} do not show the same, seed {}\n{first}: {:#?}\n{name}: {:#?}",
                world.seed(),
                must.get(at.saturating_sub(2)..(at + 3).min(must.len())),
                shows.get(at.saturating_sub(2)..(at + 3).min(shows.len())),
            );
        }
    }
}

/// All devices of one account show the same stars, as far as they show the same messages.
fn stars_are_alike(world: &World, own: &[String]) {
    for (one, other) in own.iter().flat_map(|one| own.iter().map(move |other| (one, other))) {
        let there = world.device(other).records();
        for (conversation, message) in world.device(one).records().stars(None).expect("readable") {
            if there.message(conversation, message).expect("readable").is_some() {
                let starred = there.is_starred(conversation, message).expect("readable");
                assert!(starred, "{one} shows a star that {other} does not, seed {}", world.seed());
            }
        }
    }
}

/// Who was removed, or left, shows nothing of what was said after that.
fn nothing_after_the_end(world: &World, name: &str) {
    let device = world.device(name);
    for record in device.records().conversations().expect("readable") {
        if record.state != ConversationState::Left {
            continue;
        }
        let me = device.device().to_wire();
        let gone = world.evil.items(name).iter().filter_map(|item| match &item.kind {
            Some(Kind::Committed(commit))
                if commit.conversation == record.id.to_wire() && commit.removed.contains(&me) =>
            {
                Some(item.time_ms)
            }
            _ => None,
        });
        let Some(gone) = gone.max() else { continue };
        let later = lines(device, record.id).into_iter().find(|(said, _)| *said > gone);
        assert_eq!(later, None, "{name} shows what was said after it was gone, seed {}", world.seed());
    }
}

/// When a device came into a conversation: the first time, and the last.
fn came_in(world: &World, name: &str, id: ConversationId) -> (Millis, Millis) {
    let welcomes = world.evil.items(name).iter().filter_map(|item| match &item.kind {
        Some(Kind::Welcomed(welcome)) if welcome.conversation == id.to_wire() => Some(item.time_ms),
        _ => None,
    });
    let welcomes: Vec<Millis> = welcomes.collect();
    // Who made it needed no Welcome.
    let made = world.evil.items(name).iter().any(|item| match &item.kind {
        Some(Kind::Committed(commit)) => commit.conversation == id.to_wire() && commit.commit.is_empty(),
        _ => false,
    });
    let first = if made { 0 } else { welcomes.iter().copied().min().unwrap_or(Millis::MAX) };
    (first, welcomes.into_iter().max().unwrap_or(0))
}

/// The rows of a conversation without what each device has for itself: where they stand on it, what was read.
fn lines(device: &Device, id: ConversationId) -> Vec<Line> {
    let views = Views(device.store().rows());
    let rows = views.messages_after(id, None, usize::MAX).expect("readable");
    let left = |message: &Message| !matches!(message.state, Some(Sending::Sending | Sending::Failed(_)));
    rows.into_iter().filter(left).map(line).collect()
}

/// What a message answers is not compared: who came later does not know it. Nor is what a person sees alone: stars
/// are compared between one's own devices, see [`stars_are_alike`].
fn line(message: Message) -> Line {
    let Message { from, body, sent, marks, .. } = message;
    let body = match body {
        Body::Poll(poll) => {
            let options = poll.options.into_iter().map(|option| (option.text, names(option.who)));
            format!("{} {:?} {:?}", poll.question, options.collect::<Vec<_>>(), poll.closed)
        }
        body => format!("{body:?}"),
    };
    let reactions = marks.reactions.into_iter().map(|reaction| (reaction.emoji, names(reaction.who)));
    let mut reactions: Vec<_> = reactions.collect();
    reactions.sort();
    let marks = (reactions, marks.edited, marks.forwarded, marks.pinned_by.map(|by| by.to_string()));
    (sent, format!("{from}: {body}, {marks:?}"))
}

fn names(people: Vec<Handle>) -> Vec<String> {
    let mut names: Vec<String> = people.iter().map(Handle::to_string).collect();
    names.sort();
    names
}
