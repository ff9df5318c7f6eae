//! Questions: something that one must be sure of, or for which a line is needed, before it is done.

use lacre_client::content::Category;
use lacre_proto::{AccountId, ConversationId, DeviceId};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::acts::Act;
use super::composer::Composer;
use super::input::edit;
use super::keys::Key;
use super::model::MessageId;
use super::panel::{Panel, What};
use super::sheets::{WIDEST, field, frame};
use super::state::{Command, Sheet, State};
use super::text::{clip, wrapped};
use super::theme::Theme;
use super::view::{put, row};

/// What is to be done for the whole account, or about somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A request is accepted.
    Accept(ConversationId),
    /// A request is deleted.
    Decline(ConversationId),
    /// Who made a request is blocked.
    BlockRequest(ConversationId),
    /// Somebody is blocked, by handle.
    BlockPerson(String),
    /// Who asked is let into a group.
    Admit(ConversationId, AccountId),
    /// Who asked is not.
    NotAdmit(ConversationId, AccountId),
    /// A link of a group is made, good for so many days; 0 for as long as it stands.
    NewLink(ConversationId, u32),
    /// The link of a group is turned off.
    LinkOff(ConversationId),
    /// One asks to be let into the group of this link.
    Join(String),
    /// A block is taken back.
    Unblock(AccountId),
    /// The block of who is in a conversation is taken back.
    UnblockIn(ConversationId),
    /// A report of what a request says is written into a file.
    Report(ConversationId, String),
    /// The quarantine of a device ends.
    Approve(DeviceId),
    /// A device is called so.
    Rename(DeviceId, String),
    /// A device is taken out of the account.
    Revoke(DeviceId),
    /// A device is told what was said in the last so many days; 0 for everything.
    Tell(DeviceId, u32),
    /// It is not told any more.
    StopTelling(DeviceId),
    /// This device gets new keys everywhere.
    Secure,
    /// The device of this code is let in.
    Link(String),
    /// A device is not let in after all.
    StopLinking,
    /// A safety number is compared with a file.
    Compare(What, String),
    /// The files of a message are saved in this folder, or under this name.
    Save(ConversationId, MessageId, String),
    /// A picture of a message is looked at, in a terminal of this size.
    Look(ConversationId, MessageId, (u16, u16)),
    /// A voice note is played, or not any more.
    Play(ConversationId, MessageId),
    /// A file is sent, with a caption.
    SendFile(ConversationId, String, String),
    /// The safety number with somebody was compared, and is this one, as it stands in its QR code.
    Verify(AccountId, String),
    /// It does not count as compared any more.
    Unverify(AccountId),
    /// The identity key with which somebody has come is accepted.
    AcceptKey(AccountId, [u8; 32]),
    /// What was to be sent later is not.
    NotLater(MessageId),
    /// One goes by this name.
    Name(String),
    /// A business may write for this, or not any more; what it tells was shown with this hash.
    Allow(ConversationId, Category, bool, Option<[u8; 32]>),
    /// A business may write nothing.
    Stop(ConversationId),
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What for.
    pub wanted: Wanted,
    /// What is typed.
    pub input: Composer,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// The panel that lies under it.
    pub back: Option<Panel>,
}

