//! `lacre group`: groups are made, changed, looked at and left. What changes a group returns when the members'
//! devices can see it, or leaves it in the outbox.

mod link;
mod show;

use std::time::Duration;

use lacre_client::clock::{Clock, SystemClock};
use lacre_client::content::{Fact, MessageId};
use lacre_client::records::{Allowed, Change, ConversationState, Rules};
use lacre_client::store::Store;
use lacre_client::told::sentence;
use lacre_client::view::{Body, Message, Sending, Views};
use lacre_client::{Client, EngineError, OpenError};
use lacre_proto::{ConversationId, Handle};
use serde_json::json;

use super::Context;
use super::names::bad_name;
use crate::cli::{AllowedArg, GroupArgs, GroupCommand, RoleArg};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;
use crate::wait::{Reach, Reached};

pub(super) async fn run(context: &Context, args: GroupArgs) -> Result<(), Failure> {
    let GroupArgs { command, no_wait, timeout } = args;
    let store = context.profile.open(context.passphrase_fd).await?;
    match &command {
        GroupCommand::List => {
            let reader = store.snapshot().map_err(OpenError::from)?;
            return show::list(context, &Views(reader.as_ref()));
        }
        GroupCommand::Show { group } => {
            let reader = store.snapshot().map_err(OpenError::from)?;
            let views = Views(reader.as_ref());
            let id = named(&views, group)?;
            return show::show(context, &views, id);
        }
        GroupCommand::Link { group, new: false, off: false, .. } => {
            let reader = store.snapshot().map_err(OpenError::from)?;
            let views = Views(reader.as_ref());
            let id = named(&views, group)?;
            return link::show(context, &views, id);
        }
        GroupCommand::Picture { group, image: None, off: false, to: Some(to) } => {
            let reader = store.snapshot().map_err(OpenError::from)?;
            let views = Views(reader.as_ref());
            return show::write_picture(context, &views, named(&views, group)?, to);
        }
        _ => {}
    }
    let client = context.profile.client(store)?;
    let no_wait = no_wait || context.profile.offline();
    let wait = (!no_wait).then(|| Duration::from_secs(timeout));
    let outcome = match command {
        GroupCommand::Join { link } => join(context, &client, &link, wait).await,
        GroupCommand::Requests { group } => requests(context, &client, &group, wait).await,
        command => change(context, &client, command, wait).await,
    };
    client.close().await;
    outcome
}

/// What a wish comes to, as the group shows it.
enum Goal {
    /// These people are in it.
    In(Vec<Handle>),
    /// These people are not in it.
    Out(Vec<Handle>),
    Left,
    Role(Handle, bool),
    Rules(Rules),
    /// What was said is at the relay.
    Said(MessageId),
    /// The same of a link, which is then shown.
    Link(MessageId, bool),
}

