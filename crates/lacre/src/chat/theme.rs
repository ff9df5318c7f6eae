//! Styles. Nothing is told by colour alone: where there is none, words and weight say the same.

use ratatui::style::{Color, Modifier, Style};

/// Styles with or without colour.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    colour: bool,
}

impl Theme {
    /// With colour, or only with weight (the convention of `NO_COLOR`).
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// As the terminal writes.
    pub fn plain(self) -> Style {
        Style::new()
    }

    /// What matters less.
    pub fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Names and titles.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// One's own name.
    pub fn mine(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// Another's name.
    pub fn theirs(self) -> Style {
        self.coloured(Color::Magenta).add_modifier(Modifier::BOLD)
    }

    /// What is well.
    pub fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    /// A message that was read.
    pub fn read(self) -> Style {
        self.coloured(Color::Blue).add_modifier(Modifier::BOLD)
    }

    /// What waits.
    pub fn waits(self) -> Style {
        self.coloured(Color::Yellow)
    }

    /// What went wrong.
    pub fn bad(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// The row that keys act on.
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}
