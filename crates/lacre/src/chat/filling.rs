//! The sheet in which a business's form is filled in, question by question.

use lacre_client::content::{Answer, Field, Form};
use lacre_proto::ConversationId;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::acts::Act;
use super::composer::Composer;
use super::input::edit;
use super::keys::Key;
use super::model::MessageId;
use super::sheets::{WIDEST, field, frame};
use super::state::{Command, Sheet, State};
use super::text::{clip, wrapped};
use super::theme::Theme;
use super::view::{put, row};
use crate::forms;
use crate::output::{answer_text, before_answer};
use crate::safe_text::safe_line;

/// A form that is being filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filling {
    /// In which conversation.
    pub id: ConversationId,
    /// The message that brought it.
    pub message: MessageId,
    /// The form.
    pub form: Form,
    /// What is typed for each question.
    pub typed: Vec<Composer>,
    /// The question that is asked; after the last, everything is shown once more.
    pub at: usize,
    /// What is wrong with what is typed for it.
    pub problem: Option<String>,
}

impl Filling {
    /// A form with nothing filled in but what the business has.
    pub fn new(id: ConversationId, message: MessageId, form: Form) -> Self {
        let typed = form.fields().map(|field| Composer::with(&forms::start(field))).collect();
        Self { id, message, form, typed, at: 0, problem: None }
    }

    /// A paste into the question that is asked.
    pub(super) fn paste(&mut self, text: &str) {
        if let Some(typed) = self.typed.get_mut(self.at) {
            typed.insert(text);
            self.problem = None;
        }
    }

    fn asked(&self) -> Option<(&Field, &Composer)> {
        self.form.fields().zip(&self.typed).nth(self.at)
    }

    /// What is typed for the question that is asked, as its answer.
    fn answered(&self) -> Result<Option<Answer>, String> {
        self.asked().map_or(Ok(None), |(field, typed)| forms::answer(field, typed.text()))
    }

    /// Everything as it is sent; or which question is answered wrongly, and how.
    fn answers(&self) -> Result<Vec<(String, Answer)>, (usize, String)> {
        let mut answers = Vec::new();
        for (at, (field, typed)) in self.form.fields().zip(&self.typed).enumerate() {
            let answer = forms::answer(field, typed.text()).map_err(|why| (at, why))?;
            answers.extend(answer.map(|answer| (field.name.clone(), answer)));
        }
        Ok(answers)
    }
}

impl State {
    /// Opens a form; what was typed before into the same one stands there again.
    pub(super) fn fill_in(&mut self, id: ConversationId, message: MessageId, form: Form) {
        let before = self.filled.clone().filter(|it| it.message == message && it.form == form);
        let filling = before.unwrap_or_else(|| Filling::new(id, message, form));
        self.sheet = Some(Sheet::Filling(filling));
    }

    /// A key in the sheet.
    pub(super) fn key_in_filling(&mut self, mut filling: Filling, key: Key, commands: &mut Vec<Command>) {
        match key {
            Key::Escape => {
                self.notice = Some("Nothing was sent. What you filled in stays until you quit.".to_owned());
                self.filled = Some(filling);
                return;
            }
            Key::Quit => {
                self.filled = Some(filling);
                return self.quit(commands);
            }
            Key::Up | Key::BackTab => {
                filling.at = filling.at.saturating_sub(1);
                filling.problem = None;
            }
            Key::Enter if filling.asked().is_none() => match filling.answers() {
                Ok(answers) => {
                    commands.push(Command::Act(filling.id, Act::Fill(filling.message, answers)));
                    // Should it not be sent, nothing has to be typed again.
                    self.filled = Some(Filling { at: 0, ..filling });
                    return;
                }
                Err((at, why)) => (filling.at, filling.problem) = (at, Some(why)),
            },
            Key::Enter | Key::Down | Key::Tab => match filling.answered() {
                Ok(_) if filling.asked().is_some() => {
                    filling.at += 1;
                    filling.problem = None;
                }
                Ok(_) => {}
                Err(why) => filling.problem = Some(why),
            },
            key => {
                if let Some(typed) = filling.typed.get_mut(filling.at) {
                    edit(typed, key);
                    filling.problem = None;
                }
            }
        }
        self.sheet = Some(Sheet::Filling(filling));
    }
}

/// Draws the sheet; where the cursor stands in it.
pub fn draw(filling: &Filling, theme: Theme, all: Rect, buffer: &mut Buffer) -> Option<Position> {
    let columns = usize::from(all.width.min(WIDEST).saturating_sub(6));
    match filling.asked() {
        Some((asked, typed)) => Some(question(filling, asked, typed, columns, theme, all, buffer)),
        None => {
            sure(filling, columns, theme, all, buffer);
            None
        }
    }
}

fn question(
    filling: &Filling,
    asked: &Field,
    typed: &Composer,
    columns: usize,
    theme: Theme,
    all: Rect,
    buffer: &mut Buffer,
) -> Position {
    let title = safe_line(&filling.form.title);
    let title = format!(" {title} · {} of {} · Enter · ↑ back · Esc ", filling.at + 1, filling.typed.len());
    let before = forms::before(&filling.form, Some(&asked.name)).join("\n");
    let mut above: Vec<&str> = if before.is_empty() { Vec::new() } else { wrapped(&before, columns) };
    let label = forms::label(asked);
    let label = wrapped(&label, columns);
    let below = filling.problem.clone().unwrap_or_else(|| forms::hints(asked).join("\n"));
    let below = wrapped(&below, columns);
    // The question and its answer are there in the smallest terminal: what stands above them gives way.
    let room = usize::from(all.height.saturating_sub(4)).saturating_sub(label.len() + below.len() + 2);
    above.truncate(room);
    let gap = usize::from(!above.is_empty());
    let lines = above.len() + gap + label.len() + 1 + below.len();
    let inside = frame(&clip(&title, columns + 2), lines, theme, all, buffer);
    let mut at = 0;
    for line in above {
        put(buffer, row(inside, at), line, theme.plain());
        at += 1;
    }
    at += gap;
    for line in label {
        put(buffer, row(inside, at), line, theme.strong());
        at += 1;
    }
    let cursor = field("> ", typed, theme, row(inside, at), buffer);
    let style = if filling.problem.is_some() { theme.bad() } else { theme.quiet() };
    for (line, text) in (at + 1..).zip(below) {
        put(buffer, row(inside, line), text, style);
    }
    cursor
}

/// Everything once more, before it is sent.
fn sure(filling: &Filling, columns: usize, theme: Theme, all: Rect, buffer: &mut Buffer) {
    let answers = filling.form.fields().zip(&filling.typed).map(|(field, typed)| {
        let answer = forms::answer(field, typed.text()).ok().flatten();
        let said = answer.map_or("–".to_owned(), |answer| answer_text(&answer, Some(field)));
        format!("{} {said}", before_answer(&field.label))
    });
    let last = forms::before(&filling.form, None);
    let texts: Vec<String> = answers.chain(last).collect();
    let mut lines: Vec<&str> = texts.iter().flat_map(|text| wrapped(text, columns)).collect();
    let ends = ["", "Enter  send it    ↑  change something    Esc  not now"];
    lines.truncate(usize::from(all.height.saturating_sub(4)).saturating_sub(ends.len()));
    let title = format!(" {} · send? ", safe_line(&filling.form.title));
    let inside = frame(&clip(&title, columns + 2), lines.len() + ends.len(), theme, all, buffer);
    for (at, line) in lines.into_iter().chain(ends).enumerate() {
        put(buffer, row(inside, at), line, theme.plain());
    }
}