async fn change(
    context: &Context,
    client: &Client,
    command: GroupCommand,
    wait: Option<Duration>,
) -> Result<(), Failure> {
    let find = |name: &str| client.read(|views| views.group_named(name)).map_err(Failure::from);
    let find = |name: &str| find(name)?.map_err(bad_name);
    let (id, before, goal) = match command {
        GroupCommand::List
        | GroupCommand::Show { .. }
        | GroupCommand::Join { .. }
        | GroupCommand::Requests { .. } => return Ok(()),
        GroupCommand::Create { name, with } => {
            let id = client.create_group(name, with.clone()).await?;
            (id, 0, Goal::In(with))
        }
        GroupCommand::Add { group, people, history } => {
            let id = find(&group)?;
            let before = rows(client, id)?.len();
            client.add_to_group_with(id, people.clone(), history).await?;
            (id, before, Goal::In(people))
        }
        GroupCommand::Approve { group, person, history } => {
            let id = find(&group)?;
            caught_up(client, wait).await;
            let before = rows(client, id)?.len();
            let account = client.read(|views| Ok(link::asker(&views, id, &person)))??;
            client.admit_asker(id, account, history).await?;
            (id, before, Goal::In(vec![person]))
        }
        GroupCommand::Decline { group, person } => {
            let id = find(&group)?;
            caught_up(client, wait).await;
            let account = client.read(|views| Ok(link::asker(&views, id, &person)))??;
            client.decline_asker(id, account).await?;
            client.flush().await;
            return tell_declined(context, &person);
        }
        GroupCommand::Link { group, new, days, off: _ } => {
            let id = find(&group)?;
            let until = new.then(|| link::until(days, SystemClock.now()));
            let before = rows(client, id)?.len();
            let (_, message) = client.set_group_link(id, until).await?;
            (id, before, Goal::Link(message, new))
        }
        GroupCommand::Picture { group, image, off: _, to: _ } => {
            let picture = match image {
                Some(image) => crate::commands::picture::read(&image)?,
                None => Vec::new(),
            };
            say(client, find(&group)?, Fact::Picture(picture)).await?
        }
        GroupCommand::Remove { group, people } => {
            let id = find(&group)?;
            let before = rows(client, id)?.len();
            client.remove_from_group(id, people.clone()).await?;
            (id, before, Goal::Out(people))
        }
        GroupCommand::Leave { group } => {
            let id = find(&group)?;
            let before = rows(client, id)?.len();
            client.leave_group(id).await?;
            (id, before, Goal::Left)
        }
        GroupCommand::Role { group, person, role } => {
            let id = find(&group)?;
            let before = rows(client, id)?.len();
            let admin = role == RoleArg::Admin;
            client.set_role(id, person.clone(), admin).await?;
            (id, before, Goal::Role(person, admin))
        }
        GroupCommand::Rules { group, add, edit, send } => {
            let id = find(&group)?;
            let now = client.read(|views| views.group(id))?.map(|group| group.rules).unwrap_or_default();
            let pick = |given: Option<AllowedArg>, now| given.map_or(now, allowed);
            let rules =
                Rules { add: pick(add, now.add), edit: pick(edit, now.edit), send: pick(send, now.send) };
            if (add, edit, send) == (None, None, None) || rules == now {
                return show::tell_rules(context, now);
            }
            let before = rows(client, id)?.len();
            client.set_rules(id, rules).await?;
            (id, before, Goal::Rules(rules))
        }
        GroupCommand::Rename { group, name } => say(client, find(&group)?, Fact::Name(name)).await?,
        GroupCommand::Describe { group, text } => say(client, find(&group)?, Fact::Description(text)).await?,
        GroupCommand::Label { group, text } => say(client, find(&group)?, Fact::Label(text)).await?,
    };
    if let Some(limit) = wait {
        reached(client, id, before, &goal, limit).await?;
        client.flush().await;
    }
    if let Goal::Link(_, true) = goal {
        return client.read(|views| Ok(link::show(context, &views, id)))?;
    }
    let told = rows(client, id)?.into_iter().skip(before).collect::<Vec<_>>();
    report(context, client, id, told)
}

fn tell_declined(context: &Context, person: &Handle) -> Result<(), Failure> {
    match context.json {
        true => output::object(&json!({"declined": person.as_str()})),
        false => output::line(&format!("{person} is not let in.")),
    }
}

/// What has come meanwhile is taken in, as far as the relay can be reached in time.
async fn caught_up(client: &Client, wait: Option<Duration>) {
    if let Some(limit) = wait {
        Reach::new(client).caught_up(limit).await;
    }
}

/// Asks to be let into a group.
async fn join(context: &Context, client: &Client, link: &str, wait: Option<Duration>) -> Result<(), Failure> {
    let (conversation, message) = client.ask_to_join(link::read(link)?).await?;
    if let Some(limit) = wait {
        reached(client, conversation, 0, &Goal::Said(message), limit).await?;
        client.flush().await;
    }
    let asked = client.read(|views| views.message(conversation, message))?;
    if let Some(Message { state: Some(Sending::Failed(why)), .. }) = &asked {
        return Err(Failure::new(Exit::Refused, "not_sent", format!("you have not asked: {why}")));
    }
    let admin = client.read(|views| views.conversation(conversation))?.map(|it| it.name).unwrap_or_default();
    match context.json {
        true => output::object(&json!({"asked": admin, "message": message.to_string()})),
        false => output::line(&asked_in_words(&safe_line(&admin), wait.is_some())),
    }
}

fn asked_in_words(admin: &str, sent: bool) -> String {
    let asked = match sent {
        true => format!("You have asked {admin} to be let in."),
        false => format!("{admin} is asked to let you in the next time this profile connects."),
    };
    format!("{asked} When you are, the group is among your conversations. If not, you may not be told.")
}

/// Lists who asks, once what has come is taken in.
async fn requests(
    context: &Context,
    client: &Client,
    group: &str,
    wait: Option<Duration>,
) -> Result<(), Failure> {
    caught_up(client, wait).await;
    let id = client.read(|views| views.group_named(group))?.map_err(bad_name)?;
    client.read(|views| Ok(link::requests(context, &views, id)))?
}

async fn say(
    client: &Client,
    id: ConversationId,
    fact: Fact,
) -> Result<(ConversationId, usize, Goal), Failure> {
    let before = rows(client, id)?.len();
    let (_, message) = client.set_fact(id, fact).await?;
    Ok((id, before, Goal::Said(message)))
}

