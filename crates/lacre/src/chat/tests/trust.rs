//! Safety numbers that were compared, and people who come with another identity key.

use lacre_proto::AccountId;

use super::panels::ordered;
use super::*;
use crate::chat::panel::{Known, Shown, Text, What};
use crate::chat::questions::Order;

const BRUNO_HIMSELF: AccountId = AccountId([4; 16]);

/// The panel of the number with Bruno.
fn number(verified: bool, other: Option<[u8; 32]>) -> Shown {
    let code = format!("LACRE:SAFETY/1/{}", "12345".repeat(12));
    let known = Known { who: BRUNO_HIMSELF, name: "bruno".to_owned(), number: code.clone(), verified, other };
    let above = vec![Text::Strong("Safety number with bruno".to_owned())];
    Shown { above, code: Some(code), known: Some(known), ..Shown::default() }
}

fn held() -> Conversation {
    Conversation { held: Some("bruno".to_owned()), ..conversation(BRUNO, "bruno", 0) }
}

#[test]
fn d10_where_somebody_has_another_key_nothing_is_sent_and_the_draft_stays() {
    for (columns, lines) in [(100, 30), (80, 24), (60, 16), (40, 12)] {
        let mut ana = Ana::with_bruno(columns, lines);
        ana.types("the code is 12");
        ana.hear(Msg::Conversations(vec![held(), conversation(CARLA, "carla", 0)]));
        ana.sees("ANOTHER");
        ana.sees("Nothing is sent");
        ana.sees("the code is 12");
        assert_eq!(ana.press(&[Key::Enter]), [], "nothing leaves");
        ana.sees("Not sent: bruno has another");
        assert_eq!(ana.written(), "the code is 12");
    }
    let mut ana = Ana::with_bruno(100, 30);
    ana.hear(Msg::Conversations(vec![held()]));
    for key in ['f', '1', 'l', 'p'] {
        assert!(ana.press(&[Key::More, Key::Char(key)]).is_empty());
        ana.sees("Not sent: bruno has another identity key");
        assert_eq!(ana.state.sheet, None);
    }
}

#[test]
fn d10_a_group_says_whose_key_it_waits_for() {
    let mut ana = Ana::with_trip(100, 30);
    let held = Conversation { group: true, held: Some("bruno".to_owned()), ..conversation(TRIP, "Trip", 0) };
    ana.hear(Msg::Conversations(vec![held]));
    ana.sees("Trip · ANOTHER IDENTITY KEY of bruno: nothing is sent");
}

#[test]
fn d10_the_new_key_is_accepted_only_after_a_question() {
    let mut ana = Ana::with_bruno(100, 30);
    let (what, key) = (What::Safety(BRUNO), [9; 32]);
    ana.hear(Msg::Conversations(vec![held()]));
    ana.press(&[Key::Safety]);
    ana.hear(Msg::Panel(what, number(false, Some(key))));
    ana.sees("a accept the new key · q QR code · c compare with a file");
    ana.does_not_see("I have compared it");
    assert_eq!(ordered(&mut ana, &[Key::Char('v')]), None, "an identity that waits is not marked");
    assert_eq!(ordered(&mut ana, &[Key::Char('a')]), None);
    ana.sees("Accept the new key?");
    ana.sees("somebody who stands between");
    assert_eq!(ordered(&mut ana, &[Key::Enter]), None, "only y says yes");
    assert_eq!(ordered(&mut ana, &[Key::Char('n')]), None);
    let accept = Order::AcceptKey(BRUNO_HIMSELF, key);
    assert_eq!(ordered(&mut ana, &[Key::Char('a'), Key::Char('y')]), Some(accept));
    ana.hear(Msg::Panel(what, number(false, None)));
    ana.does_not_see("accept the new key");
    ana.sees("v I have compared it");
}

#[test]
fn a_number_is_marked_as_compared_and_the_header_says_so() {
    let mut ana = Ana::with_bruno(100, 30);
    let what = What::Safety(BRUNO);
    ana.sees("identity pinned");
    ana.press(&[Key::Safety]);
    ana.hear(Msg::Panel(what, number(false, None)));
    ana.press(&[Key::Char('v')]);
    ana.sees("Are all 60 digits the same?");
    let code = format!("LACRE:SAFETY/1/{}", "12345".repeat(12));
    let marked = Some(Order::Verify(BRUNO_HIMSELF, code));
    assert_eq!(ordered(&mut ana, &[Key::Char('y')]), marked);
    ana.hear(Msg::Panel(what, number(true, None)));
    ana.does_not_see("I have compared it");
    assert_eq!(ordered(&mut ana, &[Key::Char('u'), Key::Char('y')]), Some(Order::Unverify(BRUNO_HIMSELF)));
    ana.press(&[Key::Escape]);
    let mut verified = conversation(BRUNO, "bruno", 0);
    verified.safety.verified = true;
    ana.hear(Msg::Conversations(vec![verified]));
    ana.sees("bruno · Sealed end to end · post-quantum · verified");
}

#[test]
fn d10_a_request_of_somebody_with_another_key_is_looked_at_first() {
    let mut ana = Ana::with_a_request(100, 24);
    let stance = Stance::Asked;
    let asks = Conversation { stance, held: Some("bruno".to_owned()), ..conversation(MALLORY, "-", 1) };
    ana.press(&[Key::Requests]);
    let of = crate::chat::panel::Of::Request(MALLORY, "-".to_owned());
    let row = crate::chat::panel::Row { of, head: "-".to_owned(), when: None, says: Vec::new() };
    ana.hear(Msg::Panel(What::Requests, Shown { rows: vec![row], ..Shown::default() }));
    ana.press(&[Key::Enter]);
    ana.hear(Msg::Conversations(vec![asks]));
    ana.sees("- · ANOTHER IDENTITY KEY of bruno");
    assert!(ana.press(&[Key::Char('a')]).is_empty());
    ana.sees("Ctrl+S shows both numbers first.");
}
