//! The business that is open: what can be written to it to begin with, and what after a stroke.

use super::keys::Key;
use super::model::Business;
use super::open::Target;
use super::panes::Panes;
use super::state::State;

/// Most commands that are shown at once.
const SHOWN: usize = 6;

impl State {
    /// The business that is open, whether anything was said to it or not.
    pub fn business(&self) -> Option<&Business> {
        match &self.open.as_ref()?.target {
            Target::New(handle) => self.met.get(handle),
            Target::Existing(_) => self.open_row()?.business.as_ref(),
        }
    }

    /// What one can begin with, where nothing was said yet.
    pub fn prompts(&self) -> &[String] {
        let is_empty = self.open.as_ref().is_some_and(|open| open.loaded && open.rows.is_empty());
        match self.business() {
            Some(business) if is_empty => &business.prompts,
            _ => &[],
        }
    }

    /// Puts what stands above or below it among the lines to begin with into the composer, where nothing else stands;
    /// whether that is what the key does here.
    pub(super) fn offer(&mut self, key: Key) -> bool {
        let prompts = self.prompts();
        let Some(draft) = self.draft().filter(|_| !prompts.is_empty()) else { return false };
        let at = prompts.iter().position(|prompt| prompt == draft.composer.text());
        let next = match (key, at) {
            (_, None) if !draft.composer.is_blank() => return false,
            (Key::Up, None) => prompts.len().checked_sub(1),
            (Key::Up, Some(at)) => at.checked_sub(1),
            (Key::Down, None) => Some(0),
            (Key::Down, Some(at)) => Some(at + 1),
            _ => return false,
        };
        let prompt = next.and_then(|next| prompts.get(next)).cloned();
        let (Some(open), now) = (&self.open, self.now) else { return false };
        let draft = self.drafts.entry(open.target.clone()).or_default();
        draft.composer.take();
        draft.composer.insert(&prompt.unwrap_or_default());
        (draft.touched, draft.at) = (true, now);
        true
    }

    /// The commands of the business that begin like what is written, one a line; none while no command is written.
    pub fn commands(&self) -> Vec<&str> {
        let (Some(business), Some(draft)) = (self.business(), self.draft()) else { return Vec::new() };
        let written = draft.composer.text().to_lowercase();
        if self.undecided().is_some() || !written.starts_with('/') || written.contains(char::is_whitespace) {
            return Vec::new();
        }
        let fits = |line: &&String| line.to_lowercase().starts_with(&written);
        business.commands.iter().filter(fits).map(String::as_str).take(SHOWN).collect()
    }

    /// What is known of the business behind a handle was read.
    pub(super) fn met(&mut self, handle: String, business: Business) {
        self.met.insert(handle, business);
    }
}

impl Panes {
    /// How many lines of so many the commands that fit may take.
    pub(super) fn hints(state: &State, lines: u16) -> u16 {
        u16::try_from(state.commands().len()).unwrap_or(0).min(lines / 3)
    }
}
