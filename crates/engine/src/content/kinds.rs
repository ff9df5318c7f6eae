//! The registry of kinds: one table of everything that can be inside a sealed message.
//!
//! A kind that is added to [`Content`] and not here does not compile; one that is here and that the canary
//! scenario does not plant fails it.

use lacre_proto::{AccountId, ConversationId, DeviceId};

use super::given::{Given, Old, OldForm};
use super::{
    Answer, Ask, Briefing, Card, Category, Choice, Content, Fact, FileRef, Filled, History, HistoryStep,
    Matter, Media, Menu, MessageId, MimiId, NoEntry, Offer, Place, Poll, Preview, Section, Settled, Stamp,
    Template, TransferId, Voice,
};
use crate::files::FileKey;
use crate::identity::LinkSecret;

/// Longest emoji, in bytes.
pub const EMOJI: usize = 64;
/// Longest question of a poll, in bytes.
pub const QUESTION: usize = 1024;
/// Longest answer of a poll, in bytes.
pub const OPTION: usize = 256;
/// Fewest and most answers of a poll.
pub const OPTIONS: std::ops::RangeInclusive<usize> = 2..=12;
/// Longest name of a person, a place or a group, and longest label, in bytes.
pub const NAME: usize = 256;
/// Longest description of a group, in bytes.
pub const DESCRIPTION: usize = 4096;
/// Largest picture of a group, in bytes.
pub const PICTURE: usize = 48 * 1024;
/// Labels in one briefing, in bytes together.
pub const LABELS: usize = 32 * 1024;
/// Most messages that somebody is given who comes into a group.
pub const GIVEN: u8 = 100;
/// Most files of one message.
pub const ALBUM: usize = 10;
/// Longest name of a file, in bytes.
pub const FILE_NAME: usize = 255;
/// Longest media type of a file, in bytes.
pub const MEDIA_TYPE: usize = 127;
/// Longest blur of a preview, in bytes.
pub const BLUR: usize = 64;
/// Largest thumbnail, in bytes.
pub const THUMBNAIL: usize = 24 * 1024;
/// Thumbnails of one message, in bytes together.
pub const THUMBNAILS: usize = 80 * 1024;
/// Values of a voice note's waveform.
pub const WAVEFORM: usize = 64;
/// Most matters that the devices of an account tell each other in one message.
pub const MATTERS: usize = 512;
/// Most bytes of what the devices of an account hold alike for a program on them.
pub const SHARE: usize = 4096;
/// Longest name of it, in bytes.
pub const SHARE_NAME: usize = 32;
/// Most bytes of rows in one part of a transfer.
pub const ROWS: usize = 100 * 1024;
/// Longest disappearing timer, in seconds: a year.
pub const TIMER: u32 = 366 * 24 * 3600;

/// Who may say something; what anybody else says of this kind is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Every member.
    Member,
    /// Whoever may say messages here; it names a message of anybody.
    About,
    /// Only the author of the message that it names.
    Author,
    /// Only the author of the message that it names, or an admin of the group.
    AuthorOrAdmin,
    /// Every member of a direct conversation; in a group whoever may change what the group is.
    Editor,
    /// Devices, by themselves, to the author of the message that they name.
    Device,
    /// Devices, by themselves, to other devices of their account, in the conversation of their own.
    Kin,
    /// Nobody: what is not known cannot be said.
    Nobody,
}

/// A kind of content.
#[derive(Debug)]
pub struct Kind {
    /// Its stable name, as in JSON.
    pub name: &'static str,
    /// How it stands in MIMI.
    pub form: &'static str,
    /// Who may say it.
    pub says: Says,
    /// Whether it is a row of its own; what is not changes another row, or how things are shown.
    pub row: bool,
    /// Whether its author signs it: the words of rows, so that it can be proven whose they are. What devices say by
    /// themselves, and what is said about a message, is not worth the bytes.
    pub signed: bool,
    /// Its fields that people fill: a canary is planted in each.
    pub fields: &'static [&'static str],
    /// An example with these in its fields.
    pub sample: fn(&mut dyn FnMut(&'static str) -> String) -> Content<MimiId>,
}

const SOME: MimiId = MimiId([1; 32]);

fn some_file() -> FileRef {
    FileRef {
        capability: [3; 32],
        key: FileKey { key: [4; 32], nonce: [5; 7] },
        size: 5,
        hash: [6; 32],
        media_type: "audio/ogg".to_owned(),
        name: String::new(),
        kept_s: 0,
    }
}

macro_rules! kinds {
    ($($pattern:pat => $kind:ident: $value:expr;)*) => {
        $(static $kind: Kind = $value;)*

        /// Every kind.
        pub static KINDS: &[&Kind] = &[$(&$kind),*];

        impl<Id> Content<Id> {
            /// Its kind.
            pub fn kind(&self) -> &'static Kind {
                match self {
                    $($pattern => &$kind,)*
                }
            }
        }
    };
}

