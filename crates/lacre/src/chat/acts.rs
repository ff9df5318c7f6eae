//! What one does to a message, or says beside text: letters on the chosen message, and sheets that ask.

use lacre_client::content::Answer;
use lacre_proto::ConversationId;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::actions::OnMessage;
use super::composer::Composer;
use super::input::edit;
use super::keys::Key;
use super::model::{Body, Message, MessageId, Tick};
use super::open::Target;
use super::panel::What;
use super::questions::{Order, Question, Wanted};
use super::sheets::{field, frame};
use super::state::{Command, Sheet, State};
use super::text::wrapped;
use super::theme::Theme;
use super::view::{put, row};

/// What is to be done, in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// React with an emoji; nothing takes it back.
    React(MessageId, Option<String>),
    /// Put another text in place of one's own.
    Edit(MessageId, String),
    /// Take a message off this device.
    DeleteHere(MessageId),
    /// Take a message back for everyone.
    DeleteForAll(MessageId),
    /// Pass a message on, to people and groups of these names.
    Forward(MessageId, Vec<String>),
    /// Pin a message for everybody, or take the pin away.
    Pin(MessageId, bool),
    /// Give a message a star, or take it away.
    Star(MessageId, bool),
    /// Vote in a poll; counted from 0.
    Vote(MessageId, Vec<u8>),
    /// Choose what has these words in a business's menu.
    Choose(MessageId, String),
    /// Send the form of a business's menu back, filled in.
    Fill(MessageId, Vec<(String, Answer)>),
    /// Close one's own poll.
    ClosePoll(MessageId),
    /// Look at what may be looked at once.
    Look(MessageId),
    /// From now on messages vanish so many seconds after they were read; 0: never.
    Timer(u32),
    /// Tell, or do not tell, that messages came and were read.
    Receipts(bool),
    /// Ask a question with answers.
    Poll(String, Vec<String>),
    /// Send a place on earth: degrees north and east, and what it is called.
    Place(String, String, String),
    /// Send the card of somebody.
    Card(String),
    /// Send a text that may be looked at once.
    Once(String),
    /// Send a text not before a time, as it was typed.
    Later(String, String),
}

/// A sheet that asks for a line, or for a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// In which conversation.
    pub id: ConversationId,
    /// For what.
    pub about: About,
    /// What is typed.
    pub input: Composer,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// What a sheet asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An emoji.
    React(MessageId),
    /// People and groups.
    Forward(MessageId),
    /// Where to delete; whether it is one's own.
    Delete(MessageId, bool),
    /// When messages vanish.
    Timer,
    /// A question and its answers.
    Poll,
    /// A place on earth.
    Place,
    /// Somebody's handle.
    Card,
    /// When to send what stands in the composer.
    Later,
    /// In what other way something is said, or is told here; whether receipts are sent.
    More(bool),
}

/// Emoji for those whose keyboard has none.
const EMOJI: [&str; 6] = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

const TELLS: &str = "r  stop telling that messages came and were read";
const DOES_NOT_TELL: &str = "r  tell again that messages came and were read";

impl About {
    fn title(self) -> &'static str {
        match self {
            Self::React(_) => " React · Enter · Esc ",
            Self::Forward(_) => " Forward · Enter · Esc ",
            Self::Delete(..) => " Delete · Esc ",
            Self::Timer => " Disappearing messages · Enter · Esc ",
            Self::Poll => " Poll · Enter · Esc ",
            Self::Place => " Place · Enter · Esc ",
            Self::Card => " Contact card · Enter · Esc ",
            Self::Later => " Send later · Enter · Esc ",
            Self::More(_) => " More · Esc ",
        }
    }

    /// The prompt; none where a letter answers.
    fn prompt(self) -> Option<&'static str> {
        Some(match self {
            Self::React(_) => "Emoji: ",
            Self::Forward(_) => "To: ",
            Self::Timer => "Vanish after: ",
            Self::Poll => "Ask: ",
            Self::Place => "Where: ",
            Self::Card => "Handle: ",
            Self::Later => "When: ",
            Self::Delete(..) | Self::More(_) => return None,
        })
    }

    fn says(self) -> String {
        match self {
            Self::React(_) => {
                let numbered: Vec<_> =
                    (1..).zip(EMOJI).map(|(number, emoji)| format!("{number} {emoji}")).collect();
                format!("{}, or any emoji. Enter alone takes yours back.", numbered.join("  "))
            }
            Self::Forward(_) => "Handles or names of groups, between commas. It is marked as forwarded.".to_owned(),
            Self::Delete(_, true) => "h  only on this device\na  for everyone: who has seen it has seen it".to_owned(),
            Self::Delete(_, false) => {
                "h  only on this device\na  for everyone, if you are an admin of the group".to_owned()
            }
            Self::Timer => {
                "30s, 5m, 1h, 1d, 1w or off: so long after it was read a message vanishes on all devices. It is \
                 no protection against who takes a picture."
                    .to_owned()
            }
            Self::Poll => "Question; answer; answer: with ';' between them.".to_owned(),
            Self::Place => "Degrees north, degrees east, and a name if you like: -23.55, -46.63, home".to_owned(),
            Self::Card => "Of somebody with whom you have a conversation.".to_owned(),
            Self::Later => {
                "2026-12-24T18:00, by this device's clock: what stands in the composer leaves then, while this \
                 profile is open."
                    .to_owned()
            }
            Self::More(tells) => "f  send a file; what I wrote goes with it\np  ask a question (poll)\ng  send a place\nc  send somebody's card\n\
                l  send what I wrote later\n1  send what I wrote to be looked at once\n\
                t  disappearing messages\n"
                .to_owned()
                + if tells { TELLS } else { DOES_NOT_TELL },
        }
    }
}

