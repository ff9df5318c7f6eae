//! `lacre consent`: what businesses may write to this account.

use std::path::Path;
use std::time::Duration;

use lacre_client::content::Category;
use lacre_client::records::{Provider, Terms};
use lacre_client::view::{Business, Conversation, Views};
use lacre_client::{Agreement, Client, EngineError, Intent, Refusal, Trouble};
use lacre_media::picture;
use lacre_proto::{ConversationId, Handle, Millis};
use serde_json::{Value, json};

use super::Context;
use super::blocks::{LATER, tell};
use super::requests::not_the_business;
use crate::cli::{ConsentCommand, PurposeArg};
use crate::exit::{Exit, Failure};
use crate::new_file::{NewFile, unwritten};
use crate::output::{self, consent_sentence, purpose};
use crate::person::Person;
use crate::safe_text::safe_line;
use crate::wait::{Reach, Reached};

/// How long the relay is waited for when they are listed.
const PATIENCE: Duration = Duration::from_secs(30);
const DAY: Millis = 24 * 3600 * 1000;

pub(super) async fn run(context: &Context, command: Option<ConsentCommand>) -> Result<(), Failure> {
    match command {
        None | Some(ConsentCommand::List) => list(context).await,
        Some(ConsentCommand::Show { business, picture, timeout }) => {
            show(context, &business, picture.as_deref(), timeout).await
        }
        Some(ConsentCommand::Grant { business, purposes, days, timeout }) => {
            let categories = purposes.into_iter().map(category).collect();
            agree(context, &business, categories, days, timeout).await
        }
        Some(ConsentCommand::Stop { business, timeout }) => {
            agree(context, &business, Vec::new(), 0, timeout).await
        }
    }
}

fn category(purpose: PurposeArg) -> Category {
    match purpose {
        PurposeArg::Service => Category::Service,
        PurposeArg::Offers => Category::Marketing,
        PurposeArg::Codes => Category::Authentication,
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    Reach::new(&client).caught_up(PATIENCE).await;
    client.flush().await;
    let all = client.read(|views| views.conversations());
    client.close().await;
    let with = |it: Conversation| it.business.clone().map(|business| (it, business));
    let all: Vec<(Conversation, Business)> = all?.into_iter().filter_map(with).collect();
    if all.is_empty() && !context.json {
        return output::line("You talk with no business.");
    }
    for (conversation, business) in &all {
        match context.json {
            true => output::object(&to_json(Some(conversation.id), &conversation.name, business))?,
            false => output::line(&to_lines(&conversation.name, business))?,
        }
    }
    Ok(())
}

/// Shows a business as the directory has it now, or as it is known here when the relay does not answer.
async fn show(
    context: &Context,
    business: &Person,
    picture: Option<&Path>,
    timeout: u64,
) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let handle = business.at(client.relay())?;
    let asked = ask(&client, handle, Duration::from_secs(timeout)).await;
    let read = client.read(|views| {
        let conversation = with(&views, handle)?.map(|it| it.id);
        Ok((conversation, views.business(handle)?, views.business_picture(handle)?))
    });
    client.close().await;
    let (conversation, known, shown) = read?;
    let Some(known) = known else {
        asked?;
        return Err(Refusal::NoBusiness.into());
    };
    match context.json {
        true => output::object(&to_json(conversation, handle.as_str(), &known))?,
        false => {
            output::line(&to_lines(handle.as_str(), &known))?;
            let said = known.profile.as_ref();
            let lines = [output::profile_lines(said), output::offer_lines(said)].concat();
            lines.iter().try_for_each(|line| output::line(&format!("    {line}")))?;
        }
    }
    match picture {
        Some(file) => save_picture(shown, file),
        None => Ok(()),
    }
}

/// Asks the directory; an error when it did not answer, or nobody has the handle.
async fn ask(client: &Client, handle: &Handle, limit: Duration) -> Result<(), Failure> {
    let late = || Failure::from(Trouble::NoAnswer);
    if let Reached::No(trouble) = Reach::new(client).caught_up(limit).await {
        return Err(trouble.into());
    }
    let found = tokio::time::timeout(limit, client.look_up(handle)).await;
    found.map_err(|_| late())?.map(drop).map_err(Failure::from)
}

/// Writes the picture down: only what decodes as a small picture, and nothing of it but what draws it.
fn save_picture(picture: Option<Vec<u8>>, file: &Path) -> Result<(), Failure> {
    let bad = |why: String| Failure::new(Exit::Refused, "no_picture", why);
    let bytes = picture.ok_or_else(|| bad("this business shows no picture of itself".to_owned()))?;
    let cleaned = picture::decode_small(&bytes).and_then(|_| picture::strip(&bytes));
    let cleaned = cleaned.map_err(|why| bad(format!("its picture is not saved: {why}")))?;
    NewFile::create(file).and_then(|new| new.fill(&cleaned)).map_err(|error| unwritten(file, &error))
}