/// What a question is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// To delete a request of this name.
    Decline(ConversationId, String),
    /// To block who made a request of this name.
    BlockRequest(ConversationId, String),
    /// To block somebody.
    BlockPerson,
    /// To make a link of a group.
    NewLink(ConversationId),
    /// To turn it off.
    LinkOff(ConversationId),
    /// To ask to be let into a group.
    Join,
    /// To take a block back.
    Unblock(AccountId, String),
    /// To take the block of who is in a conversation back.
    UnblockIn(ConversationId, String),
    /// To report what a request says.
    Report(ConversationId),
    /// To give a device a name; the one it has.
    Rename(DeviceId, String),
    /// To remove a device of this name.
    Revoke(DeviceId, String),
    /// To tell a device of this name what was said before it came.
    Tell(DeviceId, String),
    /// To get new keys everywhere.
    Secure,
    /// To let a new device in.
    Link,
    /// To stop letting one in.
    StopLinking,
    /// To mark the number with somebody as compared.
    Verify(AccountId, String, String),
    /// To take that mark away.
    Unverify(AccountId, String),
    /// To accept the new key of somebody.
    AcceptKey(AccountId, [u8; 32], String),
    /// To compare a safety number.
    Compare(What),
    /// To save so many files of a message.
    Save(ConversationId, MessageId, usize),
    /// To send a file with this caption.
    SendFile(ConversationId, String),
    /// Not to send something later.
    NotLater(MessageId),
    /// To send another text later; the one it has.
    EditLater(ConversationId, MessageId, String),
    /// To go by a name; the one it is.
    Name(String),
}

impl Question {
    /// It, over a panel or over the chat.
    pub fn new(wanted: Wanted, back: Option<Panel>) -> Self {
        let input = match &wanted {
            // What stands here is a folder that there is.
            Wanted::Save(..) => Composer::with("."),
            Wanted::Rename(_, text) | Wanted::EditLater(_, _, text) | Wanted::Name(text) => {
                Composer::with(text)
            }
            _ => Composer::default(),
        };
        Self { wanted, input, problem: None, back }
    }
}