impl State {
    /// A letter on the chosen message.
    pub(super) fn on_message(&mut self, action: OnMessage, commands: &mut Vec<Command>) {
        let Some(open) = &self.open else { return };
        let (Some(id), Some(row)) = (open.conversation(), open.chosen_row().cloned()) else { return };
        let act = |act| Command::Act(id, act);
        let quiet = matches!(
            action,
            OnMessage::About | OnMessage::Help | OnMessage::Star | OnMessage::Delete | OnMessage::Reply
        );
        if self.undecided().is_some() && !quiet {
            self.notice = Some("Nothing is sent here before you have decided.".to_owned());
            return;
        }
        match action {
            OnMessage::Reply => self.reply(),
            OnMessage::GiveUp => self.give_up(commands),
            OnMessage::Help => self.sheet = Some(Sheet::Help(0)),
            OnMessage::React => self.ask(id, About::React(row.id)),
            OnMessage::Forward => self.ask(id, About::Forward(row.id)),
            OnMessage::Delete => self.ask(id, About::Delete(row.id, row.mine)),
            OnMessage::Edit => self.begin_edit(&row),
            OnMessage::Save if row.marks.files == 0 => {
                self.notice = Some("This message has no files.".to_owned());
            }
            OnMessage::Save => {
                let wanted = Wanted::Save(id, row.id, row.marks.files);
                self.sheet = Some(Sheet::Question(Question::new(wanted, None)));
            }
            OnMessage::About => self.panel(What::About(id, row.id), commands),
            OnMessage::Pin => commands.push(act(Act::Pin(row.id, !row.marks.pinned))),
            OnMessage::Star => commands.push(act(Act::Star(row.id, !row.marks.starred))),
            OnMessage::Look if row.marks.once => commands.push(act(Act::Look(row.id))),
            OnMessage::Look if row.waveform.is_some() => self.begin(Order::Play(id, row.id), commands),
            OnMessage::Look if row.marks.files > 0 => {
                self.begin(Order::Look(id, row.id, self.size), commands);
            }
            OnMessage::Look => {
                let why =
                    "Pictures, voice notes and what may be seen once are looked at; this is none of them.";
                self.notice = Some(why.to_owned());
            }
            OnMessage::ClosePoll => match row.marks.options {
                0 => self.notice = Some("This is no poll.".to_owned()),
                _ => commands.push(act(Act::ClosePoll(row.id))),
            },
            OnMessage::Vote(1) if let Some(form) = row.marks.form => self.fill_in(id, row.id, form),
            OnMessage::Vote(number) if !row.marks.choices.is_empty() => {
                match row.marks.choices.get(usize::from(number) - 1) {
                    Some(words) => commands.push(act(Act::Choose(row.id, words.clone()))),
                    None => self.notice = Some("Nothing has this number.".to_owned()),
                }
            }
            OnMessage::Vote(number) => match row.marks.options {
                0 => self.notice = Some("There is nothing to choose in this message.".to_owned()),
                options if usize::from(number) > options => {
                    self.notice = Some(format!("This poll has {options} answers."));
                }
                _ => commands.push(act(Act::Vote(row.id, row.marks.votes_with(number - 1)))),
            },
        }
    }