/// A business and what it may write, for scripts.
fn to_json(conversation: Option<ConversationId>, name: &str, business: &Business) -> Value {
    let consent = business.consent.as_ref();
    json!({
        "conversation": conversation.map(|id| id.to_string()),
        "business": name,
        "verified": business.verified.as_ref().map(|it| json!({
            "display_name": it.display_name,
            "legal_name": it.legal_name,
            "domain": it.domain,
            "trade": it.trade,
        })),
        "looks_like": business.looks_like,
        "categories": consent.map(|it| it.categories.iter().map(|one| one.name()).collect::<Vec<_>>()),
        "stopped": consent.is_some_and(|it| it.is_stop()),
        "until": consent.filter(|it| !it.is_stop()).map(|it| output::rfc3339(it.expires_ms)),
        "relay_told": consent.map(|it| it.acknowledged),
        "terms": business.terms.as_ref().map(terms_json),
        "profile": business.profile.as_ref().map(output::profile_json),
        "window_until": (business.window_until > 0).then(|| output::rfc3339(business.window_until)),
    })
}

fn terms_json(terms: &Terms) -> Value {
    let provider = |it: &Provider| {
        json!({
            "name": it.name,
            "purpose": it.purpose,
            "scopes": it.scopes,
            "from": output::rfc3339(it.from_ms),
            "until": output::rfc3339(it.until_ms),
        })
    };
    json!({
        "notice": terms.notice,
        "keeps_days": (terms.keeps_days > 0).then_some(terms.keeps_days),
        "providers": terms.providers.iter().map(provider).collect::<Vec<_>>(),
    })
}

fn to_lines(name: &str, business: &Business) -> String {
    let name = safe_line(name);
    let who = match &business.verified {
        Some(it) => format!(
            "{name}: {} ✓, {} ({}); {}",
            safe_line(&it.display_name),
            safe_line(&it.legal_name),
            safe_line(&it.trade),
            safe_line(&it.domain)
        ),
        None => {
            let careful = business.looks_like.as_deref().map(not_the_business);
            let careful = careful.map_or_else(String::new, |it| format!("\n    Careful: {it}"));
            format!("{name}: a business that this relay's operator has not verified{careful}")
        }
    };
    let may = match &business.consent {
        None => "you have agreed to nothing; it may answer within a day of what you write".to_owned(),
        Some(consent) => consent_sentence("you", &consent.categories, consent.expires_ms),
    };
    let told = match &business.consent {
        Some(consent) if !consent.acknowledged => "\n    the relay is not told yet; it counts here already",
        _ => "",
    };
    let terms = output::terms_lines(business.terms.as_ref(), output::now());
    let terms: String = terms.iter().map(|line| format!("\n    {line}")).collect();
    format!("{who}\n    {may}{told}{terms}")
}

/// Agrees to what is shown here, and to nothing that the business tells later.
async fn agree(
    context: &Context,
    business: &Person,
    categories: Vec<Category>,
    days: u32,
    timeout: u64,
) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let business = business.at(client.relay())?;
    if client.read(|views| with(&views, business))?.is_none_or(|it| it.business.is_none()) {
        // That it is a business may not be known here yet.
        Reach::new(&client).caught_up(Duration::from_secs(timeout)).await;
        client.flush().await;
    }
    let until = output::now() + Millis::from(days) * DAY;
    let known = client.read(|views| with(&views, business))?;
    let terms = known.as_ref().and_then(|it| it.business.as_ref()?.terms.clone());
    if !context.json && !categories.is_empty() {
        output::terms_lines(terms.as_ref(), output::now()).iter().try_for_each(|line| output::line(line))?;
    }
    let outcome = intend(&client, business, known, categories.clone(), until).await;
    let told = match &outcome {
        Ok(()) => tell(&client, timeout).await,
        Err(_) => false,
    };
    client.close().await;
    outcome?;
    let names: Vec<&str> = categories.iter().copied().map(purpose).collect();
    if context.json {
        let names: Vec<&str> = categories.iter().map(|it| it.name()).collect();
        let until = (!names.is_empty()).then(|| output::rfc3339(until));
        return output::object(&json!({
            "business": business.as_str(),
            "categories": names,
            "until": until,
            "terms": terms.as_ref().map(terms_json),
            "relay_told": told,
        }));
    }
    match names.is_empty() {
        true => output::line(&format!(
            "Stopped: nothing more comes of {business}, from its next message on, until you write to it again."
        ))?,
        false => output::line(&format!(
            "{business} may send you {} until {}. `lacre consent stop {business}` ends it at once.",
            names.join(", "),
            output::local(until, "%Y-%m-%d")
        ))?,
    }
    if told { Ok(()) } else { output::line(LATER) }
}

fn with(views: &Views<'_>, business: &Handle) -> Result<Option<Conversation>, EngineError> {
    Ok(views.conversations()?.into_iter().find(|it| it.with.as_ref() == Some(business)))
}

async fn intend(
    client: &Client,
    business: &Handle,
    known: Option<Conversation>,
    categories: Vec<Category>,
    expires_ms: Millis,
) -> Result<(), Failure> {
    let Some(conversation) = known else {
        return Err(Failure::new(
            Exit::Refused,
            "no_such_conversation",
            format!("you have never talked with {business}; write to it first. Nothing was changed"),
        ));
    };
    let shown = conversation.business.and_then(|it| it.terms_hash);
    client.intend(Intent::SetConsent(conversation.id, Agreement { categories, expires_ms, shown })).await?;
    Ok(())
}
