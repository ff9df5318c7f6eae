//! Entries of a mailbox into a real engine that is in a conversation: good ones, altered ones, and no items at all.

use std::sync::LazyLock;

use bytes::Bytes;
use lacre_engine::content::Content;
use lacre_engine::{Engine, Input, Intent, Records};
use lacre_proto::wire::Entry;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::world::{Person, Rows, now, relay};

/// Ana after she has spoken with Bruno, and what has come for her since.
struct Scene {
    rows: Rows,
    /// The first position that is new to her.
    next: u64,
    items: Vec<Bytes>,
}

static SCENE: LazyLock<Scene> = LazyLock::new(scene);

/// Steps of the bytes, one delivery each: 0 and a number, a good item; 1, a number, an offset of two bytes and a
/// byte, an altered one; 2, a length and as many bytes, something else. Whatever comes is a step, not a failure.
pub fn engine_delivered(bytes: &[u8]) {
    let scene = &*SCENE;
    let mut rows = scene.rows.clone();
    let mut engine = Engine::open(&rows).expect("the store is good").expect("Ana has signed up");
    let rng = &mut ChaCha20Rng::seed_from_u64(9);
    let mut rest = bytes;
    let mut position = scene.next;
    while let Some(item) = delivery(&mut rest, &scene.items) {
        let entries = vec![Entry { position, item }];
        position += 1;
        let step = engine.handle(&rows, Input::Delivered(entries), now(), rng);
        rows.commit(step.expect("what is delivered is never the engine's own failure").changes);
    }
}

fn delivery(rest: &mut &[u8], items: &[Bytes]) -> Option<Bytes> {
    let (kind, after) = rest.split_first()?;
    let (number, after) = after.split_first()?;
    let good = &items[usize::from(*number) % items.len()];
    let (item, after) = match kind % 3 {
        0 => (good.clone(), after),
        1 => {
            let (edit, after) = after.split_at_checked(3)?;
            let mut altered = good.to_vec();
            let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % altered.len();
            altered[at] ^= edit[2];
            (altered.into(), after)
        }
        _ => {
            let (raw, after) = after.split_at_checked(usize::from(*number).min(after.len()))?;
            (Bytes::copy_from_slice(raw), after)
        }
    };
    *rest = after;
    Some(item)
}

fn scene() -> Scene {
    let relay = relay();
    let mut ana = Person::new(&relay, "ana", 1);
    let mut bruno = Person::new(&relay, "bruno", 2);
    let text = |text: &str| Content::Text { text: text.to_owned() };
    ana.take(Input::Intent(1, Intent::SendTo("bruno".parse().expect("a handle"), text("olá"))));
    while ana.fetch() | bruno.fetch() {}
    // A stranger's first words are a request; nothing leaves Bruno's device before he accepts it.
    let asked = Records(&bruno.rows).conversations().expect("the store is good").remove(0).id;
    bruno.take(Input::Intent(10, Intent::Accept(asked)));
    while ana.fetch() | bruno.fetch() {}
    for (number, say) in ["um", "dois", "três"].iter().enumerate() {
        let intent = Intent::SendTo("ana".parse().expect("a handle"), text(say));
        bruno.take(Input::Intent(number as u64, intent));
    }
    bruno.fetch();
    let mut entries = Vec::new();
    for input in ana.waiting() {
        if let Input::Delivered(more) = input {
            entries.extend(more);
        }
    }
    let next = entries.first().expect("Bruno has written").position;
    Scene { rows: ana.rows, next, items: entries.into_iter().map(|entry| entry.item).collect() }
}
