//! Keys in panels, and in conversations that are decided on before anything is written in them.

use lacre_proto::ConversationId;

use super::{Deed, Of, Panel, Shown, What};
use crate::chat::acts::Act;
use crate::chat::keys::Key;
use crate::chat::model::Stance;
use crate::chat::open::Target;
use crate::chat::questions::{Order, Question, Wanted};
use crate::chat::state::{Command, Sheet, State};

impl State {
    /// Shows a panel, and reads it.
    pub(in crate::chat) fn panel(&mut self, what: What, commands: &mut Vec<Command>) {
        self.sheet = Some(Sheet::Panel(Panel::new(what)));
        commands.push(Command::LoadPanel(what));
    }

    /// Shows a panel of the open conversation.
    pub(in crate::chat) fn panel_here(
        &mut self,
        what: impl FnOnce(ConversationId) -> What,
        commands: &mut Vec<Command>,
    ) {
        match self.open.as_ref().and_then(|open| open.conversation()) {
            Some(id) => self.panel(what(id), commands),
            None => self.notice = Some("Open a conversation first.".to_owned()),
        }
    }

    /// Takes what was read for a panel, also for one that lies under a question.
    pub(in crate::chat) fn set_panel(&mut self, what: What, shown: Shown) {
        if let Some(panel) = self.panel_of_sheet().filter(|panel| panel.what == what) {
            panel.at = if shown.rows.is_empty() { panel.at } else { panel.at.min(shown.rows.len() - 1) };
            panel.code &= shown.code.is_some();
            panel.shown = Some(shown);
        }
    }

    /// Reads the panel again that is shown.
    pub(in crate::chat) fn reload_panel(&mut self, commands: &mut Vec<Command>) {
        if let Some(panel) = self.panel_of_sheet() {
            commands.push(Command::LoadPanel(panel.what));
        }
    }

    fn panel_of_sheet(&mut self) -> Option<&mut Panel> {
        match &mut self.sheet {
            Some(Sheet::Panel(panel)) => Some(panel),
            Some(Sheet::Question(question)) => question.back.as_mut(),
            _ => None,
        }
    }

    /// A key in a panel.
    pub(in crate::chat) fn key_in_panel(&mut self, mut panel: Panel, key: Key, commands: &mut Vec<Command>) {
        match key {
            Key::Escape if panel.code => panel.code = false,
            Key::Escape if matches!(panel.what, What::Number(..)) => {
                if let What::Number(_, group) = panel.what {
                    self.panel(What::Safety(group), commands);
                }
                return;
            }
            Key::Escape => return,
            Key::Quit => return self.quit(commands),
            Key::Up => self.step(&mut panel, -1),
            Key::Down => self.step(&mut panel, 1),
            Key::PageUp => self.step(&mut panel, -8),
            Key::PageDown => self.step(&mut panel, 8),
            Key::Enter | Key::Char(_) => return self.deed_of_key(panel, key, commands),
            _ => {}
        }
        self.sheet = Some(Sheet::Panel(panel));
    }

    fn step(&self, panel: &mut Panel, by: isize) {
        let rows = panel.shown.as_ref().map_or(0, |shown| shown.rows.len());
        let last = if rows > 0 { rows - 1 } else { super::overflow(self, panel) };
        panel.at = panel.at.saturating_add_signed(by).min(last);
    }

    fn deed_of_key(&mut self, panel: Panel, key: Key, commands: &mut Vec<Command>) {
        let letter = if let Key::Char(letter) = key { Some(letter) } else { None };
        let deed = panel
            .shown
            .as_ref()
            .and_then(|shown| panel.what.keys(shown).find(|binding| binding.key == letter))
            .map(|binding| binding.deed);
        match deed {
            Some(deed) => self.deed(panel, deed, commands),
            None => self.sheet = Some(Sheet::Panel(panel)),
        }
    }

