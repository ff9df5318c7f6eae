//! What a business may say of itself: the relay takes, and a device believes, only what is within these limits. Lengths
//! of texts are counted in characters, as the Cloud API counts them.

use crate::wire::{BusinessCommand, BusinessProfile};

/// Longest line about the business.
pub const ABOUT: usize = 139;
/// Longest description.
pub const DESCRIPTION: usize = 512;
/// Longest address.
pub const ADDRESS: usize = 256;
/// Longest e-mail address.
pub const EMAIL: usize = 128;
/// Most websites.
pub const WEBSITES: usize = 2;
/// Longest address of a website.
pub const WEBSITE: usize = 256;
/// Longest name of a trade.
pub const VERTICAL: usize = 40;
/// Most lines to begin with.
pub const PROMPTS: usize = 3;
/// Longest of them.
pub const PROMPT: usize = 80;
/// Most commands.
pub const COMMANDS: usize = 30;
/// Longest name of a command, without its stroke.
pub const COMMAND: usize = 30;
/// Longest description of a command.
pub const COMMAND_DESCRIPTION: usize = 256;
/// Largest picture, in bytes.
pub const PICTURE: usize = 16 * 1024;
/// The largest signed body, in bytes: all of the above, with four bytes a character, is less.
pub const BODY: usize = 64 * 1024;

/// What every JPEG begins with: the start of the image, and of the next marker.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// Whether every part is within its limit. What is said is text, but no text that is safe for a screen, and the picture
/// is not decoded: whoever shows it does that.
pub fn is_well_formed(profile: &BusinessProfile) -> bool {
    let BusinessProfile {
        business: _,
        device: _,
        about,
        description,
        address,
        email,
        websites,
        vertical,
        prompts,
        commands,
        picture,
        issued_ms: _,
        revision: _,
    } = profile;
    is_line(about, ABOUT)
        && are_lines(description, DESCRIPTION)
        && are_lines(address, ADDRESS)
        && is_line(email, EMAIL)
        && websites.len() <= WEBSITES
        && websites.iter().all(|it| is_website(it))
        && is_line(vertical, VERTICAL)
        && prompts.len() <= PROMPTS
        && prompts.iter().all(|it| !it.is_empty() && is_line(it, PROMPT))
        && commands.len() <= COMMANDS
        && commands.iter().all(is_command)
        && (picture.is_empty() || is_picture(picture))
}

/// Whether bytes may be a picture: small, and what calls itself a JPEG.
pub fn is_picture(bytes: &[u8]) -> bool {
    bytes.len() <= PICTURE && bytes.starts_with(&JPEG)
}

/// Whether a text may be the address of a website.
pub fn is_website(text: &str) -> bool {
    let web = ["http://", "https://"];
    web.iter().any(|it| text.starts_with(it)) && is_line(text, WEBSITE)
}

fn is_command(command: &BusinessCommand) -> bool {
    let BusinessCommand { name, description } = command;
    !name.is_empty() && is_line(name, COMMAND) && is_line(description, COMMAND_DESCRIPTION)
}

fn is_line(text: &str, most: usize) -> bool {
    !text.contains('\n') && are_lines(text, most)
}

fn are_lines(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.contains(|it: char| it.is_control() && it != '\n')
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    fn fullest() -> BusinessProfile {
        let long = |most| "𝄞".repeat(most);
        let command = BusinessCommand { name: long(COMMAND), description: long(COMMAND_DESCRIPTION) };
        let mut picture = vec![7; PICTURE];
        picture[..3].copy_from_slice(&JPEG);
        BusinessProfile {
            business: vec![1; 16].into(),
            device: vec![2; 16].into(),
            about: long(ABOUT),
            description: format!("{}\n", long(DESCRIPTION - 1)),
            address: format!("{}\n", long(ADDRESS - 1)),
            email: long(EMAIL),
            websites: vec![format!("https://{}", long(WEBSITE - 8)); WEBSITES],
            vertical: long(VERTICAL),
            prompts: vec![long(PROMPT); PROMPTS],
            commands: vec![command; COMMANDS],
            picture: picture.into(),
            issued_ms: u64::MAX,
            revision: u64::MAX,
        }
    }

    fn said(name: &str) -> BusinessCommand {
        BusinessCommand { name: name.to_owned(), description: String::new() }
    }

    #[test]
    fn what_is_within_the_limits_is_well_formed_and_fits_into_one_body() {
        assert!(is_well_formed(&fullest()));
        assert!(fullest().encoded_len() <= BODY, "{}", fullest().encoded_len());
        assert!(is_well_formed(&BusinessProfile::default()), "all of it may be empty");
        assert!(is_well_formed(&BusinessProfile { commands: vec![said("rye")], ..Default::default() }));
    }

    #[test]
    fn nothing_beyond_them_is() {
        let long = |most: usize| "a".repeat(most + 1);
        let command = |name: String, description: String| vec![BusinessCommand { name, description }];
        let bad = [
            BusinessProfile { about: long(ABOUT), ..fullest() },
            BusinessProfile { about: "two\nlines".to_owned(), ..fullest() },
            BusinessProfile { about: "\u{1b}[2J".to_owned(), ..fullest() },
            BusinessProfile { description: long(DESCRIPTION), ..fullest() },
            BusinessProfile { description: "a\u{7}bell".to_owned(), ..fullest() },
            BusinessProfile { address: long(ADDRESS), ..fullest() },
            BusinessProfile { email: long(EMAIL), ..fullest() },
            BusinessProfile { websites: vec!["https://a.example".to_owned(); 3], ..fullest() },
            BusinessProfile { websites: vec!["javascript:alert(1)".to_owned()], ..fullest() },
            BusinessProfile { websites: vec![format!("https://{}", long(WEBSITE))], ..fullest() },
            BusinessProfile { vertical: long(VERTICAL), ..fullest() },
            BusinessProfile { prompts: vec!["a".to_owned(); PROMPTS + 1], ..fullest() },
            BusinessProfile { prompts: vec![String::new()], ..fullest() },
            BusinessProfile { prompts: vec![long(PROMPT)], ..fullest() },
            BusinessProfile { commands: vec![BusinessCommand::default()], ..fullest() },
            BusinessProfile { commands: command(long(COMMAND), String::new()), ..fullest() },
            BusinessProfile { commands: command("a".to_owned(), long(COMMAND_DESCRIPTION)), ..fullest() },
            BusinessProfile { commands: command("a\nb".to_owned(), String::new()), ..fullest() },
            BusinessProfile { commands: vec![said("a"); COMMANDS + 1], ..fullest() },
            BusinessProfile { picture: [&JPEG[..], &[0; PICTURE]].concat().into(), ..fullest() },
            BusinessProfile { picture: b"<svg onload=alert(1)>".to_vec().into(), ..fullest() },
        ];
        for profile in bad {
            assert!(!is_well_formed(&profile), "{profile:?}");
        }
    }
}
