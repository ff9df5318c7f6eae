//! What a business may tell its customers before they write: the relay takes, and a device believes, only
//! what is within these limits.

use crate::wire::{BusinessTerms, Provider};

/// Longest notice, in bytes.
pub const NOTICE: usize = 8 * 1024;
/// Most providers at once.
pub const PROVIDERS: usize = 20;
/// Longest name and longest purpose of a provider, in bytes.
pub const LINE: usize = 512;
/// Most scopes of a provider, and the longest name of one, in bytes.
pub const SCOPES: usize = 32;

/// Whether every part is within its limit. What is said is text, but no text that is safe for a screen.
pub fn are_well_formed(terms: &BusinessTerms) -> bool {
    let notice =
        terms.notice.len() <= NOTICE && !terms.notice.contains(|it: char| it.is_control() && it != '\n');
    notice && terms.providers.len() <= PROVIDERS && terms.providers.iter().all(is_well_formed)
}

fn is_well_formed(provider: &Provider) -> bool {
    let Provider { id: _, name, purpose, scopes, from_ms, until_ms, key } = provider;
    let line = |text: &str, least| (least..=LINE).contains(&text.len()) && !text.contains(char::is_control);
    line(name, 1)
        && line(purpose, 0)
        && scopes.len() <= SCOPES
        && scopes.iter().all(|scope| (1..=SCOPES).contains(&scope.len()) && !scope.contains(char::is_control))
        && from_ms < until_ms
        && matches!(key.len(), 0 | 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> Provider {
        Provider {
            id: 7,
            name: "Acme Support".to_owned(),
            purpose: "answers at night".to_owned(),
            scopes: vec!["messages".to_owned()],
            from_ms: 1,
            until_ms: 2,
            key: vec![3; 32].into(),
        }
    }

    fn of(providers: Vec<Provider>) -> BusinessTerms {
        BusinessTerms { notice: "To bake what you\nordered.".to_owned(), providers, ..Default::default() }
    }

    #[test]
    fn what_is_within_the_limits_is_well_formed_and_nothing_beyond() {
        let most = Provider {
            name: "a".repeat(LINE),
            purpose: String::new(),
            scopes: vec!["s".repeat(SCOPES); SCOPES],
            key: Default::default(),
            ..acme()
        };
        assert!(are_well_formed(&of(vec![most; PROVIDERS])));
        assert!(are_well_formed(&BusinessTerms { notice: "n".repeat(NOTICE), ..of(vec![acme()]) }));
        let bad = [
            BusinessTerms { notice: "n".repeat(NOTICE + 1), ..of(Vec::new()) },
            BusinessTerms { notice: "\u{1b}[2J".to_owned(), ..of(Vec::new()) },
            of(vec![acme(); PROVIDERS + 1]),
            of(vec![Provider { name: String::new(), ..acme() }]),
            of(vec![Provider { name: "a".repeat(LINE + 1), ..acme() }]),
            of(vec![Provider { name: "two\nlines".to_owned(), ..acme() }]),
            of(vec![Provider { purpose: "p".repeat(LINE + 1), ..acme() }]),
            of(vec![Provider { purpose: "a\u{7}bell".to_owned(), ..acme() }]),
            of(vec![Provider { scopes: vec!["s".to_owned(); SCOPES + 1], ..acme() }]),
            of(vec![Provider { scopes: vec![String::new()], ..acme() }]),
            of(vec![Provider { scopes: vec!["s".repeat(SCOPES + 1)], ..acme() }]),
            of(vec![Provider { scopes: vec!["two\nlines".to_owned()], ..acme() }]),
            of(vec![Provider { until_ms: 1, ..acme() }]),
            of(vec![Provider { key: vec![3; 31].into(), ..acme() }]),
        ];
        for terms in bad {
            assert!(!are_well_formed(&terms), "{terms:?}");
        }
    }
}
