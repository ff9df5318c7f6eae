//! How each kind of content stands in MIMI, both ways. The table is in [`kinds`].

use ciborium::Value;
use lacre_proto::{AccountId, ConversationId, Handle, limits};

use super::codec::{self, CodecError, Fields};
use super::mimi::{Body, Disposition, ExtensionName, Message, MimiId, Part, Semantics, Single};
use super::said::{BadContent, OpenError};
use super::status::{self, Status};
use super::{Ask, Briefing, Card, Content, Fact, LinkFact, Manner, MessageId, NoEntry, Place, Poll};
use super::{dealing, filling, given, history, is_emoji, kinds, media, sync};
use crate::identity::LinkSecret;

/// The media type of text.
pub(super) const TEXT: &str = "text/markdown;variant=GFM-MIMI";
/// The media type of text of other apps that is shown as it is.
pub(super) const PLAIN_TEXT: &str = "text/plain;charset=utf-8";
const POLL: &str = "application/vnd.lacre.poll+cbor";
const VOTE: &str = "application/vnd.lacre.vote+cbor";
const CLOSE_POLL: &str = "application/vnd.lacre.poll-close+cbor";
const PLACE: &str = "application/vnd.lacre.location+cbor";
const CARD: &str = "application/vnd.lacre.contact+cbor";
const PIN: &str = "application/vnd.lacre.pin+cbor";
const TIMER: &str = "application/vnd.lacre.timer+cbor";
const FACT: &str = "application/vnd.lacre.fact+cbor";
const TYPING: &str = "application/vnd.lacre.typing+cbor";
const LEAVE: &str = "application/vnd.lacre.leave+cbor";
const BRIEFING: &str = "application/vnd.lacre.briefing+cbor";
const ASK_TO_JOIN: &str = "application/vnd.lacre.ask-to-join+cbor";
const JOIN_ANSWER: &str = "application/vnd.lacre.join-answer+cbor";
const GIVEN: &str = "application/vnd.lacre.given+cbor";
const SYNC: &str = "application/vnd.lacre.sync+cbor";
pub(super) const MENU: &str = "application/vnd.lacre.menu+cbor";
const CHOICE: &str = "application/vnd.lacre.choice+cbor";
const FILLED: &str = "application/vnd.lacre.filled+cbor";
const CONSENT: &str = "application/vnd.lacre.consent+cbor";
const HISTORY: &str = "application/vnd.lacre.history+cbor";

/// Private extensions: a revision, "to be looked at once", how often it was passed on, a sticker.
const REVISION: i64 = -0x4c01;
const ONCE: i64 = -0x4c02;
const FORWARDED: i64 = -0x4c03;
const STICKER: i64 = -0x4c04;

/// A message without its sender and room.
pub(super) fn to_mimi(
    id: MessageId,
    content: Content<MimiId>,
    manner: Manner<MimiId>,
) -> Result<Message, BadContent> {
    let mut message = Message {
        salt: id,
        replaces: None,
        topic: Vec::new(),
        expires: manner.expires,
        in_reply_to: manner.in_reply_to,
        extensions: Vec::new(),
        body: Part { disposition: Disposition::UNSPECIFIED, language: String::new(), body: Body::Null },
    };
    fill(&mut message, content)?;
    if manner.once {
        message.extensions.push((number(ONCE), Value::Bool(true)));
    }
    if manner.forwarded > 0 {
        message.extensions.push((number(FORWARDED), Value::from(manner.forwarded)));
    }
    Ok(message)
}

