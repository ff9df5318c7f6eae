//! Forms that businesses ask their customers to fill in, and what was filled in.

mod cbor;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::dealing::{self, BODY, Choice, LINE};
use super::said::BadContent;
pub(super) use cbor::{filled, filled_to_value, form, form_fields};

/// Most pages of a form.
pub const PAGES: usize = 10;
/// Most parts of a form, on all its pages.
pub const PARTS: usize = 100;
/// Most options of a field.
pub const OPTIONS: usize = 50;
/// Longest name of a field, in bytes.
pub const NAME: usize = 128;
/// Longest thing that a program keeps in a form for itself, in bytes.
pub const REPLY: usize = 8 * 1024;
/// Longest text that can be filled in, in characters.
pub const TEXT: u16 = 4096;

/// Questions on pages, sent back together.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// What the business's program knows it by; comes back with what was filled in.
    pub id: String,
    /// What people read before it is opened.
    pub title: String,
    /// How what was filled in is told to the business's program: its own matter, which devices of customers keep
    /// and do not look at.
    pub reply: String,
    /// The pages, in their order.
    pub pages: Vec<Page>,
}

/// A page of a form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its heading; may be empty.
    pub title: String,
    /// What stands on it.
    pub parts: Vec<Part>,
}

/// What stands on a page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Text to be read.
    Text(String),
    /// A question.
    Field(Field),
}

/// A question of a form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// What the business's program knows it by; no other field of the form has it.
    pub name: String,
    /// What people read.
    pub label: String,
    /// More about it; may be empty.
    pub help: String,
    /// Whether it has to be answered.
    pub needed: bool,
    /// What can be answered.
    pub input: Input,
    /// What stands there before anything is filled in.
    pub start: Option<Answer>,
}

/// What can be answered to a question.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// One line.
    Line {
        /// What it has to be.
        kind: LineKind,
        /// Fewest characters, unless it is left out.
        least: u16,
        /// Most characters.
        most: u16,
    },
    /// Several lines.
    Lines {
        /// Most characters.
        most: u16,
    },
    /// One of these, by its id.
    One(Vec<Choice>),
    /// Several of these, by their ids.
    Several {
        /// What there is.
        options: Vec<Choice>,
        /// Fewest, unless it is left out.
        least: u8,
        /// Most.
        most: u8,
    },
    /// Yes or no. One that has to be answered has to be yes.
    Yes,
    /// A day, as `2026-11-30`.
    Day {
        /// The first; may be empty.
        from: String,
        /// The last; may be empty.
        to: String,
    },
}

/// What a line has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LineKind {
    /// Anything.
    Any,
    /// A decimal number.
    Number,
    /// Something with an `@` in it.
    Email,
    /// Digits, and what stands between them in a phone number.
    Phone,
}

/// What was answered to a question.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// A line, lines or a day.
    Text(String),
    /// The ids of what was chosen, in the order of the options.
    Chosen(Vec<String>),
    /// Yes or no.
    Yes(bool),
}

/// A form as it was filled in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// The form's [`id`](Form::id).
    pub id: String,
    /// Answers by the names of their fields; what was left out is not there.
    pub answers: Vec<(String, Answer)>,
}

/// What is wrong with a form as it was filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Misfilled {
    /// No field has this name, or two answers have it.
    #[error("there is no such question")]
    NoSuchField,
    /// It has to be answered.
    #[error("this has to be answered")]
    Missing,
    /// Another kind of answer belongs there.
    #[error("this is no answer to the question")]
    NotOfThisKind,
    /// Fewer characters, or fewer options, than asked for.
    #[error("this is too short or too few")]
    TooFew,
    /// More characters, or more options, than may be.
    #[error("this is too long or too many")]
    TooMany,
    /// An option that is not there.
    #[error("this is none of the options")]
    NoSuchOption,
    /// No number.
    #[error("this is not a number")]
    NotANumber,
    /// No e-mail address.
    #[error("this is not an e-mail address")]
    NotAnEmail,
    /// No phone number.
    #[error("this is not a phone number")]
    NotAPhone,
    /// No day of the calendar in the form `2026-11-30`.
    #[error("this is not a day: write it as 2026-11-30")]
    NotADay,
    /// A day before the first or after the last.
    #[error("this day cannot be chosen")]
    DayOutside,
}