/// Waits until the goal is reached, or until something else has come of it.
async fn reached(
    client: &Client,
    id: ConversationId,
    before: usize,
    goal: &Goal,
    limit: Duration,
) -> Result<(), Failure> {
    let mut events = client.events();
    let mut reach = Reach::new(client);
    let done = async {
        loop {
            let done = client.read(|views| is_reached(&views, id, goal))?
                || is_refused(&rows(client, id)?, before, goal);
            if done {
                return Ok::<(), Failure>(());
            }
            if let Err(tokio::sync::broadcast::error::RecvError::Closed) = events.recv().await {
                return Err(Failure::new(Exit::Failure, "fault", "the client stopped"));
            }
        }
    };
    tokio::select! {
        done = done => done,
        given_up = reach.given_up() => Err(kept(given_up)),
        () = tokio::time::sleep(limit) => Err(kept(Reached::Yes)),
    }
}

/// What was wanted waits in the outbox.
fn kept(reached: Reached) -> Failure {
    const WAITS: &str =
        "What you wanted is kept in the profile, and is done the next time this profile connects.";
    match reached {
        Reached::No(trouble) => {
            let mut failure = Failure::from(trouble);
            failure.message = format!("{}. {WAITS}", failure.message.trim_end_matches('.'));
            failure
        }
        Reached::Yes => Failure::new(
            Exit::Unreachable,
            "not_acknowledged",
            format!("The relay has not acknowledged it in time. {WAITS}"),
        ),
    }
}

fn is_reached(views: &Views<'_>, id: ConversationId, goal: &Goal) -> Result<bool, EngineError> {
    let members = views.group_members(id)?;
    let is_in = |person: &Handle| members.iter().any(|member| member.handle == *person);
    let Some(conversation) = views.conversation(id)? else { return Ok(false) };
    Ok(match goal {
        Goal::In(people) => conversation.state == ConversationState::Open && people.iter().all(is_in),
        Goal::Out(people) => !people.iter().any(is_in),
        Goal::Left => conversation.state == ConversationState::Left,
        Goal::Role(person, admin) => {
            members.iter().any(|member| member.handle == *person && member.admin == *admin)
        }
        Goal::Rules(rules) => views.group(id)?.is_some_and(|group| group.rules == *rules),
        Goal::Said(message) | Goal::Link(message, _) => views
            .message(id, *message)?
            .is_some_and(|message| message.state.is_none_or(|state| state != Sending::Sending)),
    })
}

/// Whether rows tell that it will not be reached: all people who are not in were left out, or it was refused.
fn is_refused(rows: &[Message], before: usize, goal: &Goal) -> bool {
    let changes = || {
        rows.iter().skip(before).filter_map(|row| match &row.body {
            Body::Told(change) => Some(change),
            _ => None,
        })
    };
    if changes().any(|change| matches!(change, Change::Refused(_))) {
        return true;
    }
    let Goal::In(people) = goal else { return false };
    let settled = |person: &Handle| {
        changes().any(|change| match change {
            Change::NotAdded(who, _) => who.handle == *person,
            Change::Added(all) => all.iter().any(|who| who.handle == *person),
            _ => false,
        })
    };
    !people.is_empty() && people.iter().all(settled)
}

fn rows(client: &Client, id: ConversationId) -> Result<Vec<Message>, Failure> {
    Ok(client.read(|views| views.messages_after(id, None, usize::MAX))?)
}

fn report(context: &Context, client: &Client, id: ConversationId, told: Vec<Message>) -> Result<(), Failure> {
    let mut failed = None;
    for row in &told {
        if let Body::Told(change @ (Change::NotAdded(..) | Change::Refused(_))) = &row.body {
            failed = Some(safe_line(&sentence(change, row.from.as_str())));
        }
        if context.json {
            continue;
        }
        if let Body::Told(change) = &row.body {
            output::line(&format!("{}.", safe_line(&sentence(change, row.from.as_str()))))?;
        }
    }
    if context.json {
        let object = client.read(|views| show::group_json(&views, id))?;
        output::object(&object)?;
    }
    match failed {
        Some(why) => Err(Failure::new(Exit::Refused, "not_all_done", why)),
        None => Ok(()),
    }
}

fn allowed(arg: AllowedArg) -> Allowed {
    match arg {
        AllowedArg::All => Allowed::All,
        AllowedArg::Admins => Allowed::Admins,
    }
}

fn named(views: &Views<'_>, name: &str) -> Result<ConversationId, Failure> {
    views.group_named(name)?.map_err(bad_name)
}
