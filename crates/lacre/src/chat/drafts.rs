//! What is being written, to whom: until it is on the disk, sent, or kept for the next time.

use lacre_proto::{ConversationId, Millis, limits};

use super::acts::Act;
use super::composer::Composer;
use super::model::MessageId;
use super::open::{Open, Target};
use super::questions::Order;
use super::state::{Command, Focus, Sheet, State};

/// How long nothing is typed before a draft is kept.
const SETTLED: Millis = 5_000;

/// Names a text from [`Command::Send`] to its answer.
pub type Attempt = u64;

/// What is being written to somebody.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The text.
    pub composer: Composer,
    /// The message that it answers: its id and what is shown of it.
    pub reply: Option<(MessageId, String)>,
    /// One's own message whose text it is, and which it takes the place of.
    pub edit: Option<MessageId>,
    /// What goes with files that are being sealed.
    pub captions: Vec<(Attempt, String)>,
    /// The text as the profile keeps it.
    pub kept: String,
    /// Whether it is the person's doing in this run.
    pub touched: bool,
    /// When it was last written in.
    pub at: Millis,
}

/// A text between the composer and the disk, or what takes long.
#[derive(Debug, Clone)]
pub struct Outgoing {
    attempt: Attempt,
    what: Going,
    target: Target,
    text: String,
    reply: Option<(MessageId, String)>,
}

/// What is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Going {
    /// A text.
    Text,
    /// A file of this name, which is cleaned and sealed.
    File(String),
    /// Files that are fetched and saved.
    Save,
}

impl State {
    /// The draft for who is written to.
    pub fn draft(&self) -> Option<&Draft> {
        self.open.as_ref().and_then(|open| self.drafts.get(&open.target))
    }

    /// Sends what stands in the composer.
    pub(super) fn send(&mut self, commands: &mut Vec<Command>) {
        let held = self.held().map(str::to_owned);
        let Some(target) = self.open.as_ref().map(|open| open.target.clone()) else { return };
        let Some(draft) = self.drafts.get_mut(&target) else { return };
        if draft.composer.is_blank() {
            return;
        }
        if let Some(who) = held {
            // What was written stays where it is.
            self.notice = Some(super::words::not_sent(&who));
            return;
        }
        let bytes = draft.composer.text().len();
        if bytes > limits::TEXT {
            let over = bytes - limits::TEXT;
            self.notice =
                Some(format!("Too long by {over} bytes to be one message: shorten it, or send it in parts."));
            return;
        }
        if let (Some(edited), Target::Existing(id)) = (draft.edit.take(), &target) {
            commands.push(Command::Act(*id, Act::Edit(edited, draft.composer.take())));
            return;
        }
        let (text, reply) = (draft.composer.take(), draft.reply.take());
        self.attempts += 1;
        let attempt = self.attempts;
        let answered = reply.as_ref().map(|(id, _)| *id);
        commands.push(Command::Send(attempt, target.clone(), text.clone(), answered));
        self.outgoing.push(Outgoing { attempt, what: Going::Text, target, text, reply });
        self.wrote();
    }

    /// Leaves, or asks first when there is unsent text.
    pub(super) fn quit(&mut self, commands: &mut Vec<Command>) {
        let mut unsent: Vec<String> = self
            .drafts
            .iter()
            .filter(|(_, draft)| draft.touched && !draft.composer.is_blank())
            .map(|(target, _)| self.handle_of(target).to_owned())
            .collect();
        if unsent.is_empty() {
            return self.leave(commands);
        }
        unsent.sort();
        self.sheet = Some(Sheet::Unsent(unsent));
    }

    /// Leaves and keeps every draft that can be kept; first waits for what is under way, unless it is told so twice.
    pub(super) fn leave(&mut self, commands: &mut Vec<Command>) {
        if self.gone {
            // What was to be saved is fetched again some other time.
            self.outgoing.retain(|outgoing| outgoing.what != Going::Save);
        }
        if !self.outgoing.is_empty() && !std::mem::replace(&mut self.leaving, true) {
            return;
        }
        for (target, draft) in &mut self.drafts {
            if let Target::Existing(id) = target {
                keep(*id, draft, commands);
            }
        }
        commands.push(Command::Quit);
    }