impl Form {
    /// Its questions, in their order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.pages.iter().flat_map(|page| &page.parts).filter_map(|part| match part {
            Part::Field(field) => Some(field),
            Part::Text(_) => None,
        })
    }

    /// Everything in it that people read.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let pages = self.pages.iter().flat_map(|page| {
            std::iter::once(page.title.as_str()).chain(page.parts.iter().flat_map(Part::words))
        });
        std::iter::once(self.title.as_str()).chain(pages)
    }

    /// Whether this can be sent back; if not, which field is wrong and how.
    pub fn takes(&self, answers: &[(String, Answer)]) -> Result<(), (String, Misfilled)> {
        let mut seen = BTreeSet::new();
        for (name, answer) in answers {
            let field = self.fields().find(|field| field.name == *name);
            let Some(field) = field.filter(|_| seen.insert(name)) else {
                return Err((name.clone(), Misfilled::NoSuchField));
            };
            field.takes(answer).map_err(|why| (name.clone(), why))?;
        }
        let missing = self.fields().find(|field| field.needed && !seen.contains(&field.name));
        missing.map_or(Ok(()), |field| Err((field.name.clone(), Misfilled::Missing)))
    }

    /// Whether it can be said.
    pub fn check(&self) -> Result<(), BadContent> {
        within(&self.id, LINE)?;
        within(&self.reply, REPLY)?;
        dealing::titled(&self.title)?;
        let parts: usize = self.pages.iter().map(|page| page.parts.len()).sum();
        if self.fields().next().is_none() || self.pages.len() > PAGES || parts > PARTS {
            return Err(BadContent::Choices);
        }
        let mut names = BTreeSet::new();
        for page in &self.pages {
            within(&page.title, LINE)?;
            for part in &page.parts {
                match part {
                    Part::Text(text) if text.is_empty() => return Err(BadContent::Empty),
                    Part::Text(text) => within(text, BODY)?,
                    Part::Field(field) if !names.insert(&field.name) => return Err(BadContent::Choices),
                    Part::Field(field) => field.check()?,
                }
            }
        }
        Ok(())
    }
}

impl Part {
    fn words(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::Field(field) => {
                let options = field.input.options().iter();
                let options = options.flat_map(|it| [it.title.as_str(), it.description.as_str()]);
                [field.label.as_str(), field.help.as_str()].into_iter().chain(options).collect()
            }
        }
    }
}

impl Field {
    /// Whether this answers it.
    pub fn takes(&self, answer: &Answer) -> Result<(), Misfilled> {
        match (&self.input, answer) {
            (Input::Line { kind, least, most }, Answer::Text(text)) => {
                if text.contains(['\n', '\r']) {
                    return Err(Misfilled::NotOfThisKind);
                }
                counted(text.chars().count(), usize::from(*least).max(1), usize::from(*most))?;
                kind.takes(text)
            }
            (Input::Lines { most }, Answer::Text(text)) => {
                counted(text.chars().count(), 1, usize::from(*most))
            }
            (Input::One(options), Answer::Chosen(ids)) => {
                counted(ids.len(), 1, 1)?;
                are_of(ids, options)
            }
            (Input::Several { options, least, most }, Answer::Chosen(ids)) => {
                counted(ids.len(), usize::from(*least).max(1), usize::from(*most))?;
                are_of(ids, options)
            }
            (Input::Yes, Answer::Yes(yes)) if *yes || !self.needed => Ok(()),
            (Input::Yes, Answer::Yes(_)) => Err(Misfilled::Missing),
            (Input::Day { from, to }, Answer::Text(text)) => {
                if !is_day(text) {
                    return Err(Misfilled::NotADay);
                }
                let outside = (!from.is_empty() && text < from) || (!to.is_empty() && text > to);
                if outside { Err(Misfilled::DayOutside) } else { Ok(()) }
            }
            _ => Err(Misfilled::NotOfThisKind),
        }
    }

