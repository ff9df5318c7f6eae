//! What was said, and the program that compares it with what every device shows.

use std::collections::BTreeMap;

use lacre_engine::content::Content;
use lacre_engine::records::MessageState;

use crate::device::Device;

/// Everything that was said and stored on the speaker's device, in order.
#[derive(Debug, Clone, Default)]
pub struct History {
    said: Vec<Said>,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// By whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What; unique in a history.
    pub text: String,
}

impl History {
    pub(crate) fn said(&mut self, from: &str, to: &str, text: &str) {
        assert!(self.said.iter().all(|said| said.text != text), "texts in a history are unique: {text}");
        self.said.push(Said { from: from.to_owned(), to: to.to_owned(), text: text.to_owned() });
    }

    /// Everything that was said.
    pub fn all(&self) -> &[Said] {
        &self.said
    }

    /// Asserts, for every two people, that on both sides stands exactly what was said: nothing lost, nothing
    /// twice, nothing that nobody said, each in the order of its sender, by the right author.
    pub fn check<'a>(&self, seed: u64, device: impl Fn(&str) -> &'a Device) {
        let mut by_pair: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for Said { from, to, text } in &self.said {
            by_pair.entry((from, to)).or_default().push(text);
            by_pair.entry((to, from)).or_default();
        }
        for ((from, to), said) in by_pair {
            let (sender, receiver) = (device(from), device(to));
            if shown(sender, to, sender) != said || shown(receiver, from, sender) != said {
                describe(sender, to);
                describe(receiver, from);
            }
            assert_eq!(
                shown(sender, to, sender),
                said,
                "what {from} said to {to}, on {from}'s device, seed {seed}"
            );
            assert_eq!(
                shown(receiver, from, sender),
                said,
                "what {from} said to {to}, on {to}'s device, seed {seed}"
            );
            for row in sender.rows_with(to).iter().filter(|row| row.mine) {
                let state = row.state;
                let arrived = matches!(state, MessageState::Delivered | MessageState::Read);
                assert!(arrived, "{from}'s message to {to} is {state:?}, seed {seed}");
            }
        }
    }
}

/// Prints what a device shows, for the one who looks for the reason.
fn describe(device: &Device, with: &str) {
    println!("{} with {with}:", device.name);
    for row in device.rows_with(with) {
        let text = match &row.content {
            Content::Text { text, .. } => text.as_str(),
            _ => "-",
        };
        println!("  {:?} {:?} late: {} {text}", row.position, row.state, row.late);
    }
}

/// The texts that one device shows in its conversation with a person, of one author.
fn shown(device: &Device, with: &str, author: &Device) -> Vec<String> {
    let author = author.account();
    let rows = device.rows_with(with).into_iter().filter(|row| row.author == author);
    let text = |row: lacre_engine::records::MessageRecord| match (row.content, row.state) {
        (Content::Text { text, .. }, _) => text,
        (_, state) => format!("({state:?})"),
    };
    rows.map(text).collect()
}
