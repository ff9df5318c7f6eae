//! Forms of businesses as people answer them: what is asked, and what was typed as an answer.

use lacre_client::content::{Answer, Field, Form, Input, LineKind, Part};

use crate::output::answer_text;
use crate::safe_text::{safe_line, safe_text};

/// What stands on the pages before a question: headings and text. `None` asks for what stands after the last.
pub fn before(form: &Form, question: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    for page in &form.pages {
        if !page.title.is_empty() {
            lines.push(safe_line(&page.title));
        }
        for part in &page.parts {
            match part {
                Part::Text(text) => lines.push(safe_text(text)),
                Part::Field(field) if Some(field.name.as_str()) == question => return lines,
                Part::Field(_) => lines.clear(),
            }
        }
    }
    if question.is_none() { lines } else { Vec::new() }
}

/// The question, in one line.
pub fn label(field: &Field) -> String {
    let needed = if field.needed { "" } else { " (may be left out)" };
    format!("{}{needed}", safe_line(&field.label))
}

/// How it is answered, a line each: what the business says about it, options by their numbers.
pub fn hints(field: &Field) -> Vec<String> {
    let mut lines = Vec::new();
    if !field.help.is_empty() {
        lines.push(safe_line(&field.help));
    }
    for (number, option) in (1..).zip(field.input.options()) {
        let more = match option.description.is_empty() {
            true => String::new(),
            false => format!(": {}", safe_line(&option.description)),
        };
        lines.push(format!("{number} {}{more}", safe_line(&option.title)));
    }
    let how = match &field.input {
        Input::Line { kind: LineKind::Any, most, .. } | Input::Lines { most } => {
            format!("at most {most} characters")
        }
        Input::Line { kind: LineKind::Number, .. } => "a number".to_owned(),
        Input::Line { kind: LineKind::Email, .. } => "an e-mail address".to_owned(),
        Input::Line { kind: LineKind::Phone, .. } => "a phone number".to_owned(),
        Input::One(_) => "one of them, by its number".to_owned(),
        Input::Several { least, most, .. } => match (usize::from((*least).max(1)), usize::from(*most)) {
            (1, most) => format!("up to {most} of them, by numbers between commas"),
            (least, most) => format!("{least} to {most} of them, by numbers between commas"),
        },
        Input::Yes => "y or n".to_owned(),
        Input::Day { from, to } => match (from.is_empty(), to.is_empty()) {
            (true, true) => "a day, as 2026-11-30".to_owned(),
            (false, true) => format!("a day, as 2026-11-30; from {from}"),
            (true, false) => format!("a day, as 2026-11-30; until {to}"),
            (false, false) => format!("a day from {from} to {to}"),
        },
    };
    lines.push(how);
    lines
}

/// What stands in a field before anything is typed.
pub fn start(field: &Field) -> String {
    match &field.start {
        Some(Answer::Yes(true)) => "y".to_owned(),
        Some(Answer::Yes(false)) | None => String::new(),
        Some(answer) => answer_text(answer, Some(field)),
    }
}

/// What was typed as an answer; `None` leaves it out. Options go by their number, their words or their id.
pub fn answer(field: &Field, typed: &str) -> Result<Option<Answer>, String> {
    let typed = typed.trim();
    if typed.is_empty() {
        return if field.needed { Err("This has to be answered.".to_owned()) } else { Ok(None) };
    }
    let answer = match &field.input {
        Input::Line { .. } | Input::Lines { .. } | Input::Day { .. } => Answer::Text(typed.to_owned()),
        Input::One(_) => Answer::Chosen(vec![option(field, typed)?]),
        Input::Several { options, .. } => {
            let all = match option(field, typed) {
                // Its words may have a comma in them.
                Ok(one) => vec![one],
                Err(_) => {
                    let parts = typed.split(',').map(str::trim).filter(|part| !part.is_empty());
                    parts.map(|part| option(field, part)).collect::<Result<_, _>>()?
                }
            };
            let in_order = options.iter().filter(|option| all.contains(&option.id));
            Answer::Chosen(in_order.map(|option| option.id.clone()).collect())
        }
        Input::Yes => match typed.to_lowercase().as_str() {
            "y" | "yes" | "true" => Answer::Yes(true),
            "n" | "no" | "false" => Answer::Yes(false),
            _ => return Err("Type y for yes or n for no.".to_owned()),
        },
    };
    field.takes(&answer).map_err(|why| sentence(&why.to_string()))?;
    Ok(Some(answer))
}

