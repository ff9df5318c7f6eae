//! Who is writing: what others are told of it, and what is shown of them.

use lacre_proto::{ConversationId, Millis};

use super::model::Stance;
use super::open::Target;
use super::state::{Command, State};

/// How long a word about somebody's writing holds.
const HOLDS: Millis = 6_000;
/// Between two words about one's own; the client says fewer still.
const PAUSE: Millis = 1_000;

/// Who is writing, and what was last said about oneself.
#[derive(Debug, Clone, Default)]
pub struct Typing {
    others: Vec<Other>,
    told: Option<(ConversationId, Millis)>,
}

#[derive(Debug, Clone)]
struct Other {
    conversation: ConversationId,
    who: String,
    until: Millis,
}

impl State {
    /// Somebody is writing, or stopped.
    pub(super) fn somebody_writes(&mut self, conversation: ConversationId, who: String, writes: bool) {
        let others = &mut self.typing.others;
        others.retain(|other| (other.conversation, &other.who) != (conversation, &who));
        if writes {
            others.push(Other { conversation, who, until: self.now + HOLDS });
        }
    }

    /// Forgets whom nothing was heard of for a while; and, where something has come, who wrote it.
    pub(super) fn forget_writers(&mut self, heard: &[ConversationId]) {
        let now = self.now;
        self.typing.others.retain(|other| other.until > now && !heard.contains(&other.conversation));
    }

    /// Who is writing in a conversation.
    pub fn writers(&self, conversation: ConversationId) -> Vec<&str> {
        let here = |other: &&Other| other.conversation == conversation;
        self.typing.others.iter().filter(here).map(|other| other.who.as_str()).collect()
    }

    /// Whether anybody is, so that it must be looked soon whether they still are.
    pub fn somebody_is_writing(&self) -> bool {
        !self.typing.others.is_empty()
    }

    /// Tells that one is writing where the composer is, or has stopped.
    pub(super) fn tell_writing(&mut self, commands: &mut Vec<Command>) {
        let Some(Target::Existing(id)) = self.open.as_ref().map(|open| &open.target) else { return };
        let id = *id;
        let draft = self.draft();
        let writes = draft.is_some_and(|draft| !draft.composer.is_blank() && draft.edit.is_none());
        let accepted = self.open_row().is_some_and(|row| row.stance == Stance::Accepted && !row.own);
        let told = self.typing.told.filter(|(there, _)| *there == id);
        match (writes && accepted, told) {
            (true, Some((_, at))) if self.now < at + PAUSE => {}
            (true, _) => {
                self.typing.told = Some((id, self.now));
                commands.push(Command::Typing(id, true));
            }
            (false, Some(_)) => self.stop_writing(commands),
            (false, None) => {}
        }
    }

    /// What was being written is sent, or left.
    pub(super) fn stop_writing(&mut self, commands: &mut Vec<Command>) {
        if let Some((id, at)) = self.typing.told.take()
            && self.now < at + HOLDS
        {
            commands.push(Command::Typing(id, false));
        }
    }

    /// What was being written was sent: the message itself tells that.
    pub(super) fn wrote(&mut self) {
        self.typing.told = None;
    }
}
