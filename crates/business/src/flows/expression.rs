//! What stands in a text of a flow in the place of something else: `${form.name}`.

/// A text of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expression<'a> {
    /// Nothing but text.
    Plain,
    /// `${data.name}`: what the screen was given.
    Data(&'a str),
    /// `${form.name}`: what is filled in on the screen.
    Form(&'a str),
    /// `${screen.ID.data.name}`.
    DataOf(&'a str, &'a str),
    /// `${screen.ID.form.name}`.
    FormOf(&'a str, &'a str),
    /// Something else with `${` in it: a part of a text, a condition.
    Other,
}

impl<'a> Expression<'a> {
    /// Reads a text.
    pub fn of(text: &'a str) -> Self {
        let is_condition = text.len() > 1 && text.starts_with('`') && text.ends_with('`');
        if !text.contains("${") && !is_condition {
            return Self::Plain;
        }
        let inner = text.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
        let Some(inner) = inner.filter(|it| !it.contains(['{', '}', '$', '`', ' '])) else {
            return Self::Other;
        };
        match *inner.split('.').collect::<Vec<_>>() {
            ["data", name] => Self::Data(name),
            ["form", name] => Self::Form(name),
            ["screen", id, "data", name] => Self::DataOf(id, name),
            ["screen", id, "form", name] => Self::FormOf(id, name),
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_something_else_is_told_from_text() {
        assert_eq!(Expression::of("a $5 {loaf}"), Expression::Plain);
        assert_eq!(Expression::of("${data.a}"), Expression::Data("a"));
        assert_eq!(Expression::of("${form.a}"), Expression::Form("a"));
        assert_eq!(Expression::of("${screen.A.form.b}"), Expression::FormOf("A", "b"));
        assert_eq!(Expression::of("${screen.A.data.b}"), Expression::DataOf("A", "b"));
        for text in [
            "Hello ${data.a}",
            "${data.a}${data.b}",
            "${data.a.b}",
            "${}",
            "${data",
            "`${form.a} == 1`",
            "`true`",
        ] {
            assert_eq!(Expression::of(text), Expression::Other, "{text}");
        }
    }
}