    /// Asks in the open conversation.
    pub(super) fn ask_here(&mut self, about: About) {
        match self.open.as_ref().and_then(|open| open.conversation()) {
            Some(id) => self.ask(id, about),
            None => self.notice = Some("Open a conversation first.".to_owned()),
        }
    }

    fn ask(&mut self, id: ConversationId, about: About) {
        self.sheet = Some(Sheet::Ask(Ask { id, about, input: Composer::default(), problem: None }));
    }

    /// Puts the text of one's own message into the composer, to be sent in its place.
    fn begin_edit(&mut self, row: &Message) {
        let sent = !matches!(row.tick, None | Some(Tick::Sending | Tick::Failed(_)));
        let Body::Text(text) = &row.body else {
            self.notice = Some("Only text is edited.".to_owned());
            return;
        };
        if !row.mine || !sent || row.marks.options > 0 || row.marks.files > 0 {
            self.notice = Some("Only your own text that was sent is edited.".to_owned());
            return;
        }
        let Some(target) = self.open.as_ref().map(|open| open.target.clone()) else { return };
        let draft = self.drafts.entry(target).or_default();
        if !draft.composer.is_blank() && draft.edit.is_none() {
            self.notice = Some("Send or clear what you are writing first.".to_owned());
            return;
        }
        draft.composer = Composer::with(text);
        draft.edit = Some(row.id);
        draft.reply = None;
        self.back_to_composer();
    }

    /// A key in a sheet that asks.
    pub(super) fn key_in_ask(&mut self, mut ask: Ask, key: Key, commands: &mut Vec<Command>) {
        match key {
            Key::Escape => return,
            Key::Quit => return self.quit(commands),
            Key::Char(letter) if ask.about.prompt().is_none() => {
                if self.letter(ask.id, ask.about, letter, commands) {
                    return;
                }
            }
            Key::Enter => match self.answer_to(&ask) {
                Ok(act) => {
                    if matches!(ask.about, About::Later) {
                        self.take_written(ask.id);
                    }
                    return commands.push(Command::Act(ask.id, act));
                }
                Err(why) => ask.problem = Some(why),
            },
            Key::NewLine => {}
            key => {
                edit(&mut ask.input, key);
                ask.problem = None;
            }
        }
        self.sheet = Some(Sheet::Ask(ask));
    }

    /// What a letter answers; whether the sheet is done.
    fn letter(
        &mut self,
        id: ConversationId,
        about: About,
        letter: char,
        commands: &mut Vec<Command>,
    ) -> bool {
        // Whether receipts are sent is told to nobody.
        if let (About::More(_), Some(who)) = (about, self.held().filter(|_| letter != 'r')) {
            self.notice = Some(super::words::not_sent(who));
            return true;
        }
        let act = match (about, letter) {
            (About::Delete(message, _), 'h') => Act::DeleteHere(message),
            (About::Delete(message, _), 'a') => Act::DeleteForAll(message),
            (About::More(tells), 'r') => Act::Receipts(!tells),
            (About::More(_), '1') => match self.take_written(id) {
                Some(text) => Act::Once(text),
                None => {
                    self.notice = Some("Write the text first, then Ctrl+O and 1.".to_owned());
                    return true;
                }
            },
            (About::More(_), 'p') => return self.ask_next(id, About::Poll),
            (About::More(_), 'f') => {
                let caption = self.written(id).unwrap_or_default();
                self.sheet = Some(Sheet::Question(Question::new(Wanted::SendFile(id, caption), None)));
                return true;
            }
            (About::More(_), 'g') => return self.ask_next(id, About::Place),
            (About::More(_), 'c') => return self.ask_next(id, About::Card),
            (About::More(_), 't') => return self.ask_next(id, About::Timer),
            (About::More(_), 'l') if self.written(id).is_none() => {
                self.notice = Some("Write the text first, then Ctrl+O and l.".to_owned());
                return true;
            }
            (About::More(_), 'l') => return self.ask_next(id, About::Later),
            _ => return false,
        };
        commands.push(Command::Act(id, act));
        true
    }

    fn ask_next(&mut self, id: ConversationId, about: About) -> bool {
        self.ask(id, about);
        true
    }