kinds! {
    Self::Text { .. } => TEXT_KIND: Kind {
        name: "text",
        form: "render, text/markdown;variant=GFM-MIMI",
        says: Says::Member,
        row: true,
        signed: true,
        fields: &["text.text"],
        sample: |fill| Content::Text { text: fill("text.text") },
    };
    Self::Delivered(_) => DELIVERED: Kind {
        name: "delivered",
        form: "unspecified, application/mimi-message-status, status delivered",
        says: Says::Device,
        row: false,
        signed: false,
        fields: &[],
        sample: |_| Content::Delivered(vec![SOME]),
    };
    Self::Read(_) => READ: Kind {
        name: "read",
        form: "unspecified, application/mimi-message-status, status read",
        says: Says::Device,
        row: false,
        signed: false,
        fields: &[],
        sample: |_| Content::Read(vec![SOME]),
    };
    Self::Reaction { .. } => REACTION: Kind {
        name: "reaction",
        form: "reaction, text/plain;charset=utf-8, in-reply-to; taken back: null part",
        says: Says::About,
        row: false,
        signed: false,
        // One emoji has no room for a canary.
        fields: &[],
        sample: |_| Content::Reaction { to: SOME, emoji: Some("👍".to_owned()), revision: 1 },
    };
    Self::Edit { .. } => EDIT: Kind {
        name: "edit",
        form: "replaces, render, text/markdown;variant=GFM-MIMI",
        says: Says::Author,
        row: false,
        signed: true,
        fields: &["edit.text"],
        sample: |fill| Content::Edit { of: SOME, text: fill("edit.text"), revision: 1 },
    };
    Self::Delete { .. } => DELETE: Kind {
        name: "delete",
        form: "replaces, render, null part",
        says: Says::AuthorOrAdmin,
        row: false,
        signed: false,
        fields: &[],
        sample: |_| Content::Delete { of: SOME },
    };
    Self::Poll(_) => POLL: Kind {
        name: "poll",
        form: "render, application/vnd.lacre.poll+cbor",
        says: Says::Member,
        row: true,
        signed: true,
        fields: &["poll.question", "poll.option"],
        sample: |fill| Content::Poll(Poll {
            question: fill("poll.question"),
            options: vec![fill("poll.option"), "no".to_owned()],
            multiple: false,
        }),
    };
    Self::Vote { .. } => VOTE: Kind {
        name: "vote",
        form: "unspecified, application/vnd.lacre.vote+cbor, in-reply-to",
        says: Says::About,
        row: false,
        signed: false,
        fields: &[],
        sample: |_| Content::Vote { poll: SOME, choices: vec![1], revision: 1 },
    };
    Self::ClosePoll { .. } => CLOSE_POLL: Kind {
        name: "close-poll",
        form: "unspecified, application/vnd.lacre.poll-close+cbor, in-reply-to",
        says: Says::Author,
        row: false,
        signed: false,
        fields: &[],
        sample: |_| Content::ClosePoll { poll: SOME },
    };
    Self::Place(_) => PLACE: Kind {
        name: "location",
        form: "render, application/vnd.lacre.location+cbor",
        says: Says::Member,
        row: true,
        signed: true,
        fields: &["location.label"],
        sample: |fill| Content::Place(Place {
            latitude_e7: -235_505_200,
            longitude_e7: -466_333_090,
            label: fill("location.label"),
        }),
    };
    Self::Card(_) => CARD: Kind {
        name: "contact",
        form: "render, application/vnd.lacre.contact+cbor",
        says: Says::Member,
        row: true,
        signed: true,
        // The handle is of a fixed form, and no secret from the relay.
        fields: &["contact.name"],
        sample: |fill| Content::Card(Card {
            account: AccountId([7; 16]),
            handle: "carla".parse().expect("it is a handle"),
            name: fill("contact.name"),
        }),
    };
    Self::Pin { .. } => PIN: Kind {
        name: "pin",
        form: "unspecified, application/vnd.lacre.pin+cbor, in-reply-to",
        says: Says::Editor,
        row: false,
        signed: false,
        fields: &[],
        sample: |_| Content::Pin { message: SOME, pinned: true },
    };
    Self::Timer { .. } => TIMER_KIND: Kind {
        name: "timer",
        form: "unspecified, application/vnd.lacre.timer+cbor",
        says: Says::Editor,
        row: true,
        signed: true,
        fields: &[],
        sample: |_| Content::Timer { seconds: 3600 },
    };
    Self::Fact(_) => FACT: Kind {
        name: "fact",
        form: "unspecified, application/vnd.lacre.fact+cbor",
        says: Says::Editor,
        row: true,
        signed: true,
        fields: &["fact.name"],
        sample: |fill| Content::Fact(Fact::Name(fill("fact.name"))),
    };
    Self::Typing(_) => TYPING: Kind {
        name: "typing",
        form: "unspecified, application/vnd.lacre.typing+cbor",
        says: Says::Member,
        row: false,
        signed: false,
        fields: &[],
        sample: |_| Content::Typing(true),
    };
    Self::Name(_) => NAME_KIND: Kind {
        name: "name",
        form: "profile, text/plain;charset=utf-8",
        says: Says::Member,
        row: false,
        signed: false,
        fields: &["name.name"],
        sample: |fill| Content::Name(fill("name.name")),
    };
    Self::Leave => LEAVE: Kind {
        name: "leave",
        form: "unspecified, application/vnd.lacre.leave+cbor",
        says: Says::Member,
        row: false,
        signed: false,
        fields: &[],
        sample: |_| Content::Leave,
    };
    Self::Briefing(_) => BRIEFING: Kind {
        name: "briefing",
        form: "unspecified, application/vnd.lacre.briefing+cbor",
        says: Says::Device,
        row: false,
        signed: false,
        fields: &["briefing.name", "briefing.description", "briefing.label"],
        sample: |fill| {
            Content::Briefing(Briefing {
                name: fill("briefing.name"),
                description: fill("briefing.description"),
                picture: vec![1, 2, 3],
                labels: vec![(AccountId([7; 16]), fill("briefing.label"))],
                link: None,
            })
        },
    };
    Self::Given(_) => GIVEN_KIND: Kind {
        name: "given",
        form: "unspecified, application/vnd.lacre.given+cbor",
        says: Says::Device,
        row: false,
        // Its messages are under their own authors' signatures.
        signed: false,
        fields: &["given.content"],
        sample: |fill| {
            let content = fill("given.content").into_bytes();
            let first = OldForm { time: 1, certificate: 0, content, signature: vec![1; 64] };
            Content::Given(Given {
                to: vec![AccountId([7; 16])],
                of: 1,
                from: 0,
                certificates: vec![vec![1, 2, 3]],
                messages: vec![Old { first, edit: None }],
            })
        },
    };
    Self::AskToJoin(_) => ASK_TO_JOIN: Kind {
        name: "ask-to-join",
        form: "unspecified, application/vnd.lacre.ask-to-join+cbor",
        says: Says::Member,
        row: true,
        signed: true,
        fields: &[],
        sample: |_| {
            let secret = LinkSecret([7; 24]);
            Content::AskToJoin(Ask { group: ConversationId([7; 16]), secret })
        },
    };
    Self::JoinAnswer { .. } => JOIN_ANSWER: Kind {
        name: "join-answer",
        form: "unspecified, application/vnd.lacre.join-answer+cbor, in-reply-to",
        says: Says::About,
        row: false,
        signed: false,
        fields: &[],
        sample: |_| Content::JoinAnswer { to: SOME, no: NoEntry::Declined },
    };
    Self::Media(_) => MEDIA: Kind {
        name: "media",
        form: "render, single unit: each file external, inline, then application/vnd.lacre.preview+cbor; the caption as text; \
               a sticker has a mark",
        says: Says::Member,
        row: true,
        signed: true,
        fields: &["media.name", "media.type", "media.thumbnail", "media.blur", "media.caption"],
        sample: |fill| {
            let file = FileRef {
                name: fill("media.name"),
                media_type: fill("media.type"),
                ..some_file()
            };
            let thumbnail = fill("media.thumbnail").into_bytes();
            let preview =
                Preview { width: 4, height: 3, duration_ms: 0, blur: fill("media.blur").into_bytes(), thumbnail };
            let caption = fill("media.caption");
            Content::Media(Media { files: vec![(file, preview)], caption, sticker: false })
        },
    };
    Self::Voice(_) => VOICE: Kind {
        name: "voice",
        form: "render, single unit: the file external, inline, then application/vnd.lacre.voice+cbor",
        says: Says::Member,
        row: true,
        signed: true,
        fields: &["voice.name"],
        sample: |fill| {
            let file = FileRef { name: fill("voice.name"), ..some_file() };
            Content::Voice(Voice { file, duration_ms: 1500, waveform: vec![9; WAVEFORM] })
        },
    };
    Self::Sync(_) => SYNC: Kind {
        name: "sync",
        form: "unspecified, application/vnd.lacre.sync+cbor",
        says: Says::Kin,
        row: false,
        signed: false,
        fields: &["sync.name", "sync.device", "sync.draft"],
        sample: |fill| {
            let stamp = Stamp { revision: 1, id: MessageId([3; 16]) };
            let conversation = ConversationId([5; 16]);
            let matters = [
                Matter::Name(fill("sync.name")),
                Matter::DeviceName { device: DeviceId([6; 16]), name: fill("sync.device") },
                Matter::Draft { conversation, text: fill("sync.draft") },
                Matter::Star { conversation, message: MessageId([7; 16]), at_ms: None },
            ];
            Content::Sync(matters.map(|matter| Settled { stamp, matter }).to_vec())
        },
    };
    Self::History(_) => HISTORY: Kind {
        name: "history",
        form: "unspecified, application/vnd.lacre.history+cbor",
        says: Says::Kin,
        row: false,
        signed: false,
        fields: &["history.rows"],
        sample: |fill| {
            let rows = fill("history.rows").into_bytes();
            let step = HistoryStep::Part { number: 1, done: 1, total: 1, last: true, rows };
            Content::History(History { transfer: TransferId([4; 16]), to: DeviceId([6; 16]), step })
        },
    };
    Self::Menu(_) => MENU: Kind {
        name: "menu",
        form: "render, application/vnd.lacre.menu+cbor; with a file above it, a single unit: the file as in media, then the menu",
        says: Says::Member,
        row: true,
        signed: true,
        fields: &[
            "menu.id", "menu.title", "menu.description", "menu.section", "menu.header", "menu.body", "menu.footer",
            "menu.list", "menu.template", "menu.file",
        ],
        sample: |fill| {
            let row = Choice {
                id: fill("menu.id"),
                title: fill("menu.title"),
                description: fill("menu.description"),
            };
            let sections = vec![Section { title: fill("menu.section"), rows: vec![row] }];
            Content::Menu(Menu {
                header: fill("menu.header"),
                body: fill("menu.body"),
                footer: fill("menu.footer"),
                offer: Offer::List { title: fill("menu.list"), sections },
                template: Some(Template {
                    name: fill("menu.template"),
                    language: "pt_BR".to_owned(),
                    category: Category::Service,
                }),
                above: Some(Box::new((
                    FileRef { name: fill("menu.file"), ..some_file() },
                    Preview { width: 4, height: 3, ..Preview::default() },
                ))),
            })
        },
    };
    Self::Chosen { .. } => CHOSEN: Kind {
        name: "choice",
        form: "render, application/vnd.lacre.choice+cbor, in-reply-to",
        says: Says::Member,
        row: true,
        signed: true,
        fields: &["choice.id", "choice.title", "choice.description"],
        sample: |fill| {
            let (id, title) = (fill("choice.id"), fill("choice.title"));
            let choice = Choice { id, title, description: fill("choice.description") };
            Content::Chosen { of: SOME, choice }
        },
    };
    Self::Consent(_) => CONSENT: Kind {
        name: "consent",
        form: "render, application/vnd.lacre.consent+cbor",
        says: Says::Member,
        row: true,
        // It is signed in itself, for all to see who are shown it.
        signed: false,
        fields: &[],
        sample: |_| Content::Consent(vec![1, 2, 3]),
    };
    Self::Filled { .. } => FILLED: Kind {
        name: "filled",
        form: "render, application/vnd.lacre.filled+cbor, in-reply-to",
        says: Says::Member,
        row: true,
        signed: true,
        fields: &["filled.name", "filled.text", "filled.chosen", "filled.id"],
        sample: |fill| {
            let answers = vec![
                (fill("filled.name"), Answer::Text(fill("filled.text"))),
                ("again".to_owned(), Answer::Chosen(vec![fill("filled.chosen")])),
            ];
            Content::Filled { of: SOME, filled: Filled { id: fill("filled.id"), answers } }
        },
    };
    Self::Unknown => UNKNOWN: Kind {
        name: "unknown",
        form: "anything else",
        says: Says::Nobody,
        row: true,
        // A version that knows it may sign it.
        signed: false,
        fields: &[],
        sample: |_| Content::Unknown,
    };
}
