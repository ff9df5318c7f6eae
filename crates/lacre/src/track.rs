//! What a script was told of each message, to tell it what has changed since.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};

use lacre_client::content::MessageId;
use serde_json::{Map, Value};

/// Messages that are remembered.
const REMEMBERED: usize = 10_000;

/// Remembers what was told, by fields.
#[derive(Debug, Default)]
pub struct Tracker {
    told: HashMap<MessageId, Vec<u64>>,
    order: VecDeque<MessageId>,
}

impl Tracker {
    /// Takes a message as it is told now: `None` when it is as it was told, `Some(None)` when it was not told of
    /// (or so long ago that it is forgotten), else the names of the fields that are others.
    pub fn take(&mut self, id: MessageId, message: &Map<String, Value>) -> Option<Option<Vec<String>>> {
        let now: Vec<u64> = message.iter().map(|field| hash(&field)).collect();
        match self.told.insert(id, now.clone()) {
            None => {
                self.order.push_back(id);
                if self.order.len() > REMEMBERED {
                    self.order.pop_front().into_iter().for_each(|oldest| drop(self.told.remove(&oldest)));
                }
                Some(None)
            }
            Some(before) if before == now => None,
            Some(before) => {
                let changed = message.keys().zip(&now).filter(|(_, field)| !before.contains(field));
                Some(Some(changed.map(|(name, _)| name.clone()).collect()))
            }
        }
    }

    /// Whether this message was told of.
    pub fn knows(&self, id: MessageId) -> bool {
        self.told.contains_key(&id)
    }
}

fn hash((name, value): &(&String, &Value)) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn take(tracker: &mut Tracker, id: u8, message: &Value) -> Option<Option<Vec<String>>> {
        tracker.take(MessageId([id; 16]), message.as_object().unwrap())
    }

    #[test]
    fn what_changed_is_named() {
        let mut tracker = Tracker::default();
        assert_eq!(take(&mut tracker, 1, &json!({"state": "sent", "text": "a"})), Some(None));
        assert_eq!(take(&mut tracker, 1, &json!({"state": "sent", "text": "a"})), None);
        let changed = take(&mut tracker, 1, &json!({"state": "read", "text": "a"}));
        assert_eq!(changed, Some(Some(vec!["state".to_owned()])));
        assert_eq!(take(&mut tracker, 2, &json!({"state": "read", "text": "a"})), Some(None));
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let mut tracker = Tracker::default();
        let id = |at: usize| MessageId((at as u128).to_be_bytes());
        for at in 0..=REMEMBERED {
            tracker.take(id(at), json!({}).as_object().unwrap());
        }
        assert!(!tracker.knows(id(0)) && tracker.knows(id(1)) && tracker.knows(id(REMEMBERED)));
        assert_eq!(tracker.told.len(), REMEMBERED);
    }
}