    fn deed(&mut self, mut panel: Panel, deed: Deed, commands: &mut Vec<Command>) {
        let of = panel.row().map(|row| row.of.clone());
        let wanted = match (deed, of) {
            (Deed::Open, Some(of)) => return self.go_to(panel.what, of, commands),
            (Deed::Code, _) => {
                panel.code = !panel.code;
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Accept, Some(Of::Request(id, _))) => {
                commands.push(Command::Do(Order::Accept(id)));
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Accept, Some(Of::Asker(group, who, _))) => {
                commands.push(Command::Do(Order::Admit(group, who)));
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Decline, Some(Of::Asker(group, who, _))) => {
                commands.push(Command::Do(Order::NotAdmit(group, who)));
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Block | Deed::Report, Some(Of::Asker(..))) => {
                self.notice =
                    Some("Who asks to be let in is accepted or declined; Ctrl+P blocked blocks.".to_owned());
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::NewLink, _) => match panel.what {
                What::GroupLink(group) => Wanted::NewLink(group),
                _ => return,
            },
            (Deed::LinkOff, _) => match panel.what {
                What::GroupLink(group) => Wanted::LinkOff(group),
                _ => return,
            },
            (Deed::Approve, Some(Of::Device(id, ..))) => {
                commands.push(Command::Do(Order::Approve(id)));
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Remove, Some(Of::Message(id, message))) => {
                let act = match panel.what {
                    What::Starred => Act::Star(message, false),
                    _ => Act::Pin(message, false),
                };
                commands.push(Command::Act(id, act));
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Decline, Some(Of::Request(id, name))) => Wanted::Decline(id, name),
            (Deed::Block, Some(Of::Request(id, name))) => Wanted::BlockRequest(id, name),
            (Deed::Report, Some(Of::Request(id, _))) => Wanted::Report(id),
            (Deed::Rename, Some(Of::Device(id, name, _))) => Wanted::Rename(id, name),
            (Deed::Tell | Deed::StopTelling, Some(Of::Device(_, _, true))) => {
                self.notice = Some("Choose the other device, the one that is told.".to_owned());
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Tell, Some(Of::Device(id, name, false))) => Wanted::Tell(id, name),
            (Deed::StopTelling, Some(Of::Device(id, _, false))) => {
                commands.push(Command::Do(Order::StopTelling(id)));
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Secure, _) => Wanted::Secure,
            (Deed::Revoke, Some(Of::Device(_, _, true))) => {
                self.notice = Some("This is the device you sit at: remove it from another one.".to_owned());
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Revoke, Some(Of::Device(id, name, false))) => Wanted::Revoke(id, name),
            (Deed::Link, _) => Wanted::Link,
            (Deed::Allow, Some(Of::Purpose(id, category, allowed, shown))) => {
                commands.push(Command::Do(Order::Allow(id, category, !allowed, shown)));
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Stop, Some(Of::Purpose(id, ..) | Of::Business(id))) => {
                commands.push(Command::Do(Order::Stop(id)));
                return self.sheet = Some(Sheet::Panel(panel));
            }
            (Deed::Save, Some(Of::Files(id, message, files))) => Wanted::Save(id, message, files),
            (Deed::Remove, Some(Of::Later(_, message, _))) => Wanted::NotLater(message),
            (Deed::Edit, Some(Of::Later(id, message, text))) => Wanted::EditLater(id, message, text),
            (Deed::Remove, Some(Of::Person(who, name))) => Wanted::Unblock(who, name),
            (Deed::BlockPerson, _) => Wanted::BlockPerson,
            (Deed::Compare, _) => Wanted::Compare(panel.what),
            (Deed::Verify | Deed::Unverify | Deed::AcceptKey, _) => match about_number(deed, &panel) {
                Some(wanted) => wanted,
                None => return self.sheet = Some(Sheet::Panel(panel)),
            },
            _ => return self.sheet = Some(Sheet::Panel(panel)),
        };
        self.sheet = Some(Sheet::Question(Question::new(wanted, Some(panel))));
    }

    fn go_to(&mut self, from: What, of: Of, commands: &mut Vec<Command>) {
        match of {
            Of::Request(id, _) | Of::Later(id, ..) => self.open(Target::Existing(id), commands),
            Of::Message(id, message) | Of::Files(id, message, _) => self.jump(id, message, commands),
            Of::Business(id) => self.panel(What::Business(id), commands),
            Of::Person(who, _) => {
                if let What::Safety(group) = from {
                    self.panel(What::Number(who, group), commands);
                }
            }
            Of::Asker(group, ..) => self.open(Target::Existing(group), commands),
            Of::Device(..) | Of::Purpose(..) => {}
        }
    }

    /// A letter in a conversation in which nothing is written before it is decided on.
    pub(in crate::chat) fn decide(
        &mut self,
        id: ConversationId,
        stance: Stance,
        key: Key,
        commands: &mut Vec<Command>,
    ) {
        let name = self.handle_of(&Target::Existing(id)).to_owned();
        let wanted = match (stance, key) {
            (Stance::Asked, Key::Char('a')) if self.held().is_some() => {
                let why = "Somebody with another identity key than the one you know: Ctrl+S shows both numbers first.";
                self.notice = Some(why.to_owned());
                return;
            }
            (Stance::Asked, Key::Char('a')) => return commands.push(Command::Do(Order::Accept(id))),
            (Stance::Asked, Key::Char('d')) => Wanted::Decline(id, name),
            (Stance::Asked, Key::Char('b')) => Wanted::BlockRequest(id, name),
            (Stance::Asked, Key::Char('r')) => Wanted::Report(id),
            (Stance::Blocked, Key::Char('u')) => Wanted::UnblockIn(id, name),
            (Stance::Asked, Key::Char(_)) => {
                self.notice = Some("Accept it first (a), then write.".to_owned());
                return;
            }
            (Stance::Blocked, Key::Char(_)) => {
                self.notice = Some("You have blocked them: u unblocks, then write.".to_owned());
                return;
            }
            _ => return,
        };
        self.sheet = Some(Sheet::Question(Question::new(wanted, None)));
    }
}

/// What is asked before something is done about the number that a panel shows.
fn about_number(deed: Deed, panel: &Panel) -> Option<Wanted> {
    let known = panel.shown.as_ref()?.known.clone()?;
    Some(match (deed, known.other) {
        (Deed::AcceptKey, Some(key)) => Wanted::AcceptKey(known.who, key, known.name),
        (Deed::Verify, None) => Wanted::Verify(known.who, known.number, known.name),
        (Deed::Unverify, None) => Wanted::Unverify(known.who, known.name),
        _ => return None,
    })
}
