//! What a message says to who searches, by kind.

use std::fmt;

use lacre_engine::records::{MessageRecord, MessageState};

use crate::content::{Content, Form, Poll};

/// A kind of message that can be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// Text.
    Text,
    /// Text with the address of a web page in it.
    Link,
    /// A poll.
    Poll,
    /// A place on earth.
    Place,
    /// Somebody's card.
    Card,
    /// Files.
    Media,
    /// Something spoken.
    Voice,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Text, Self::Link, Self::Poll, Self::Place, Self::Card, Self::Media, Self::Voice];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Link => "link",
            Self::Poll => "poll",
            Self::Place => "location",
            Self::Card => "contact",
            Self::Media => "media",
            Self::Voice => "voice",
        }
    }

    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is searched of a message.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) kinds: Vec<Kind>,
}

/// What is searched of a row; `None` for what says nothing.
pub(super) fn said(row: &MessageRecord) -> Option<Said> {
    // What may be looked at once is not to be found again.
    let once = row.marks.manner.once;
    if once || matches!(row.state, MessageState::Unreadable(_) | MessageState::Gap(_)) {
        return None;
    }
    match &row.content {
        Content::Text { text, .. } => Some(Said { text: text.clone(), kinds: kinds_of_text(text) }),
        Content::Poll(Poll { question, options, .. }) => {
            let lines: Vec<_> = std::iter::once(question).chain(options).map(String::as_str).collect();
            Some(Said { text: lines.join("\n"), kinds: vec![Kind::Poll] })
        }
        Content::Place(place) => Some(Said { text: place.label.clone(), kinds: vec![Kind::Place] }),
        Content::Card(card) => {
            Some(Said { text: format!("{} {}", card.name, card.handle), kinds: vec![Kind::Card] })
        }
        Content::Media(media) => {
            let names = media.files.iter().map(|(file, _)| file.name.as_str());
            let lines: Vec<_> = std::iter::once(media.caption.as_str()).chain(names).collect();
            Some(Said { text: lines.join("\n"), kinds: vec![Kind::Media] })
        }
        Content::Menu(menu) => {
            let mut lines: Vec<_> = [&menu.header, &menu.body, &menu.footer].map(String::as_str).into();
            lines.extend(menu.form().into_iter().flat_map(Form::words));
            Some(Said { text: lines.join("\n"), kinds: vec![Kind::Text] })
        }
        Content::Filled { filled, .. } => {
            let lines: Vec<_> = filled.words().collect();
            Some(Said { text: lines.join("\n"), kinds: vec![Kind::Text] })
        }
        Content::Voice(_) => Some(Said { text: String::new(), kinds: vec![Kind::Voice] }),
        _ => None,
    }
}

fn kinds_of_text(text: &str) -> Vec<Kind> {
    let link = text.contains("https://") || text.contains("http://");
    std::iter::once(Kind::Text).chain(link.then_some(Kind::Link)).collect()
}