impl Wanted {
    fn title(&self) -> &'static str {
        match self {
            Self::Decline(..) => "Delete this request",
            Self::BlockRequest(..) | Self::BlockPerson => "Block",
            Self::NewLink(_) => "New link of the group",
            Self::LinkOff(_) => "Turn the link off",
            Self::Join => "Join a group by its link",
            Self::Unblock(..) | Self::UnblockIn(..) => "Unblock",
            Self::Report(_) => "Report",
            Self::Rename(..) => "Name of a device",
            Self::Revoke(..) => "Remove a device",
            Self::Tell(..) => "Tell it what was said before",
            Self::Secure => "New keys for this device",
            Self::Link => "Link a new device",
            Self::StopLinking => "Stop linking",
            Self::Compare(_) => "Compare",
            Self::Verify(..) => "Are all 60 digits the same",
            Self::Unverify(..) => "Take the mark away",
            Self::AcceptKey(..) => "Accept the new key",
            Self::Save(..) => "Save",
            Self::SendFile(..) => "Send a file",
            Self::NotLater(_) => "Do not send it",
            Self::EditLater(..) => "Edit what is sent later",
            Self::Name(_) => "The name that you go by",
        }
    }

    /// The prompt; none where yes or no is enough.
    fn prompt(&self) -> Option<&'static str> {
        Some(match self {
            Self::BlockPerson => "Handle: ",
            Self::NewLink(_) => "Days: ",
            Self::Join => "Link: ",
            Self::Report(_) | Self::SendFile(..) => "File: ",
            Self::Save(..) => "Folder: ",
            Self::Rename(..) | Self::Name(_) => "Name: ",
            Self::Tell(..) => "Days: ",
            Self::Link => "Code: ",
            Self::Compare(_) => "File: ",
            Self::EditLater(..) => "Text: ",
            _ => return None,
        })
    }

    fn says(&self) -> String {
        match self {
            Self::Decline(_, name) => format!("{name}: what was said goes from this device. They are not told."),
            Self::BlockRequest(_, name) => {
                format!("Who made the request ({name}) does not reach you any more. They are not told.")
            }
            Self::BlockPerson => {
                "Nothing of them reaches you any more, and they are not told. Only somebody who wrote to you or is \
                 in a group with you can be blocked."
                    .to_owned()
            }
            Self::NewLink(_) => {
                "Who has it can ask you to be let in, and nothing more. For how many days, 1 to 366; nothing for as long \
                 as it stands. The link before is good no more."
                    .to_owned()
            }
            Self::LinkOff(_) => "Nobody can ask by it any more. Who has asked stays to be decided on.".to_owned(),
            Self::Join => "Paste the link of the group. Its admin is asked, and decides.".to_owned(),
            Self::Unblock(_, name) | Self::UnblockIn(_, name) => {
                format!("{name} can write to you again. What they wrote meanwhile does not come.")
            }
            Self::Report(_) => {
                "A new file, such as report.json, with what this request says, each message under its author's signature, \
                 the whole under yours. It is sent to nobody."
                    .to_owned()
            }
            Self::Rename(..) => "What you call it, on all your devices: at most 40 characters; empty for none.".to_owned(),
            Self::Revoke(_, name) => format!(
                "{name} loses its place in every conversation and cannot read what comes from now on. What it has \
                 read it may still have. This cannot be taken back."
            ),
            Self::Tell(_, name) => format!(
                "{name} is told what was said before it came, sealed, while both are online. Of how many days; nothing \
                 for everything."
            ),
            Self::Secure => {
                "For when somebody may have had this device's store in their hands: it gets new keys in every \
                 conversation and at the relay, so that a copy opens nothing that is said from then on."
                    .to_owned()
            }
            Self::Link => {
                "The code that the new device shows after `lacre device join`. It is good for a minute. Type only \
                 the code of a device that lies in front of you."
                    .to_owned()
            }
            Self::StopLinking => "The new device is not let in; nothing was added.".to_owned(),
            Self::Verify(_, _, name) => format!(
                "Say yes when you have compared them with what {name} sees, by voice or face to face."
            ),
            Self::Unverify(_, name) => format!("The number with {name} counts as not compared."),
            Self::AcceptKey(_, _, name) => format!(
                "What you write to {name} goes to the new key from now on. Accept it only when {name} has told you of \
                 it in another way, by voice or face to face: else you may be writing to somebody who stands \
                 between you."
            ),
            Self::Compare(_) => {
                "A text file with their 60 digits, or a PNG image of their code.".to_owned()
            }
            Self::Save(_, _, files) => {
                let what = if *files == 1 { "The file is".to_owned() } else { format!("The {files} files are") };
                format!(
                    "{what} fetched, checked and written into this folder under a safe name. Nothing is overwritten, \
                     and nothing is opened."
                )
            }
            Self::SendFile(_, caption) => {
                let with = if caption.is_empty() { "" } else { " What you wrote goes with it." };
                format!("Pictures and documents are cleaned of what they tell of you, then sealed.{with}")
            }
            Self::NotLater(_) => "It is deleted from this device and is never sent.".to_owned(),
            Self::EditLater(..) => "It goes at the same time as before.".to_owned(),
            Self::Name(_) => "Told with your next message in each conversation; empty for none.".to_owned(),
        }
    }

    /// What it comes to, with what was typed; or what is wrong with that.
    fn command(&self, typed: &str) -> Result<Command, String> {
        let typed = typed.trim();
        let needed = |what: &str| match typed.is_empty() {
            true => Err(format!("Type {what} first.")),
            false => Ok(typed.to_owned()),
        };
        Ok(Command::Do(match self {
            Self::Decline(id, _) => Order::Decline(*id),
            Self::BlockRequest(id, _) => Order::BlockRequest(*id),
            Self::BlockPerson => Order::BlockPerson(needed("a handle")?),
            Self::NewLink(group) => match typed {
                "" => Order::NewLink(*group, 0),
                days => match days.parse() {
                    Ok(days @ 1..=366) => Order::NewLink(*group, days),
                    _ => return Err("Write a number of days from 1 to 366, or nothing.".to_owned()),
                },
            },
            Self::LinkOff(group) => Order::LinkOff(*group),
            Self::Join => Order::Join(needed("the link")?),
            Self::Unblock(who, _) => Order::Unblock(*who),
            Self::UnblockIn(id, _) => Order::UnblockIn(*id),
            Self::Report(id) => Order::Report(*id, needed("the name of a file")?),
            Self::Rename(id, _) => Order::Rename(*id, typed.to_owned()),
            Self::Revoke(id, _) => Order::Revoke(*id),
            Self::Tell(id, _) => match typed {
                "" => Order::Tell(*id, 0),
                days => match days.parse() {
                    Ok(days @ 1..) => Order::Tell(*id, days),
                    _ => return Err("Write a number of days, or nothing.".to_owned()),
                },
            },
            Self::Secure => Order::Secure,
            Self::Link => Order::Link(needed("the code")?),
            Self::StopLinking => Order::StopLinking,
            Self::Verify(who, number, _) => Order::Verify(*who, number.clone()),
            Self::Unverify(who, _) => Order::Unverify(*who),
            Self::AcceptKey(who, key, _) => Order::AcceptKey(*who, *key),
            Self::Compare(what) => Order::Compare(*what, needed("the name of a file")?),
            Self::Save(id, message, _) => Order::Save(*id, *message, needed("the name of a folder")?),
            Self::SendFile(id, caption) => {
                Order::SendFile(*id, needed("the name of a file")?, caption.clone())
            }
            Self::NotLater(message) => Order::NotLater(*message),
            Self::EditLater(id, message, _) => {
                return Ok(Command::Act(*id, Act::Edit(*message, needed("a text")?)));
            }
            Self::Name(_) => Order::Name(typed.to_owned()),
        }))
    }
}