fn fill(message: &mut Message, content: Content<MimiId>) -> Result<(), BadContent> {
    let revise = |message: &mut Message, revision: u32| {
        message.extensions.push((number(REVISION), Value::from(revision)));
    };
    let body = match content {
        Content::Text { text } => markdown(text)?,
        Content::Delivered(ids) => report(ids, Status::DELIVERED)?,
        Content::Read(ids) => report(ids, Status::READ)?,
        Content::Reaction { to, emoji, revision } => {
            message.in_reply_to = Some(to);
            revise(message, revision);
            reaction(emoji)?
        }
        Content::Edit { of, text, revision } => {
            message.replaces = Some(of);
            revise(message, revision);
            markdown(text)?
        }
        Content::Delete { of } => {
            message.replaces = Some(of);
            (Disposition::RENDER, Body::Null)
        }
        Content::Poll(poll) => own(Disposition::RENDER, POLL, poll_to_value(poll)?),
        Content::Vote { poll, choices, revision } => {
            check_choices(&choices)?;
            message.in_reply_to = Some(poll);
            revise(message, revision);
            let choices = choices.into_iter().map(Value::from).collect();
            own(Disposition::UNSPECIFIED, VOTE, Value::Array(choices))
        }
        Content::ClosePoll { poll } => {
            message.in_reply_to = Some(poll);
            own(Disposition::UNSPECIFIED, CLOSE_POLL, Value::Null)
        }
        Content::Place(place) => own(Disposition::RENDER, PLACE, place_to_value(place)?),
        Content::Card(card) => own(Disposition::RENDER, CARD, card_to_value(card)?),
        Content::Pin { message: pinned_message, pinned } => {
            message.in_reply_to = Some(pinned_message);
            own(Disposition::UNSPECIFIED, PIN, Value::Bool(pinned))
        }
        Content::Timer { seconds } if seconds > kinds::TIMER => return Err(BadContent::TooLong),
        Content::Timer { seconds } => own(Disposition::UNSPECIFIED, TIMER, Value::from(seconds)),
        Content::Fact(fact) => own(Disposition::UNSPECIFIED, FACT, fact_to_value(fact)?),
        Content::Briefing(briefing) => own(Disposition::UNSPECIFIED, BRIEFING, briefing_to_value(briefing)?),
        Content::AskToJoin(Ask { group, secret }) => {
            let parts = vec![Value::Bytes(group.0.to_vec()), Value::Bytes(secret.0.to_vec())];
            own(Disposition::UNSPECIFIED, ASK_TO_JOIN, Value::Array(parts))
        }
        Content::JoinAnswer { to, no } => {
            message.in_reply_to = Some(to);
            own(Disposition::UNSPECIFIED, JOIN_ANSWER, Value::from(no as u8))
        }
        Content::Given(given) => own(Disposition::UNSPECIFIED, GIVEN, given::to_value(given)?),
        Content::Media(media) => {
            if media.sticker {
                message.extensions.push((number(STICKER), Value::Bool(true)));
            }
            media::media_to_mimi(media)?
        }
        Content::Voice(voice) => media::voice_to_mimi(voice)?,
        Content::Sync(all) => own(Disposition::UNSPECIFIED, SYNC, sync::to_value(all)?),
        Content::History(history) => own(Disposition::UNSPECIFIED, HISTORY, history::to_value(history)?),
        Content::Menu(mut menu) => match menu.above.take() {
            Some(above) => media::above_to_mimi(*above, dealing::menu_to_value(menu)?)?,
            None => own(Disposition::RENDER, MENU, dealing::menu_to_value(menu)?),
        },
        Content::Chosen { of, choice } => {
            message.in_reply_to = Some(of);
            own(Disposition::RENDER, CHOICE, dealing::choice_to_value(choice)?)
        }
        Content::Filled { of, filled } => {
            message.in_reply_to = Some(of);
            own(Disposition::RENDER, FILLED, filling::filled_to_value(filled)?)
        }
        Content::Consent(grant) => own(Disposition::RENDER, CONSENT, dealing::consent_to_value(grant)?),
        Content::Leave => own(Disposition::UNSPECIFIED, LEAVE, Value::Null),
        Content::Typing(typing) => own(Disposition::UNSPECIFIED, TYPING, Value::Bool(typing)),
        Content::Name(name) => {
            within(&name, kinds::NAME)?;
            single(Disposition::PROFILE, PLAIN_TEXT, name.into_bytes())
        }
        Content::Unknown => return Err(BadContent::Unknown),
    };
    message.body = Part { disposition: body.0, language: String::new(), body: body.1 };
    Ok(())
}

type Said = (Disposition, Body);

fn number(name: i64) -> ExtensionName {
    ExtensionName::Number(name.into())
}

fn single(disposition: Disposition, content_type: &str, content: Vec<u8>) -> Said {
    (disposition, Body::Single(Single { content_type: content_type.to_owned(), content }))
}

fn own(disposition: Disposition, content_type: &str, value: Value) -> Said {
    single(disposition, content_type, codec::to_bytes(&value))
}

