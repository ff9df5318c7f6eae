//! What keys do, by where one is.

use lacre_proto::Handle;

use super::actions::{Action, anywhere, on_message};
use super::acts::About;
use super::composer::{Composer, Move};
use super::group::Change;
use super::keys::Key;
use super::lines::note;
use super::model::{Body, Tick};
use super::open::{Target, Want};
use super::palette::Palette;
use super::panel::What;
use super::panes::Panes;
use super::questions::{Question, Wanted};
use super::state::{Command, Focus, Sheet, State};

impl State {
    /// A key was pressed.
    pub(super) fn key(&mut self, key: Key, commands: &mut Vec<Command>) {
        self.notice = None;
        match self.sheet.take() {
            Some(Sheet::Help(line)) => self.key_in_help(line, key, commands),
            Some(Sheet::New(input, _)) => self.key_in_new(input, key, commands),
            Some(Sheet::Ask(ask)) => self.key_in_ask(ask, key, commands),
            Some(Sheet::Seen(seen)) => match key {
                Key::Escape | Key::Enter => {}
                Key::Quit => self.quit(commands),
                _ => self.sheet = Some(Sheet::Seen(seen)),
            },
            Some(Sheet::Once(text)) => match key {
                Key::Escape | Key::Enter => {}
                Key::Quit => self.quit(commands),
                _ => self.sheet = Some(Sheet::Once(text)),
            },
            Some(Sheet::Group(sheet)) => self.key_in_group(sheet, key, commands),
            Some(Sheet::NameGroup(people, name)) => self.key_in_name_group(people, name, key, commands),
            Some(Sheet::Search(search)) => self.key_in_search(search, key, commands),
            Some(Sheet::Unsent(people)) => self.key_in_unsent(people, key, commands),
            Some(Sheet::Palette(palette)) => self.key_in_palette(palette, key, commands),
            Some(Sheet::Panel(panel)) => self.key_in_panel(panel, key, commands),
            Some(Sheet::Question(question)) => self.key_in_question(question, key, commands),
            Some(Sheet::Filling(filling)) => self.key_in_filling(filling, key, commands),
            Some(Sheet::Linking(linking)) => self.key_in_linking(linking, key, commands),
            None => self.key_anywhere(key, commands),
        }
    }

    /// A text was pasted.
    pub(super) fn paste(&mut self, text: &str, commands: &mut Vec<Command>) {
        if let Some(Sheet::Search(mut search)) = self.sheet.take_if(|sheet| matches!(sheet, Sheet::Search(_)))
        {
            search.input.insert(&text.replace(['\r', '\n'], " "));
            self.look_for(&mut search, commands);
            self.sheet = Some(Sheet::Search(search));
            return;
        }
        let undecided = self.undecided().is_some();
        match &mut self.sheet {
            Some(Sheet::New(input, problem)) => {
                input.insert(text.trim());
                *problem = None;
            }
            Some(Sheet::Ask(ask)) => {
                ask.input.insert(&text.replace(['\r', '\n'], " "));
                ask.problem = None;
            }
            Some(Sheet::Question(question)) => {
                question.input.insert(text.replace(['\r', '\n'], " ").trim());
                question.problem = None;
            }
            Some(Sheet::Filling(filling)) => filling.paste(text),
            Some(_) => {}
            None if undecided => {}
            None => self.write(text, commands),
        }
    }

    fn key_in_help(&mut self, line: usize, key: Key, commands: &mut Vec<Command>) {
        let line = match key {
            Key::Up => line.saturating_sub(1),
            Key::Down => line + 1,
            Key::PageUp => line.saturating_sub(8),
            Key::PageDown => line + 8,
            Key::Quit => return self.quit(commands),
            _ => return,
        };
        self.sheet = Some(Sheet::Help(line.min(super::sheets::help_overflow(self.size))));
    }

    fn key_in_new(&mut self, mut input: Composer, key: Key, commands: &mut Vec<Command>) {
        let mut problem = None;
        match key {
            Key::Escape => return,
            Key::Quit => return self.quit(commands),
            Key::Enter if input.text().trim_matches([' ', ',']).contains(',') => {
                match super::group::handles(input.text()) {
                    Ok(people) if people.contains(&self.me.handle) => {
                        problem = Some("You are in it anyway: name the others.".to_owned());
                    }
                    Ok(people) => {
                        self.sheet = Some(Sheet::NameGroup(people, Composer::default()));
                        return;
                    }
                    Err(why) => problem = Some(why),
                }
            }
            Key::Enter => match self.wanted(input.text()) {
                Ok(target) => return self.open(target, commands),
                Err(why) => problem = Some(why),
            },
            key => edit(&mut input, key),
        }
        self.sheet = Some(Sheet::New(input, problem));
    }