impl State {
    /// A key in a question.
    pub(super) fn key_in_question(&mut self, mut question: Question, key: Key, commands: &mut Vec<Command>) {
        let line = question.wanted.prompt().is_some();
        match key {
            Key::Quit => return self.quit(commands),
            Key::Escape => return self.sheet = question.back.map(Sheet::Panel),
            Key::Char('n' | 'N') if !line => return self.sheet = question.back.map(Sheet::Panel),
            Key::Enter if line => match question.wanted.command(question.input.text()) {
                Ok(command) => return self.answered(question, command, commands),
                Err(why) => question.problem = Some(why),
            },
            Key::Char('y' | 'Y') if !line => {
                if let Ok(command) = question.wanted.command("") {
                    return self.answered(question, command, commands);
                }
            }
            Key::NewLine => {}
            key if line => {
                edit(&mut question.input, key);
                question.problem = None;
            }
            _ => {}
        }
        self.sheet = Some(Sheet::Question(question));
    }

    fn answered(&mut self, question: Question, command: Command, commands: &mut Vec<Command>) {
        if let Command::Do(Order::Decline(id) | Order::BlockRequest(id)) = &command
            && self.open.as_ref().is_some_and(|open| open.conversation() == Some(*id))
        {
            self.close(commands);
        }
        self.sheet = question.back.map(Sheet::Panel);
        if matches!(command, Command::Do(Order::Link(_))) {
            self.linking();
        }
        match command {
            Command::Do(order @ (Order::SendFile(..) | Order::Save(..))) => self.begin(order, commands),
            command => commands.push(command),
        }
    }
}

/// Draws the question; where the cursor stands in it.
pub fn draw(question: &Question, theme: Theme, all: Rect, buffer: &mut Buffer) -> Option<Position> {
    let columns = usize::from(all.width.min(WIDEST).saturating_sub(4));
    let says = question.problem.clone().unwrap_or_else(|| question.wanted.says());
    let says = wrapped(&says, columns);
    let prompt = question.wanted.prompt();
    let title = match prompt {
        Some(_) => format!(" {} · Enter · Esc ", question.wanted.title()),
        None => format!(" {}? ", question.wanted.title()),
    };
    let inside = frame(&clip(&title, columns + 2), says.len() + 2, theme, all, buffer);
    let style = if question.problem.is_some() { theme.bad() } else { theme.plain() };
    let above = if prompt.is_some() { 2 } else { 0 };
    for (line, text) in says.iter().enumerate() {
        put(buffer, row(inside, above + line), text, style);
    }
    match prompt {
        Some(prompt) => Some(field(prompt, &question.input, theme, inside, buffer)),
        None => {
            put(buffer, row(inside, says.len() + 1), "y  yes · n  no", theme.strong());
            None
        }
    }
}