    fn answer_to(&self, ask: &Ask) -> Result<Act, String> {
        let text = ask.input.text().trim();
        let between = |mark| -> Vec<String> {
            text.split(mark).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Ok(match ask.about {
            About::React(message) => {
                let listed = text.parse::<usize>().ok().and_then(|number| EMOJI.get(number.wrapping_sub(1)));
                let emoji = listed.map_or_else(|| text.to_owned(), |emoji| (*emoji).to_owned());
                Act::React(message, (!emoji.is_empty()).then_some(emoji))
            }
            About::Forward(message) => match between(',') {
                to if to.is_empty() => return Err("Type to whom first.".to_owned()),
                to => Act::Forward(message, to),
            },
            About::Timer => match crate::output::seconds(text) {
                Some(seconds) => Act::Timer(seconds),
                None => return Err("Write 30s, 5m, 1h, 1d, 1w or off.".to_owned()),
            },
            About::Poll => match between(';') {
                parts if parts.len() < 3 => return Err("A question and two answers at least.".to_owned()),
                mut parts => {
                    let question = parts.remove(0);
                    Act::Poll(question, parts)
                }
            },
            About::Place => match text.splitn(3, ',').map(str::trim).collect::<Vec<_>>().as_slice() {
                [north, east, rest @ ..] => {
                    for (degrees, most) in [(north, 90.0), (east, 180.0)] {
                        if !degrees.parse::<f64>().is_ok_and(|it| it.abs() <= most) {
                            return Err(format!(
                                "“{degrees}” is no number of degrees from -{most} to {most}."
                            ));
                        }
                    }
                    let name = rest.first().map_or_else(String::new, |name| (*name).to_owned());
                    Act::Place((*north).to_owned(), (*east).to_owned(), name)
                }
                _ => return Err("Write degrees north and east, with a comma between them.".to_owned()),
            },
            About::Card if text.is_empty() => return Err("Type a handle first.".to_owned()),
            About::Card => Act::Card(text.to_owned()),
            About::Later => {
                crate::output::time(text).map_err(|failure| failure.message)?;
                Act::Later(self.written(ask.id).unwrap_or_default(), text.to_owned())
            }
            About::Delete(..) | About::More(_) => return Err("Press one of the letters.".to_owned()),
        })
    }

    /// What stands in the composer of a conversation.
    fn written(&self, id: ConversationId) -> Option<String> {
        let draft = self.drafts.get(&Target::Existing(id))?;
        (!draft.composer.is_blank()).then(|| draft.composer.text().to_owned())
    }

    pub(super) fn take_written(&mut self, id: ConversationId) -> Option<String> {
        let draft = self.drafts.get_mut(&Target::Existing(id))?;
        (!draft.composer.is_blank()).then(|| draft.composer.take())
    }

    /// What was said in another way did not come to pass: its text comes back.
    pub(super) fn put_back(&mut self, id: ConversationId, text: &str, why: &str) {
        let draft = self.drafts.entry(Target::Existing(id)).or_default();
        if text.is_empty() {
            self.notice = Some(format!("Not done: {why}."));
            return;
        }
        draft.composer.put_back(text);
        draft.touched = true;
        self.notice = Some(format!("Not done: {why}. The text is back in the composer."));
    }
}

/// Draws the sheet; where the cursor stands in it.
pub fn draw(ask: &Ask, theme: Theme, all: Rect, buffer: &mut Buffer) -> Option<Position> {
    let columns = usize::from(all.width.min(super::sheets::WIDEST).saturating_sub(6));
    let says = ask.problem.clone().unwrap_or_else(|| ask.about.says());
    let says = wrapped(&says, columns);
    let above = if ask.about.prompt().is_some() { 2 } else { 0 };
    let inside = frame(ask.about.title(), above + says.len(), theme, all, buffer);
    let style = if ask.problem.is_some() { theme.bad() } else { theme.quiet() };
    for (line, text) in says.into_iter().enumerate() {
        put(buffer, row(inside, above + line), text, style);
    }
    ask.about.prompt().map(|prompt| field(prompt, &ask.input, theme, inside, buffer))
}

/// Draws what was looked at once.
pub fn draw_once(text: &str, theme: Theme, all: Rect, buffer: &mut Buffer) {
    let columns = usize::from(all.width.min(super::sheets::WIDEST).saturating_sub(6));
    let lines = wrapped(text, columns);
    let inside = frame(" Once: gone when you close it · Esc ", lines.len(), theme, all, buffer);
    for (at, line) in lines.into_iter().enumerate() {
        put(buffer, row(inside, at), line, theme.plain());
    }
}