fn markdown(text: String) -> Result<Said, BadContent> {
    check_text(&text)?;
    Ok(single(Disposition::RENDER, TEXT, text.into_bytes()))
}

fn reaction(emoji: Option<String>) -> Result<Said, BadContent> {
    match emoji {
        None => Ok((Disposition::REACTION, Body::Null)),
        Some(emoji) if is_emoji(&emoji) => Ok(single(Disposition::REACTION, PLAIN_TEXT, emoji.into_bytes())),
        Some(_) => Err(BadContent::NotAnEmoji),
    }
}

fn report(ids: Vec<MimiId>, status: Status) -> Result<Said, BadContent> {
    if ids.is_empty() {
        return Err(BadContent::Empty);
    }
    let lines: Vec<_> = ids.into_iter().map(|id| (id, status)).collect();
    let content = status::encode(&lines).map_err(|_| BadContent::TooLong)?;
    Ok(single(Disposition::UNSPECIFIED, status::MEDIA_TYPE, content))
}

/// Whether text can be sent: not empty, at most [`limits::TEXT`] bytes.
fn check_text(text: &str) -> Result<(), BadContent> {
    if text.is_empty() { Err(BadContent::Empty) } else { within(text, limits::TEXT) }
}

fn within(text: &str, limit: usize) -> Result<(), BadContent> {
    if text.len() > limit { Err(BadContent::TooLong) } else { Ok(()) }
}

fn check_poll(poll: &Poll) -> Result<(), BadContent> {
    if poll.question.is_empty() || poll.options.iter().any(String::is_empty) {
        return Err(BadContent::Empty);
    }
    let same = |at: usize, option: &String| poll.options[..at].contains(option);
    if poll.options.iter().enumerate().any(|(at, option)| same(at, option)) {
        return Err(BadContent::Choices);
    }
    match poll.options.len() {
        count if !kinds::OPTIONS.contains(&count) => Err(BadContent::Choices),
        _ => {
            within(&poll.question, kinds::QUESTION)?;
            poll.options.iter().try_for_each(|option| within(option, kinds::OPTION))
        }
    }
}

/// Indices rise: each once, in one order. Whether the poll has them is seen where the poll is.
fn check_choices(choices: &[u8]) -> Result<(), BadContent> {
    let rising = choices.windows(2).all(|pair| pair[0] < pair[1]);
    let most = *kinds::OPTIONS.end();
    let known = choices.last().is_none_or(|&last| usize::from(last) < most);
    if rising && known { Ok(()) } else { Err(BadContent::Choices) }
}

fn check_place(place: &Place) -> Result<(), BadContent> {
    let there =
        place.latitude_e7.unsigned_abs() <= 900_000_000 && place.longitude_e7.unsigned_abs() <= 1_800_000_000;
    if there { within(&place.label, kinds::NAME) } else { Err(BadContent::NoSuchPlace) }
}

fn check_fact(fact: &Fact) -> Result<(), BadContent> {
    match fact {
        Fact::Name(name) if name.is_empty() => Err(BadContent::Empty),
        Fact::Name(text) | Fact::Label(text) => within(text, kinds::NAME),
        Fact::Description(text) => within(text, kinds::DESCRIPTION),
        Fact::Picture(bytes) if bytes.len() > kinds::PICTURE => Err(BadContent::TooLong),
        Fact::Picture(_) | Fact::Link(_) => Ok(()),
    }
}

fn poll_to_value(poll: Poll) -> Result<Value, BadContent> {
    check_poll(&poll)?;
    let options = poll.options.into_iter().map(Value::Text).collect();
    Ok(Value::Array(vec![Value::Text(poll.question), Value::Array(options), Value::Bool(poll.multiple)]))
}

fn place_to_value(place: Place) -> Result<Value, BadContent> {
    check_place(&place)?;
    let Place { latitude_e7, longitude_e7, label } = place;
    Ok(Value::Array(vec![latitude_e7.into(), longitude_e7.into(), Value::Text(label)]))
}

fn card_to_value(card: Card) -> Result<Value, BadContent> {
    within(&card.name, kinds::NAME)?;
    let account = Value::Bytes(card.account.0.to_vec());
    Ok(Value::Array(vec![account, Value::Text(card.handle.to_string()), Value::Text(card.name)]))
}

