//! Cards of people: the API's `contacts` as one vCard 4.0 text (RFC 6350).

use super::super::error::ApiError;
use super::super::reader::At;

const PEOPLE_MAX: usize = 257;
const TEXT_MAX: usize = 1_024;
const ROWS_MAX: usize = 50;

pub(super) fn vcards(contacts: &At<'_>) -> Result<String, ApiError> {
    contacts.items(1, PEOPLE_MAX)?.iter().map(vcard).collect()
}

fn vcard(contact: &At<'_>) -> Result<String, ApiError> {
    let mut card = Card("BEGIN:VCARD\r\nVERSION:4.0\r\n".to_owned());
    let name = contact.need("name")?;
    let formatted = name.need_text("formatted_name", TEXT_MAX)?;
    let parts = ["last_name", "first_name", "middle_name", "prefix", "suffix"]
        .map(|part| name.maybe_text(part, TEXT_MAX));
    let [last, first, middle, prefix, suffix] = parts;
    let parts = [last?, first?, middle?, prefix?, suffix?];
    if parts.iter().all(|it| it.is_empty()) {
        return Err(name.bad("must have one more part beside formatted_name"));
    }
    card.line("FN", "", &[formatted]);
    card.line("N", "", &parts);
    for phone in contact.maybe_items("phones", ROWS_MAX)? {
        // Either is enough.
        let number = match phone.maybe("phone")?.filter(|it| it.value() != "") {
            Some(number) => number.text(1, 100)?,
            None => {
                phone.maybe("wa_id")?.map_or_else(|| phone.need_text("phone", 100), |it| it.text(1, 100))?
            }
        };
        card.line("TEL", phone.maybe_text("type", 40)?, &[number]);
    }
    for email in contact.maybe_items("emails", ROWS_MAX)? {
        card.line("EMAIL", email.maybe_text("type", 40)?, &[email.need_text("email", TEXT_MAX)?]);
    }
    for url in contact.maybe_items("urls", ROWS_MAX)? {
        card.line("URL", url.maybe_text("type", 40)?, &[url.need_text("url", 2_000)?]);
    }
    for address in contact.maybe_items("addresses", ROWS_MAX)? {
        let part = |name| address.maybe_text(name, TEXT_MAX);
        let country = match part("country")? {
            "" => part("country_code")?,
            country => country,
        };
        let lines = ["", "", part("street")?, part("city")?, part("state")?, part("zip")?, country];
        card.line("ADR", part("type")?, &lines);
    }
    if let Some(org) = contact.maybe("org")? {
        let (company, department) =
            (org.maybe_text("company", TEXT_MAX)?, org.maybe_text("department", TEXT_MAX)?);
        if !company.is_empty() || !department.is_empty() {
            card.line("ORG", "", &[company, department]);
        }
        let title = org.maybe_text("title", TEXT_MAX)?;
        if !title.is_empty() {
            card.line("TITLE", "", &[title]);
        }
    }
    // One client sends it empty.
    if let Some(birthday) = contact.maybe("birthday")?.filter(|it| it.value() != "") {
        let text = birthday.text(10, 10)?;
        let is_date = text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
        if !is_date {
            return Err(birthday.bad("must be YYYY-MM-DD"));
        }
        card.line("BDAY", "", &[&text.replace('-', "")]);
    }
    card.0.push_str("END:VCARD\r\n");
    Ok(card.0)
}

struct Card(String);

impl Card {
    /// A line with its type and its parts; nothing that is in them ends the line.
    fn line(&mut self, name: &str, kind: &str, parts: &[&str]) {
        self.0.push_str(name);
        let kind: String = kind.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        if !kind.is_empty() {
            self.0.push_str(";TYPE=");
            self.0.push_str(&kind);
        }
        self.0.push(':');
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.0.push(';');
            }
            for letter in part.chars() {
                match letter {
                    '\\' | ',' | ';' => self.0.extend(['\\', letter]),
                    '\n' => self.0.push_str("\\n"),
                    letter if letter.is_control() => {}
                    letter => self.0.push(letter),
                }
            }
        }
        self.0.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bruno_is_a_card_and_his_name_ends_no_line() {
        let contacts = json!([{
            "name": {"formatted_name": "Bruno\r\nTEL:666", "first_name": "Bruno", "last_name": "a;b"},
            "phones": [{"phone": "+551130000000", "type": "WORK", "wa_id": "551130000000"}],
            "addresses": [{"street": "Rua A, 7", "city": "Recife", "country_code": "br"}],
            "org": {"company": "Bakery", "title": "Baker"},
            "birthday": "1990-02-28",
        }]);
        let by_wa_id = json!([{
            "name": {"formatted_name": "B", "first_name": "B"}, "phones": [{"wa_id": "551130000000"}],
        }]);
        assert!(vcards(&At::new(&by_wa_id, "contacts")).expect("a card").contains("TEL:551130000000"));
        let card = vcards(&At::new(&contacts, "contacts")).expect("a card");
        let lines = [
            "BEGIN:VCARD",
            "VERSION:4.0",
            "FN:Bruno\\nTEL:666",
            "N:a\\;b;Bruno;;;",
            "TEL;TYPE=work:+551130000000",
            "ADR:;;Rua A\\, 7;Recife;;;br",
            "ORG:Bakery;",
            "TITLE:Baker",
            "BDAY:19900228",
            "END:VCARD",
            "",
        ];
        assert_eq!(card, lines.join("\r\n"));
    }

    #[test]
    fn a_name_alone_or_a_wrong_day_is_refused() {
        for contact in [
            json!([]),
            json!([{"name": {"formatted_name": "Bruno"}}]),
            json!([{"name": {"first_name": "Bruno"}}]),
            json!([{"name": {"formatted_name": "B", "first_name": "B"}, "birthday": "28.02.1990"}]),
            json!([{"name": {"formatted_name": "B", "first_name": "B"}, "phones": [{"type": "WORK"}]}]),
        ] {
            assert!(vcards(&At::new(&contact, "contacts")).is_err(), "{contact}");
        }
    }
}