    /// What is waited for before it ends; nothing when nobody leaves.
    pub fn waits_for(&self) -> Option<String> {
        if !self.leaving || self.outgoing.is_empty() {
            return None;
        }
        let mut what = Vec::new();
        for outgoing in &self.outgoing {
            let told = match &outgoing.what {
                Going::Text => "what you sent is on the disk".to_owned(),
                Going::File(name) => format!("{name} is sealed"),
                Going::Save => "the files are saved".to_owned(),
            };
            if !what.contains(&told) {
                what.push(told);
            }
        }
        let lost = self.outgoing.iter().any(|outgoing| outgoing.what != Going::Text);
        let now = if lost { "leave now, without that. Esc: stay" } else { "leave now" };
        Some(format!("Leaving once {}; Ctrl+Q again: {now}.", what.join(", ")))
    }

    /// Stays after all.
    pub(super) fn stay(&mut self) {
        self.leaving = false;
    }

    /// Begins what takes long.
    pub(super) fn begin(&mut self, order: Order, commands: &mut Vec<Command>) {
        self.attempts += 1;
        let attempt = self.attempts;
        let (id, what, told) = match &order {
            Order::SendFile(id, path, caption) => {
                if !caption.is_empty() {
                    // It is kept as a draft until the file is sealed, and comes back when it is not.
                    self.take_written(*id);
                    let draft = self.drafts.entry(Target::Existing(*id)).or_default();
                    draft.captions.push((attempt, caption.clone()));
                }
                let name = std::path::Path::new(path).file_name().unwrap_or_default().to_string_lossy();
                let name = crate::safe_text::safe_line(&name);
                let told = format!("{name} is being cleaned and sealed …");
                (*id, Going::File(name), told)
            }
            Order::Save(id, ..) => (*id, Going::Save, "Being fetched and checked …".to_owned()),
            Order::Look(..) | Order::Play(..) => {
                // Nothing is lost where it is not waited for.
                let told = match &order {
                    Order::Play(..) => "Played once it is here; v stops it.",
                    _ => "Being fetched and checked …",
                };
                self.notice = Some(told.to_owned());
                return commands.push(Command::Slowly(attempt, order));
            }
            _ => return commands.push(Command::Do(order)),
        };
        self.notice = Some(told);
        let (target, text) = (Target::Existing(id), String::new());
        self.outgoing.push(Outgoing { attempt, what, target, text, reply: None });
        commands.push(Command::Slowly(attempt, order));
    }

    /// What takes long has ended: well, or not and why.
    pub(super) fn ended(
        &mut self,
        attempt: Attempt,
        outcome: Result<String, String>,
        commands: &mut Vec<Command>,
    ) {
        let Some(at) = self.outgoing.iter().position(|outgoing| outgoing.attempt == attempt) else { return };
        let Target::Existing(id) = self.outgoing.remove(at).target else { return };
        let captions = &mut self.drafts.entry(Target::Existing(id)).or_default().captions;
        let caption = captions.iter().position(|(of, _)| *of == attempt).map(|at| captions.remove(at).1);
        match outcome {
            Ok(told) => self.notice = Some(told),
            Err(why) => {
                self.put_back(id, &caption.unwrap_or_default(), &why);
                // Who was leaving is told what was not done.
                self.leaving &= self.gone;
            }
        }
        if let Some(draft) = self.drafts.get_mut(&Target::Existing(id)) {
            keep(id, draft, commands);
        }
        self.leave_when_done(commands);
    }

    /// Leaves and throws the unsent text of this run away.
    pub(super) fn leave_without(&mut self, commands: &mut Vec<Command>) {
        for draft in self.drafts.values_mut().filter(|draft| draft.touched) {
            draft.composer.take();
        }
        self.leave(commands);
    }

    /// People to whom there is unsent text and no conversation that could keep it.
    pub fn cannot_be_kept(&self) -> Vec<&str> {
        let lost = |(target, draft): (&'_ Target, &Draft)| {
            matches!(target, Target::New(_)) && !draft.composer.is_blank()
        };
        let mut people: Vec<_> = self
            .drafts
            .iter()
            .filter(|entry| lost(*entry))
            .map(|(target, _)| self.handle_of(target))
            .collect();
        people.sort_unstable();
        people
    }