fn option(field: &Field, typed: &str) -> Result<String, String> {
    let options = field.input.options();
    let by_id = options.iter().find(|option| option.id == typed);
    let by_number = || typed.parse::<usize>().ok().and_then(|number| options.get(number.checked_sub(1)?));
    let by_words = || options.iter().find(|option| option.title.to_lowercase() == typed.to_lowercase());
    let found = by_id.or_else(by_words).or_else(by_number);
    found
        .map(|option| option.id.clone())
        .ok_or_else(|| format!("“{}” is none of the options.", safe_line(typed)))
}

fn sentence(why: &str) -> String {
    let mut letters = why.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use lacre_client::content::{Choice, Page};

    use super::*;

    fn field(name: &str, needed: bool, input: Input) -> Field {
        let (name, label) = (name.to_owned(), format!("Your {name}?"));
        Field { name, label, help: String::new(), needed, input, start: None }
    }

    fn sizes() -> Vec<Choice> {
        let choice = |(id, title): (&str, &str)| Choice {
            id: id.to_owned(),
            title: title.to_owned(),
            description: String::new(),
        };
        [("s", "Small"), ("m", "Middling, or so"), ("2", "Large")].map(choice).to_vec()
    }

    #[test]
    fn ana_chooses_by_number_by_words_or_by_id() {
        let one = field("size", true, Input::One(sizes()));
        let chosen = |typed| answer(&one, typed).map(|it| it.map(|it| answer_text(&it, Some(&one))));
        assert_eq!(chosen("1"), Ok(Some("Small".to_owned())));
        assert_eq!(chosen("middling, OR so"), Ok(Some("Middling, or so".to_owned())));
        assert_eq!(chosen("2"), Ok(Some("Large".to_owned())), "an id goes before a number");
        assert_eq!(chosen("9"), Err("“9” is none of the options.".to_owned()));
        assert_eq!(chosen(" "), Err("This has to be answered.".to_owned()));
        let several = field("sizes", false, Input::Several { options: sizes(), least: 0, most: 2 });
        let ids = |typed| answer(&several, typed);
        let all = |ids: &[&str]| Ok(Some(Answer::Chosen(ids.iter().map(|it| (*it).to_owned()).collect())));
        assert_eq!(ids("large, 1"), all(&["s", "2"]), "in the order of the options");
        assert_eq!(ids("Middling, or so"), all(&["m"]));
        assert_eq!(ids("1,m,2"), Err("This is too long or too many.".to_owned()));
        assert_eq!(ids(""), Ok(None));
    }

    #[test]
    fn what_cannot_be_an_answer_is_told_in_words() {
        let says = |input, typed| answer(&field("x", true, input), typed);
        let line = |kind| Input::Line { kind, least: 2, most: 5 };
        assert_eq!(says(line(LineKind::Any), "a"), Err("This is too short or too few.".to_owned()));
        assert_eq!(says(line(LineKind::Number), "1e9"), Err("This is not a number.".to_owned()));
        assert_eq!(says(line(LineKind::Number), "-1,5"), Ok(Some(Answer::Text("-1,5".to_owned()))));
        assert_eq!(says(Input::Yes, "n"), Err("This has to be answered.".to_owned()));
        let day = Input::Day { from: "2026-12-01".to_owned(), to: String::new() };
        let wrong = "This is not a day: write it as 2026-11-30.".to_owned();
        assert_eq!(says(day.clone(), "2026-02-30"), Err(wrong));
        assert_eq!(says(day, "2026-11-30"), Err("This day cannot be chosen.".to_owned()));
    }

    #[test]
    fn text_stands_before_the_question_that_follows_it() {
        let part = |text: &str| Part::Text(text.to_owned());
        let asked = |name| Part::Field(field(name, true, Input::Yes));
        let page = |title: &str, parts| Page { title: title.to_owned(), parts };
        let form = Form {
            id: String::new(),
            title: "Order".to_owned(),
            reply: String::new(),
            pages: vec![
                page("Cake", vec![part("Fresh"), asked("one"), part("Really"), asked("two")]),
                page("Thanks", vec![part("Bye")]),
            ],
        };
        assert_eq!(before(&form, Some("one")), ["Cake", "Fresh"]);
        assert_eq!(before(&form, Some("two")), ["Really"]);
        assert_eq!(before(&form, None), ["Thanks", "Bye"]);
    }
}
