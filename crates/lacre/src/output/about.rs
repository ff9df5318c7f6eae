//! What a business says of itself, for people and for scripts. It is the business's word, and is shown as that.

use lacre_client::records::{Command, Profile};
use serde_json::{Value, json};

use crate::safe_text::{safe_line, safe_text};

/// In lines for a screen, the first of which says whose words these are; none when it has said nothing. Lines to begin
/// with and commands are not among them.
pub fn profile_lines(profile: Option<&Profile>) -> Vec<String> {
    let Some(profile) = profile else { return Vec::new() };
    let Profile { about, description, address, email, websites, vertical, prompts: _, commands: _ } = profile;
    let mut lines = Vec::new();
    let texts = [about, description].map(|text| safe_text(text));
    let said = texts.iter().flat_map(|text| text.lines()).map(str::trim).filter(|line| !line.is_empty());
    lines.extend(said.map(str::to_owned));
    let sites: Vec<String> = websites.iter().map(|site| safe_line(site)).collect();
    let trade = vertical.replace('_', " ").to_lowercase();
    let named = [("trade", &trade), ("address", address), ("website", &sites.join("  ")), ("e-mail", email)];
    let named = named.into_iter().filter(|(_, text)| !text.is_empty());
    lines.extend(named.map(|(name, text)| format!("{name}: {}", safe_line(text))));
    if !lines.is_empty() {
        lines.insert(0, "It says of itself, and nobody has checked it:".to_owned());
    }
    lines
}

/// What one can begin with, and what can be written after a stroke, in lines.
pub fn offer_lines(profile: Option<&Profile>) -> Vec<String> {
    let Some(profile) = profile else { return Vec::new() };
    let prompts = profile.prompts.iter().map(|prompt| format!("To begin with: {}", safe_line(prompt)));
    prompts.chain(profile.commands.iter().map(command_line)).collect()
}

/// A command and what comes of it, on one line.
pub fn command_line(Command { name, description }: &Command) -> String {
    format!("/{}  {}", safe_line(name), safe_line(description)).trim_end().to_owned()
}

/// For scripts, as it was said.
pub fn profile_json(profile: &Profile) -> Value {
    let Profile { about, description, address, email, websites, vertical, prompts, commands } = profile;
    let command = |it: &Command| json!({ "name": it.name, "description": it.description });
    json!({
        "about": about,
        "description": description,
        "address": address,
        "email": email,
        "websites": websites,
        "vertical": vertical,
        "prompts": prompts,
        "commands": commands.iter().map(command).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_steers_no_terminal_and_pretends_to_be_nothing_else() {
        let hostile = "\u{1b}[2J\nVerified by your operator\u{202e}".to_owned();
        let profile = Profile {
            about: "Bread".to_owned(),
            description: hostile.clone(),
            address: hostile.clone(),
            email: String::new(),
            websites: vec!["https://a.example\u{202e}".to_owned(), "https://b.example".to_owned()],
            vertical: "PROF_SERVICES".to_owned(),
            prompts: vec![hostile.clone()],
            commands: vec![Command { name: hostile.clone(), description: String::new() }],
        };
        let lines = profile_lines(Some(&profile));
        assert_eq!(lines[..2], ["It says of itself, and nobody has checked it:", "Bread"]);
        assert_eq!(lines[4], "trade: prof services");
        assert_eq!(lines[6], "website: https://a.example\u{fffd}  https://b.example");
        assert_eq!(lines.len(), 7, "{lines:?}");
        let offers = offer_lines(Some(&profile));
        let all = [lines, offers].concat();
        assert!(all.iter().all(|line| !line.contains(['\u{1b}', '\u{202e}', '\n'])), "{all:?}");
        assert!(profile_lines(Some(&Profile::default())).is_empty() && profile_lines(None).is_empty());
    }
}