    fn key_in_name_group(
        &mut self,
        people: Vec<String>,
        mut name: Composer,
        key: Key,
        commands: &mut Vec<Command>,
    ) {
        match key {
            Key::Escape => return,
            Key::Quit => return self.quit(commands),
            Key::Enter if !name.is_blank() => {
                commands.push(Command::Group(Change::Make(name.text().trim().to_owned(), people)));
                return;
            }
            Key::Enter | Key::NewLine => {}
            key => edit(&mut name, key),
        }
        self.sheet = Some(Sheet::NameGroup(people, name));
    }

    /// Whom the handle means, or what is wrong with it.
    fn wanted(&self, text: &str) -> Result<Target, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("Type the handle of the person first.".to_owned());
        }
        let handle: Handle = text.parse().map_err(|why| format!("Not a handle: {why}."))?;
        let handle = handle.as_str();
        if handle == self.me.handle {
            return Ok(self.notes());
        }
        let known = self.conversations.iter().find(|row| !row.group && !row.own && row.with == handle);
        Ok(known.map_or_else(|| Target::New(handle.to_owned()), |row| Target::Existing(row.id)))
    }

    /// Opens the chat with somebody, with words in the composer where nothing else stands.
    pub(super) fn begin_with(&mut self, handle: &str, words: &str, commands: &mut Vec<Command>) {
        let Ok(target) = self.wanted(handle) else { return };
        self.open(target.clone(), commands);
        let composer = &mut self.drafts.entry(target).or_default().composer;
        if composer.is_blank() {
            composer.insert(words);
        }
    }

    fn key_in_unsent(&mut self, people: Vec<String>, key: Key, commands: &mut Vec<Command>) {
        match key {
            Key::Escape => {}
            Key::Enter | Key::Char('k' | 'K') => self.leave(commands),
            Key::Char('d' | 'D') => self.leave_without(commands),
            _ => self.sheet = Some(Sheet::Unsent(people)),
        }
    }

    fn key_anywhere(&mut self, key: Key, commands: &mut Vec<Command>) {
        if let Some(action) = anywhere(key) {
            return self.act(action, commands);
        }
        match key {
            Key::Escape if self.waits_for().is_some() => self.stay(),
            Key::Escape if !self.alerts.is_empty() => {
                self.alerts.pop_front();
            }
            key => match self.focus {
                Focus::List => self.key_in_list(key, commands),
                Focus::Composer => self.key_in_composer(key, commands),
                Focus::Messages => self.key_in_messages(key, commands),
            },
        }
    }

    /// What is to be done wherever one is.
    pub(super) fn act(&mut self, action: Action, commands: &mut Vec<Command>) {
        match action {
            Action::Quit => self.quit(commands),
            Action::Help => self.sheet = Some(Sheet::Help(0)),
            Action::New => self.sheet = Some(Sheet::New(Composer::default(), None)),
            Action::Search => self.search(),
            Action::Palette => self.sheet = Some(Sheet::Palette(Palette::default())),
            Action::Requests => self.panel(What::Requests, commands),
            Action::Safety => self.panel_here(What::Safety, commands),
            Action::Devices => self.panel(What::Devices, commands),
            Action::Pinned => self.panel_here(What::Pinned, commands),
            Action::Business => self.panel_here(What::Business, commands),
            Action::Businesses => self.panel(What::Businesses, commands),
            Action::Files => self.panel_here(What::Files, commands),
            Action::Starred => self.panel(What::Starred, commands),
            Action::Later => self.panel(What::Later, commands),
            Action::Blocked => self.panel(What::Blocked, commands),
            Action::Join => {
                self.sheet = Some(Sheet::Question(Question::new(Wanted::Join, None)));
            }
            Action::Notes => self.open(self.notes(), commands),
            Action::Secure => {
                self.sheet = Some(Sheet::Question(Question::new(Wanted::Secure, None)));
            }
            Action::Name => commands.push(Command::LoadName),
            Action::Group => self.group(commands),
            Action::More => {
                let tells = self.open_row().is_none_or(|row| row.receipts);
                self.ask_here(About::More(tells));
            }
            Action::Pictures => {
                self.pictures = !self.pictures;
                let told =
                    if self.pictures { "Pictures are shown; F2: not." } else { "No pictures; F2: again." };
                self.notice = Some(told.to_owned());
            }
            Action::Unread => self.toggle_unread(),
            Action::Reconnect => commands.push(Command::Reconnect),
            Action::Previous => self.open_beside(-1, commands),
            Action::Next => self.open_beside(1, commands),
            Action::Pane => self.focus_on(1),
            Action::PaneBack => self.focus_on(2),
            Action::Older => self.scroll(-1, commands),
            Action::Newer => self.scroll(1, commands),
        }
    }

    /// Lists only what is unread, or everything again.
    fn toggle_unread(&mut self) {
        self.only_unread = !self.only_unread;
        let listed: Vec<_> = self.listed().iter().map(|row| row.id).collect();
        if !self.cursor.is_some_and(|cursor| listed.contains(&cursor)) {
            self.cursor = listed.first().copied();
        }
        let told =
            if self.only_unread { "Only unread conversations; Ctrl+U: all." } else { "All conversations." };
        self.notice = Some(told.to_owned());
    }

    fn key_in_list(&mut self, key: Key, commands: &mut Vec<Command>) {
        match key {
            Key::Up => self.move_cursor(-1),
            Key::Down => self.move_cursor(1),
            Key::Enter | Key::Step(Move::Right) => {
                if let Some(id) = self.cursor {
                    self.open(Target::Existing(id), commands);
                }
            }
            Key::Escape if self.open.is_some() => self.focus = Focus::Composer,
            Key::Char('?') => self.sheet = Some(Sheet::Help(0)),
            Key::Char(_) if Panes::of(self).both() && self.undecided().is_some() => {
                self.focus = Focus::Composer;
                self.key_in_composer(key, commands);
            }
            Key::Char(c) if self.open.is_some() && Panes::of(self).both() => {
                self.write(&c.to_string(), commands);
            }
            Key::Char(_) => {
                self.notice = Some("Open a conversation with Enter first, then write.".to_owned())
            }
            _ => {}
        }
    }

    fn key_in_composer(&mut self, key: Key, commands: &mut Vec<Command>) {
        let columns = usize::from(Panes::of(self).composer.width);
        let Some(target) = self.open.as_ref().map(|open| open.target.clone()) else {
            self.focus = Focus::List;
            return;
        };
        if let Some((id, stance)) = self.undecided() {
            return match key {
                Key::Escape => self.focus = Focus::List,
                Key::Up => self.choose(-1, commands),
                key => self.decide(id, stance, key, commands),
            };
        }
        if self.offer(key) {
            return;
        }
        let now = self.now;
        let draft = self.drafts.entry(target).or_default();
        match key {
            Key::Enter => self.send(commands),
            Key::Escape if draft.reply.is_some() => draft.reply = None,
            Key::Escape if draft.edit.take().is_some() => drop(draft.composer.take()),
            Key::Escape => self.focus = Focus::List,
            Key::Up if !draft.composer.step_line(-1, columns) => self.choose(-1, commands),
            Key::Down => {
                draft.composer.step_line(1, columns);
            }
            Key::Up => {}
            key => {
                (draft.touched, draft.at) = (true, now);
                edit(&mut draft.composer, key);
                self.tell_writing(commands);
            }
        }
    }

    fn key_in_messages(&mut self, key: Key, commands: &mut Vec<Command>) {
        match key {
            Key::Up => self.choose(-1, commands),
            Key::Down => self.choose(1, commands),
            Key::Escape => self.back_to_composer(),
            Key::Enter => self.take_back_or_reply(commands),
            Key::Char(c) => match on_message(c) {
                Some(action) => self.on_message(action, commands),
                None if self.undecided().is_some() => self.back_to_composer(),
                None => self.write(&c.to_string(), commands),
            },
            _ => {}
        }
    }

    /// Puts text into the composer wherever one is, so that nothing typed is lost.
    fn write(&mut self, text: &str, commands: &mut Vec<Command>) {
        let Some(open) = &mut self.open else {
            self.notice = Some("Open a conversation first, then write.".to_owned());
            return;
        };
        open.chosen = None;
        let draft = self.drafts.entry(open.target.clone()).or_default();
        draft.composer.insert(text);
        (draft.touched, draft.at) = (true, self.now);
        self.focus = Focus::Composer;
        self.tell_writing(commands);
    }

    /// Answers the chosen message.
    pub(super) fn reply(&mut self) {
        if self.undecided().is_some() {
            self.notice = Some("Nothing is answered before you have decided.".to_owned());
            return;
        }
        let Some(row) = self.open.as_ref().and_then(|open| open.chosen_row()).cloned() else { return };
        match (&row.body, &row.tick) {
            (Body::Text(text), None | Some(Tick::Sent | Tick::Delivered | Tick::Read)) => {
                let who = if row.mine { "yourself" } else { &row.from };
                let quote = format!("{who}: {}", crate::safe_text::safe_line(text));
                self.set_reply(Some((row.id, quote)));
            }
            (Body::Text(_), _) => {
                self.notice = Some("It can be answered once it was sent.".to_owned());
            }
            (body, _) => self.notice = Some(format!("Nothing to answer. {}", note(&row.from, body))),
        }
    }

    fn set_reply(&mut self, reply: Option<(super::model::MessageId, String)>) {
        let Some(target) = self.open.as_ref().map(|open| open.target.clone()) else { return };
        let draft = self.drafts.entry(target).or_default();
        draft.reply = reply;
        self.back_to_composer();
    }

    /// Puts the text of a failed message back into the composer; answers any other.
    fn take_back_or_reply(&mut self, commands: &mut Vec<Command>) {
        let failed = self.open.as_ref().and_then(|open| open.chosen_row());
        let failed = failed.filter(|row| matches!(row.tick, Some(Tick::Failed(_))));
        if failed.is_some_and(|row| row.marks.files > 0) {
            self.notice = Some("Send the file again: Ctrl+O, then f.".to_owned());
            return;
        }
        match failed.map(|row| row.body.clone()) {
            Some(Body::Text(text)) => self.write(&text, commands),
            _ => self.reply(),
        }
    }

    /// Gives up the chosen message while it waits.
    pub(super) fn give_up(&mut self, commands: &mut Vec<Command>) {
        let Some(row) = self.open.as_ref().and_then(|open| open.chosen_row()) else { return };
        if row.tick == Some(Tick::Sending) {
            commands.push(Command::GiveUp(row.id));
        } else {
            self.notice = Some("Only a message that still waits can be given up.".to_owned());
        }
    }

    pub(super) fn back_to_composer(&mut self) {
        if let Some(open) = &mut self.open {
            open.chosen = None;
        }
        self.focus = if self.open.is_some() { Focus::Composer } else { Focus::List };
    }

    fn choose(&mut self, by: isize, commands: &mut Vec<Command>) {
        let area = self.area();
        let Some(open) = &mut self.open else { return };
        let want = open.choose(by, &area);
        self.focus = if open.chosen.is_some() { Focus::Messages } else { Focus::Composer };
        self.load_more(want, commands);
    }

    fn scroll(&mut self, pages: isize, commands: &mut Vec<Command>) {
        let area = self.area();
        let Some(open) = &mut self.open else { return };
        let page = isize::try_from(area.height.saturating_sub(2).max(1)).unwrap_or(1);
        let want = open.scroll(pages * page, &area);
        self.load_more(want, commands);
    }

    fn load_more(&mut self, want: Want, commands: &mut Vec<Command>) {
        let area = self.area();
        if let (Some(open), true) = (&mut self.open, want != Want::Nothing) {
            open.want(want, &area);
            self.reload(commands);
        }
    }

    fn move_cursor(&mut self, by: isize) {
        let listed: Vec<_> = self.listed().iter().map(|row| row.id).collect();
        let at = self.cursor.and_then(|id| listed.iter().position(|row| *row == id));
        let to = at.and_then(|at| at.checked_add_signed(by)).and_then(|at| listed.get(at));
        if let Some(id) = to {
            self.cursor = Some(*id);
        }
    }

    fn open_beside(&mut self, by: isize, commands: &mut Vec<Command>) {
        if self.open.is_some() {
            self.move_cursor(by);
        }
        if let Some(id) = self.cursor {
            self.open(Target::Existing(id), commands);
        }
    }

    /// Goes round the panes.
    fn focus_on(&mut self, by: usize) {
        let Some(open) = &mut self.open else { return };
        let order = [Focus::List, Focus::Composer, Focus::Messages];
        let at = order.iter().position(|focus| *focus == self.focus).unwrap_or(0);
        self.focus = order[(at + by) % order.len()];
        open.chosen = None;
        if self.focus == Focus::Messages {
            let area = self.area();
            let chosen = self.open.as_mut().is_some_and(|open| {
                open.choose(-1, &area);
                open.chosen.is_some()
            });
            if !chosen {
                self.focus = order[(at + 2 * by) % order.len()];
            }
        }
    }
}

/// A key in a text.
pub(super) fn edit(composer: &mut Composer, key: Key) {
    match key {
        Key::Char(c) => composer.insert(&c.to_string()),
        Key::NewLine => composer.insert("\n"),
        Key::Backspace => composer.backspace(),
        Key::BackspaceWord => composer.backspace_word(),
        Key::Delete => composer.delete(),
        Key::Step(step) => composer.step(step),
        _ => {}
    }
}