fn fact_to_value(fact: Fact) -> Result<Value, BadContent> {
    check_fact(&fact)?;
    let (field, value) = match fact {
        Fact::Name(text) => (0, Value::Text(text)),
        Fact::Description(text) => (1, Value::Text(text)),
        Fact::Picture(bytes) => (2, Value::Bytes(bytes)),
        Fact::Label(text) => (3, Value::Text(text)),
        Fact::Link(link) => (4, link_to_value(link)),
    };
    Ok(Value::Array(vec![Value::from(field), value]))
}

fn link_to_value(link: Option<LinkFact>) -> Value {
    link.map_or(Value::Null, |LinkFact { hash, until_ms }| {
        Value::Array(vec![Value::Bytes(hash.to_vec()), until_ms.into()])
    })
}

fn link(value: Value) -> Result<Option<LinkFact>, OpenError> {
    if value.is_null() {
        return Ok(None);
    }
    let mut fields = Fields::of(value, "link")?;
    let link = LinkFact { hash: fields.array("hash")?, until_ms: fields.integer("until")? };
    fields.end("link")?;
    Ok(Some(link))
}

fn ask_to_join(bytes: &[u8]) -> Result<Ask, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "ask-to-join")?;
    let group = ConversationId(fields.array("group")?);
    let secret = LinkSecret(fields.array("secret")?);
    fields.end("ask-to-join")?;
    Ok(Ask { group, secret })
}

fn check_briefing(briefing: &Briefing) -> Result<(), BadContent> {
    within(&briefing.name, kinds::NAME)?;
    within(&briefing.description, kinds::DESCRIPTION)?;
    let labels: usize = briefing.labels.iter().map(|(_, label)| label.len() + AccountId::LEN).sum();
    if briefing.picture.len() > kinds::PICTURE || labels > kinds::LABELS {
        return Err(BadContent::TooLong);
    }
    briefing.labels.iter().try_for_each(|(_, label)| within(label, kinds::NAME))
}

fn briefing_to_value(briefing: Briefing) -> Result<Value, BadContent> {
    check_briefing(&briefing)?;
    let Briefing { name, description, picture, labels, link } = briefing;
    let label = |(account, label): (AccountId, String)| {
        Value::Array(vec![Value::Bytes(account.0.to_vec()), Value::Text(label)])
    };
    let labels = labels.into_iter().map(label).collect();
    Ok(Value::Array(vec![
        Value::Text(name),
        Value::Text(description),
        Value::Bytes(picture),
        Value::Array(labels),
        link_to_value(link),
    ]))
}

fn briefing(bytes: &[u8]) -> Result<Briefing, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "briefing")?;
    let (name, description) = (fields.text("name")?, fields.text("description")?);
    let picture = fields.bytes("picture")?;
    let all = fields.next("labels")?.into_array().map_err(|_| CodecError::Malformed("labels"))?;
    let mut labels = Vec::new();
    for label in all {
        let mut fields = Fields::of(label, "label")?;
        labels.push((AccountId(fields.array("account")?), fields.text("label")?));
        fields.end("label")?;
    }
    let link = link(fields.next("link")?)?;
    fields.end("briefing")?;
    let briefing = Briefing { name, description, picture, labels, link };
    check_briefing(&briefing)?;
    Ok(briefing)
}

/// What a message says, and how.
pub(super) fn from_mimi(message: Message) -> Result<(Content<MimiId>, Manner<MimiId>), OpenError> {
    let mut manner = Manner {
        expires: message.expires,
        once: extension(&message, ONCE, |value| value.as_bool())?.unwrap_or_default(),
        forwarded: extension(&message, FORWARDED, integer)?.unwrap_or_default(),
        in_reply_to: message.in_reply_to,
    };
    let revision = extension(&message, REVISION, integer)?.unwrap_or_default();
    let sticker = extension(&message, STICKER, |value| value.as_bool())?.unwrap_or_default();
    let Message { salt: _, replaces, topic, expires: _, in_reply_to, extensions: _, body } = message;
    // What belongs to a topic is not shown by a version that has none.
    if !topic.is_empty() {
        return Ok((Content::Unknown, manner));
    }
    let content = match (replaces, body.disposition) {
        (_, Disposition::REACTION) => reacted(in_reply_to, body, revision)?,
        (Some(of), _) => replaced(of, body, revision)?,
        (None, _) => said(in_reply_to, body, revision, sticker)?,
    };
    if content.about().is_some() || matches!(content, Content::Chosen { .. } | Content::Filled { .. }) {
        // What it names there is what it is about.
        manner.in_reply_to = None;
    }
    Ok((content, manner))
}