    /// Keeps the draft of the conversation that is left.
    pub(super) fn keep_draft(&mut self, commands: &mut Vec<Command>) {
        let Some(id) = self.open_conversation() else { return };
        if let Some(draft) = self.drafts.get_mut(&Target::Existing(id)) {
            keep(id, draft, commands);
        }
    }

    pub(super) fn kept_draft(&mut self, conversation: ConversationId, text: &str) {
        let draft = self.drafts.entry(Target::Existing(conversation)).or_default();
        draft.kept = text.to_owned();
        if draft.composer.text().is_empty() {
            draft.composer = Composer::with(text);
        } else if !text.trim().is_empty() && draft.composer.text() != text {
            // Something was typed before the store answered: neither is lost.
            draft.composer.put_back(text);
        }
    }

    /// What was aimed at one target goes to a conversation from now on.
    pub(super) fn settle(&mut self, from: Target, to: ConversationId, commands: &mut Vec<Command>) {
        let there = Target::Existing(to);
        if let Some(mut draft) = self.drafts.remove(&from) {
            let draft_there = self.drafts.entry(there.clone()).or_default();
            draft_there.touched |= draft.touched;
            if !draft.composer.is_blank() {
                draft_there.composer.put_back(&draft.composer.take());
            }
            draft_there.reply = draft_there.reply.take().or(draft.reply);
            draft_there.captions.append(&mut draft.captions);
        }
        for outgoing in self.outgoing.iter_mut().filter(|outgoing| outgoing.target == from) {
            outgoing.target = there.clone();
        }
        if self.open.as_ref().is_some_and(|open| open.target == from) {
            self.open = Some(Open::new(there, 0));
            self.cursor = Some(to);
            self.reload(commands);
        }
    }

    pub(super) fn queued(
        &mut self,
        attempt: Attempt,
        conversation: ConversationId,
        commands: &mut Vec<Command>,
    ) {
        let Some(at) = self.outgoing.iter().position(|outgoing| outgoing.attempt == attempt) else { return };
        let sent = self.outgoing.remove(at);
        if sent.target != Target::Existing(conversation) {
            self.settle(sent.target, conversation, commands);
        }
        if let Some(draft) = self.drafts.get_mut(&Target::Existing(conversation)) {
            keep(conversation, draft, commands);
        }
        if let Some(open) = self.open.as_mut().filter(|open| open.conversation() == Some(conversation)) {
            open.new_from = None;
            if self.focus != Focus::Messages {
                open.stick_to_bottom();
            }
            self.reload(commands);
        }
        commands.push(Command::LoadConversations);
        self.leave_when_done(commands);
    }

    pub(super) fn not_queued(&mut self, attempt: Attempt, why: &str, commands: &mut Vec<Command>) {
        let Some(at) = self.outgoing.iter().position(|outgoing| outgoing.attempt == attempt) else { return };
        let back = self.outgoing.remove(at);
        let draft = self.drafts.entry(back.target).or_default();
        draft.composer.put_back(&back.text);
        draft.reply = draft.reply.take().or(back.reply);
        draft.touched = true;
        self.notice = Some(format!("Not sent: {why}. The text is back in the composer."));
        self.leave_when_done(commands);
    }

    fn leave_when_done(&mut self, commands: &mut Vec<Command>) {
        if self.leaving && self.outgoing.is_empty() {
            self.leave(commands);
        }
    }

    /// What is being written is kept where one pauses, also for the case that the machine stops.
    pub(super) fn keep_paused(&mut self, commands: &mut Vec<Command>) {
        let now = self.now;
        for (target, draft) in &mut self.drafts {
            if let (Target::Existing(id), true) = (target, draft.touched && draft.at + SETTLED <= now) {
                keep(*id, draft, commands);
            }
        }
    }
}

fn keep(id: ConversationId, draft: &mut Draft, commands: &mut Vec<Command>) {
    // What is edited is kept where it stands.
    let text = if draft.composer.is_blank() || draft.edit.is_some() { "" } else { draft.composer.text() };
    let captions = draft.captions.iter().map(|(_, caption)| caption.as_str());
    let text = captions.chain((!text.is_empty()).then_some(text)).collect::<Vec<_>>().join("\n");
    if text != draft.kept {
        draft.kept.clone_from(&text);
        commands.push(Command::KeepDraft(id, text));
    }
}