    fn check(&self) -> Result<(), BadContent> {
        within(&self.name, NAME)?;
        if self.name.is_empty() {
            return Err(BadContent::Empty);
        }
        dealing::titled(&self.label)?;
        within(&self.help, LINE)?;
        let count = |options: &[Choice]| {
            let ids: BTreeSet<&str> = options.iter().map(|it| it.id.as_str()).collect();
            let fits = (1..=OPTIONS).contains(&options.len()) && ids.len() == options.len();
            if fits { options.iter().try_for_each(Choice::check) } else { Err(BadContent::Choices) }
        };
        match &self.input {
            Input::Line { least, most, .. } if least > most || *most == 0 => {
                return Err(BadContent::Choices);
            }
            Input::Line { most, .. } | Input::Lines { most } if *most > TEXT => {
                return Err(BadContent::TooLong);
            }
            Input::Lines { most: 0 } => return Err(BadContent::Choices),
            Input::Line { .. } | Input::Lines { .. } | Input::Yes => {}
            Input::One(options) => count(options)?,
            Input::Several { options, least, most } => {
                count(options)?;
                if least > most || *most == 0 || usize::from(*most) > options.len() {
                    return Err(BadContent::Choices);
                }
            }
            Input::Day { from, to } => {
                let fits = |day: &String| day.is_empty() || is_day(day);
                let rises = from.is_empty() || to.is_empty() || from <= to;
                if !fits(from) || !fits(to) || !rises {
                    return Err(BadContent::Choices);
                }
            }
        }
        match &self.start {
            Some(start) if self.takes(start).is_err() && *start != Answer::Yes(false) => {
                Err(BadContent::Choices)
            }
            _ => Ok(()),
        }
    }
}

impl Input {
    /// What can be chosen; nothing where something is written.
    pub fn options(&self) -> &[Choice] {
        match self {
            Self::One(options) | Self::Several { options, .. } => options,
            _ => &[],
        }
    }
}

impl LineKind {
    fn takes(self, text: &str) -> Result<(), Misfilled> {
        match self {
            Self::Any => Ok(()),
            Self::Number => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let (whole, rest) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
                let fits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
                if fits(whole) && fits(rest) { Ok(()) } else { Err(Misfilled::NotANumber) }
            }
            Self::Email => {
                let fits = text.rsplit_once('@').is_some_and(|(name, host)| {
                    let whole = !text.contains(char::is_whitespace) && !host.contains('@');
                    whole && !name.is_empty() && !host.is_empty()
                });
                if fits { Ok(()) } else { Err(Misfilled::NotAnEmail) }
            }
            Self::Phone => {
                let may = |it: char| it.is_ascii_digit() || "+-() ./".contains(it);
                let has = text.chars().any(|it| it.is_ascii_digit());
                if has && text.chars().all(may) { Ok(()) } else { Err(Misfilled::NotAPhone) }
            }
        }
    }
}

impl Filled {
    /// The text that was written into it.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.answers.iter().filter_map(|(_, answer)| match answer {
            Answer::Text(text) => Some(text.as_str()),
            Answer::Chosen(_) | Answer::Yes(_) => None,
        })
    }

    fn check(&self) -> Result<(), BadContent> {
        within(&self.id, LINE)?;
        if self.answers.len() > PARTS {
            return Err(BadContent::Choices);
        }
        self.answers.iter().try_for_each(|(name, answer)| {
            within(name, NAME)?;
            match answer {
                Answer::Text(text) => within(text, 4 * usize::from(TEXT)),
                Answer::Chosen(ids) if ids.len() > OPTIONS => Err(BadContent::Choices),
                Answer::Chosen(ids) => ids.iter().try_for_each(|id| within(id, LINE)),
                Answer::Yes(_) => Ok(()),
            }
        })
    }
}

fn within(text: &str, most: usize) -> Result<(), BadContent> {
    dealing::within(text, most)
}

fn counted(count: usize, least: usize, most: usize) -> Result<(), Misfilled> {
    match count {
        count if count < least => Err(Misfilled::TooFew),
        count if count > most => Err(Misfilled::TooMany),
        _ => Ok(()),
    }
}

fn are_of(ids: &[String], options: &[Choice]) -> Result<(), Misfilled> {
    let different: BTreeSet<&String> = ids.iter().collect();
    let all = ids.iter().all(|id| options.iter().any(|option| option.id == *id));
    if all && different.len() == ids.len() { Ok(()) } else { Err(Misfilled::NoSuchOption) }
}

/// Whether a text is a day of the Gregorian calendar in the form `2026-11-30`.
pub fn is_day(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| {
        let part = text.get(range)?;
        let digits = part.bytes().all(|it| it.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let is_cut = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else {
        return false;
    };
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    is_cut && (1..=days).contains(&day)
}