fn extension<T>(
    message: &Message,
    name: i64,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>, OpenError> {
    let found = message.extensions.iter().find(|(other, _)| *other == number(name));
    found.map(|(_, value)| read(value).ok_or(OpenError::BadContent)).transpose()
}

fn integer<N: TryFrom<i128>>(value: &Value) -> Option<N> {
    N::try_from(i128::from(value.as_integer()?)).ok()
}

/// A reaction. One that names what it replaces (another app's) is the same: an account has only one.
fn reacted(to: Option<MimiId>, body: Part, revision: u32) -> Result<Content<MimiId>, OpenError> {
    let to = to.ok_or(OpenError::BadContent)?;
    let emoji = match body.body {
        Body::Null => None,
        Body::Single(Single { content_type, content }) if content_type == PLAIN_TEXT => {
            let emoji = utf8(content)?;
            if !is_emoji(&emoji) {
                return Err(OpenError::BadContent);
            }
            Some(emoji)
        }
        _ => return Ok(Content::Unknown),
    };
    Ok(Content::Reaction { to, emoji, revision })
}

fn replaced(of: MimiId, body: Part, revision: u32) -> Result<Content<MimiId>, OpenError> {
    match body {
        Part { body: Body::Null, .. } => Ok(Content::Delete { of }),
        body => match chosen(body) {
            Some((disposition, Single { content_type, content }))
                if is_text(&content_type) && disposition.is_shown() =>
            {
                Ok(Content::Edit { of, text: text(content)?, revision })
            }
            _ => Ok(Content::Unknown),
        },
    }
}

fn said(
    in_reply_to: Option<MimiId>,
    mut body: Part,
    revision: u32,
    sticker: bool,
) -> Result<Content<MimiId>, OpenError> {
    if let Body::Multi { semantics: Semantics::SingleUnit, parts } = &mut body.body {
        return Ok(match media::from_mimi(std::mem::take(parts), sticker)? {
            Some(media::Brought::Media(media)) => Content::Media(media),
            Some(media::Brought::Voice(voice)) => Content::Voice(voice),
            Some(media::Brought::Menu(menu)) => Content::Menu(menu),
            None => Content::Unknown,
        });
    }
    let Some((disposition, Single { content_type, content })) = chosen(body) else {
        return Ok(Content::Unknown);
    };
    let about = || in_reply_to.ok_or(OpenError::BadContent);
    Ok(match content_type.as_str() {
        PLAIN_TEXT if disposition == Disposition::PROFILE => {
            let name = utf8(content)?;
            within(&name, kinds::NAME)?;
            Content::Name(name)
        }
        TEXT | PLAIN_TEXT if disposition.is_shown() => Content::Text { text: text(content)? },
        status::MEDIA_TYPE => receipt(&content)?,
        POLL => Content::Poll(poll(&content)?),
        VOTE => {
            let choices = codec::value(&content)?.into_array().map_err(|_| OpenError::BadContent)?;
            let choices = choices.iter().map(integer).collect::<Option<Vec<u8>>>();
            let choices = choices.ok_or(OpenError::BadContent)?;
            check_choices(&choices)?;
            Content::Vote { poll: about()?, choices, revision }
        }
        CLOSE_POLL if codec::value(&content)?.is_null() => Content::ClosePoll { poll: about()? },
        PLACE => Content::Place(place(&content)?),
        CARD => Content::Card(card(&content)?),
        PIN => Content::Pin { message: about()?, pinned: flag(&content)? },
        TIMER => {
            let seconds: u32 = integer(&codec::value(&content)?).ok_or(OpenError::BadContent)?;
            if seconds > kinds::TIMER {
                return Err(OpenError::BadContent);
            }
            Content::Timer { seconds }
        }
        FACT => Content::Fact(fact(&content)?),
        TYPING => Content::Typing(flag(&content)?),
        BRIEFING => Content::Briefing(briefing(&content)?),
        ASK_TO_JOIN => Content::AskToJoin(ask_to_join(&content)?),
        JOIN_ANSWER => {
            let no = match integer::<u8>(&codec::value(&content)?) {
                Some(0) => NoEntry::Void,
                Some(1) => NoEntry::Declined,
                _ => return Err(OpenError::BadContent),
            };
            Content::JoinAnswer { to: about()?, no }
        }
        GIVEN => Content::Given(given::read(&content)?),
        SYNC => Content::Sync(sync::from_bytes(&content)?),
        MENU => Content::Menu(dealing::menu(&content)?),
        CHOICE => Content::Chosen { of: about()?, choice: dealing::choice(&content)? },
        FILLED => Content::Filled { of: about()?, filled: filling::filled(&content)? },
        CONSENT => Content::Consent(dealing::consent(&content)?),
        HISTORY => Content::History(history::from_bytes(&content)?),
        LEAVE if codec::value(&content)?.is_null() => Content::Leave,
        _ => Content::Unknown,
    })
}

fn is_text(content_type: &str) -> bool {
    matches!(content_type, TEXT | PLAIN_TEXT)
}

/// The single part of a message: itself, or the first text of those that it offers for choice.
fn chosen(part: Part) -> Option<(Disposition, Single)> {
    let Part { disposition, language: _, body } = part;
    match body {
        Body::Single(single) => Some((disposition, single)),
        Body::Multi { semantics: Semantics::ChooseOne, parts } => {
            parts.into_iter().filter_map(chosen).find(|(_, single)| is_text(&single.content_type))
        }
        Body::Null | Body::External(_) | Body::Multi { .. } => None,
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, OpenError> {
    String::from_utf8(bytes).map_err(|_| OpenError::BadContent)
}

fn text(bytes: Vec<u8>) -> Result<String, OpenError> {
    let text = utf8(bytes)?;
    check_text(&text)?;
    Ok(text)
}

fn flag(bytes: &[u8]) -> Result<bool, OpenError> {
    codec::value(bytes)?.as_bool().ok_or(OpenError::BadContent)
}

fn receipt(bytes: &[u8]) -> Result<Content<MimiId>, OpenError> {
    let lines = status::decode(bytes)?;
    let Some(&(_, first)) = lines.first() else { return Err(OpenError::BadContent) };
    let same = lines.iter().all(|&(_, status)| status == first);
    let ids = lines.into_iter().map(|(id, _)| id).collect();
    Ok(match first {
        Status::DELIVERED if same => Content::Delivered(ids),
        Status::READ if same => Content::Read(ids),
        _ => Content::Unknown,
    })
}

fn poll(bytes: &[u8]) -> Result<Poll, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "poll")?;
    let question = fields.text("question")?;
    let options = fields.next("options")?.into_array().map_err(|_| CodecError::Malformed("options"))?;
    let options = options.into_iter().map(|option| option.into_text().ok()).collect::<Option<_>>();
    let options = options.ok_or(CodecError::Malformed("options"))?;
    let multiple = fields.next("multiple")?.as_bool().ok_or(CodecError::Malformed("multiple"))?;
    fields.end("poll")?;
    let poll = Poll { question, options, multiple };
    check_poll(&poll)?;
    Ok(poll)
}

fn place(bytes: &[u8]) -> Result<Place, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "location")?;
    let (latitude_e7, longitude_e7) = (fields.integer("latitude")?, fields.integer("longitude")?);
    let label = fields.text("label")?;
    fields.end("location")?;
    let place = Place { latitude_e7, longitude_e7, label };
    check_place(&place)?;
    Ok(place)
}

fn card(bytes: &[u8]) -> Result<Card, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "contact")?;
    let account = AccountId(fields.array("account")?);
    let handle: Handle = fields.text("handle")?.parse().map_err(|_| OpenError::BadContent)?;
    let name = fields.text("name")?;
    fields.end("contact")?;
    within(&name, kinds::NAME)?;
    Ok(Card { account, handle, name })
}

fn fact(bytes: &[u8]) -> Result<Fact, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "fact")?;
    let fact = match fields.integer::<u8>("fact")? {
        0 => Fact::Name(fields.text("name")?),
        1 => Fact::Description(fields.text("description")?),
        2 => Fact::Picture(fields.bytes("picture")?),
        3 => Fact::Label(fields.text("label")?),
        4 => Fact::Link(link(fields.next("link")?)?),
        _ => return Err(OpenError::BadContent),
    };
    fields.end("fact")?;
    check_fact(&fact)?;
    Ok(fact)
}
