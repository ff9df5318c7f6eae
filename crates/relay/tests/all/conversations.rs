//! Conversations: opening, sending, committing, leaving, and what each mailbox gets of it.

use bytes::Bytes;
use futures_util::FutureExt;
use lacre_proto::wire::{self, item, request::Op, response::Result as R};
use lacre_proto::{ConversationId, ErrorCode};
use lacre_store::memory::MemoryData;

use crate::world::{
    APPLICATION, COMMIT, PROPOSAL, Person, Socket, World, accepted, addition, capability, commit,
    commit_adding, create, group_info, private_message, send, welcome,
};

const TALK: ConversationId = ConversationId([0x7a; 16]);

/// Ana and Bruno in one conversation, caught up, and an anonymous socket of whoever.
struct Talk {
    world: World,
    ana: (Person, Socket<MemoryData>),
    bruno: (Person, Socket<MemoryData>),
    anonymous: Socket<MemoryData>,
}

fn talk() -> Talk {
    let world = World::new();
    let mut ana = world.sign_up("ana");
    let mut bruno = world.sign_up("bruno");
    let mut anonymous = world.connect();
    let additions =
        vec![addition(ana.1.ticket(), Bytes::new()), addition(bruno.1.ticket(), welcome("bruno"))];
    assert_eq!(accepted(anonymous.ask(Op::CreateConversation(create(TALK, additions, 11)))), 1);
    Talk { world, ana, bruno, anonymous }
}

#[test]
fn ana_opens_a_conversation_and_each_gets_what_is_theirs() {
    let mut talk = talk();
    let hash = crate::world::hash(&capability(TALK, 1));
    let echo = wire::Committed {
        conversation: TALK.to_wire(),
        sequence: 1,
        epoch: 0,
        commit: Bytes::new(),
        capability_hash: hash.clone(),
        added: vec![talk.ana.0.device.to_wire(), talk.bruno.0.device.to_wire()],
        removed: vec![],
        dedupe: 11,
    };
    assert_eq!(talk.ana.1.items(), [item::Kind::Committed(echo)]);
    let welcomed = wire::Welcomed {
        conversation: TALK.to_wire(),
        sequence: 1,
        welcome: welcome("bruno"),
        group_info: group_info(),
        capability_hash: hash,
    };
    assert_eq!(talk.bruno.1.items(), [item::Kind::Welcomed(welcomed)]);
}

#[test]
fn a_message_comes_to_everybody_in_one_order_its_sender_too() {
    let mut talk = talk();
    let (mut ana, mut bruno) = (talk.ana.1, talk.bruno.1);
    ana.items();
    bruno.items();
    for (index, text) in ["hello", "are you there", "yes"].into_iter().enumerate() {
        let sequence = accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, text, 20 + index as u64))));
        assert_eq!(sequence, 2 + index as u64);
    }
    let items = ana.items();
    assert_eq!(items, bruno.items());
    let sequences: Vec<u64> = items
        .iter()
        .map(|item| match item {
            item::Kind::Sealed(sealed) => {
                assert_eq!((sealed.epoch, sealed.dedupe), (1, 18 + sealed.sequence));
                sealed.sequence
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sequences, [2, 3, 4]);
}

#[test]
fn only_mls_messages_of_this_conversation_and_epoch_are_carried() {
    let mut talk = talk();
    let good = send(TALK, 1, "hello", 1);
    let elsewhere = ConversationId([0x7b; 16]);
    let not_mls = [
        Bytes::from_static(b"hello, this is not sealed"),
        Bytes::new(),
        private_message(TALK, 1, COMMIT, &[0; 16]),
        private_message(TALK, 1, PROPOSAL, &[0; 16]),
        private_message(elsewhere, 1, APPLICATION, &[0; 16]),
        private_message(TALK, 2, APPLICATION, &[0; 16]),
        private_message(TALK, 1, APPLICATION, &[0; 15]),
        welcome("somebody"),
        crate::world::key_package("somebody"),
    ];
    for message in not_mls {
        let op = wire::Send { message, ..good.clone() };
        assert_eq!(talk.anonymous.ask(Op::Send(op)), Err(ErrorCode::NotMls));
    }
    let commit_ops = [
        Bytes::from_static(b"add mallory"),
        private_message(TALK, 1, APPLICATION, &[0; 16]),
        private_message(TALK, 1, PROPOSAL, &[0; 16]),
        private_message(elsewhere, 1, COMMIT, &[0; 16]),
        private_message(TALK, 3, COMMIT, &[0; 16]),
    ];
    for bytes in commit_ops {
        let op = wire::Commit { commit: bytes, ..commit(TALK, 1, 1) };
        assert_eq!(talk.anonymous.ask(Op::Commit(op)), Err(ErrorCode::NotMls));
    }
    assert_eq!(accepted(talk.anonymous.ask(Op::Send(good))), 2, "nothing of it was kept");
}

#[test]
fn who_has_no_capability_cannot_tell_a_conversation_from_none() {
    let mut talk = talk();
    let unknown = ConversationId([0x7c; 16]);
    let wrong = Bytes::from_static(&[9; 32]);
    for capability in
        [wrong.clone(), Bytes::new(), capability(TALK, 2), crate::world::hash(&capability(TALK, 1))]
    {
        let op = wire::Send { capability: capability.clone(), ..send(TALK, 1, "hello", 1) };
        let refused = talk.anonymous.ask_whole(Op::Send(op));
        let op = wire::Send { capability: capability.clone(), ..send(unknown, 1, "hello", 1) };
        assert_eq!(refused, talk.anonymous.ask_whole(Op::Send(op)), "the same to the last field");
        assert_eq!(refused.unwrap_err().code, ErrorCode::NoSuchConversation.number());
        let op = wire::Commit { capability: capability.clone(), ..commit(TALK, 1, 1) };
        assert_eq!(talk.anonymous.ask(Op::Commit(op)), Err(ErrorCode::NoSuchConversation));
        let op = wire::ReadRoster { conversation: TALK.to_wire(), capability };
        assert_eq!(talk.anonymous.ask(Op::ReadRoster(op)), Err(ErrorCode::NoSuchConversation));
    }
    let op = wire::ReadRoster { conversation: unknown.to_wire(), capability: wrong };
    assert_eq!(talk.anonymous.ask(Op::ReadRoster(op)), Err(ErrorCode::NoSuchConversation));
}

#[test]
fn the_first_commit_of_an_epoch_wins_and_the_loser_is_told_the_epoch() {
    let mut talk = talk();
    assert_eq!(accepted(talk.anonymous.ask(Op::Commit(commit(TALK, 1, 31)))), 2);
    let lost = talk.anonymous.ask_whole(Op::Commit(commit(TALK, 1, 32))).unwrap_err();
    assert_eq!((ErrorCode::from_number(lost.code), lost.epoch), (ErrorCode::StaleEpoch, 2));
    let late = talk.anonymous.ask_whole(Op::Send(send(TALK, 1, "late", 33))).unwrap_err();
    assert_eq!((ErrorCode::from_number(late.code), late.epoch), (ErrorCode::StaleEpoch, 2));
    assert_eq!(accepted(talk.anonymous.ask(Op::Send(send(TALK, 2, "sealed again", 33)))), 3);
    for who in [&mut talk.ana.1, &mut talk.bruno.1] {
        let items = who.items();
        let item::Kind::Committed(committed) = &items[1] else { panic!("{items:?}") };
        assert_eq!((committed.sequence, committed.epoch, committed.dedupe), (2, 1, 31));
        assert!(matches!(&items[2], item::Kind::Sealed(sealed) if sealed.epoch == 2));
        assert_eq!(items.len(), 3);
    }
}

#[test]
fn what_is_sent_again_has_the_place_of_the_first_time() {
    let mut talk = talk();
    let op = send(TALK, 1, "hello", 41);
    assert_eq!(accepted(talk.anonymous.ask(Op::Send(op.clone()))), 2);
    assert_eq!(accepted(talk.anonymous.ask(Op::Send(op.clone()))), 2, "the answer was lost");
    let ended = commit(TALK, 1, 42);
    assert_eq!(accepted(talk.anonymous.ask(Op::Commit(ended.clone()))), 3);
    assert_eq!(accepted(talk.anonymous.ask(Op::Commit(ended))), 3, "its own epoch is over by now");
    assert_eq!(accepted(talk.anonymous.ask(Op::Send(op.clone()))), 2, "in a later epoch too");
    assert_eq!(talk.bruno.1.items().len(), 3, "each came once");
    for dedupe in 100..132 {
        accepted(talk.anonymous.ask(Op::Send(send(TALK, 2, "more", dedupe))));
    }
    assert_eq!(talk.anonymous.ask(Op::Send(op)), Err(ErrorCode::StaleEpoch), "forgotten after 32 others");
    // Without a dedupe value nothing is a repetition.
    let first = accepted(talk.anonymous.ask(Op::Send(send(TALK, 2, "plain", 0))));
    assert_eq!(accepted(talk.anonymous.ask(Op::Send(send(TALK, 2, "plain", 0)))), first + 1);
}

#[test]
fn a_conversation_is_opened_once() {
    let mut talk = talk();
    let with = |dedupe, talk: &mut Talk| {
        let additions = vec![addition(talk.ana.1.ticket(), Bytes::new())];
        talk.anonymous.ask(Op::CreateConversation(create(TALK, additions, dedupe)))
    };
    assert_eq!(accepted(with(11, &mut talk)), 1, "the answer was lost");
    assert_eq!(with(12, &mut talk), Err(ErrorCode::ConversationExists));
    let mut other = create(TALK, vec![addition(talk.ana.1.ticket(), Bytes::new())], 11);
    other.capability_hash = Bytes::from_static(&[1; 32]);
    assert_eq!(
        talk.anonymous.ask(Op::CreateConversation(other)),
        Err(ErrorCode::ConversationExists),
        "who does not know the first one's capability is not told that it was the same"
    );
}

#[test]
fn nobody_is_put_on_a_roster_without_a_good_ticket() {
    let mut talk = talk();
    let (mut carla, other) = (talk.world.sign_up("carla"), ConversationId([0x11; 16]));
    let open = |tickets: Vec<(Bytes, Bytes)>, talk: &mut Talk| {
        let additions = tickets.into_iter().map(|(ticket, welcome)| addition(ticket, welcome)).collect();
        talk.anonymous.ask(Op::CreateConversation(create(other, additions, 1))).map(drop)
    };
    let mine = talk.ana.1.ticket();
    let ticket = carla.1.ticket();
    let cases = [
        vec![],
        vec![(mine.clone(), welcome("ana"))],
        vec![(mine.clone(), Bytes::new()), (ticket.clone(), Bytes::new())],
        vec![(mine.clone(), Bytes::new()), (ticket.clone(), welcome("c")), (carla.1.ticket(), welcome("c"))],
    ];
    for tickets in cases {
        assert_eq!(open(tickets, &mut talk), Err(ErrorCode::BadRequest));
    }
    let forged = Bytes::from_static(&[7; 32]);
    assert_eq!(
        open(vec![(mine.clone(), Bytes::new()), (forged, welcome("c"))], &mut talk),
        Err(ErrorCode::BadTicket)
    );
    assert_eq!(
        open(vec![(mine.clone(), Bytes::new()), (Bytes::from_static(b"?"), welcome("c"))], &mut talk),
        Err(ErrorCode::BadTicket)
    );
    assert_eq!(
        open(vec![(mine.clone(), Bytes::new()), (ticket.clone(), Bytes::from_static(b"hi"))], &mut talk),
        Err(ErrorCode::NotMls)
    );
    assert_eq!(carla.1.items(), [], "nothing came of all that");
    assert_eq!(open(vec![(mine, Bytes::new()), (ticket.clone(), welcome("carla"))], &mut talk), Ok(()));
    assert_eq!(carla.1.items().len(), 1);
    // Spent.
    let again = commit_adding(TALK, 1, vec![addition(ticket, welcome("carla"))], 5);
    assert_eq!(talk.anonymous.ask(Op::Commit(again)), Err(ErrorCode::BadTicket));
}

#[test]
fn a_ticket_is_good_for_an_hour() {
    let mut talk = talk();
    let mut carla = talk.world.sign_up("carla");
    let (early, late) = (carla.1.ticket(), carla.1.ticket());
    let add = |ticket: Bytes, epoch| wire::Commit {
        removals: vec![carla.0.device.to_wire()],
        ..commit_adding(TALK, epoch, vec![addition(ticket, welcome("carla"))], 70 + epoch)
    };
    talk.anonymous.now += 3600 * 1000;
    assert_eq!(accepted(talk.anonymous.ask(Op::Commit(add(early, 1)))), 2);
    talk.anonymous.now += 1;
    assert_eq!(talk.anonymous.ask(Op::Commit(add(late, 2))), Err(ErrorCode::BadTicket));
}

#[test]
fn a_commit_changes_the_roster_and_each_gets_what_is_theirs() {
    let mut talk = talk();
    let mut carla = talk.world.sign_up("carla");
    talk.ana.1.items();
    talk.bruno.1.items();
    // Carla comes, Bruno goes.
    let op = wire::Commit {
        removals: vec![talk.bruno.0.device.to_wire()],
        ..commit_adding(TALK, 1, vec![addition(carla.1.ticket(), welcome("carla"))], 51)
    };
    let sealed = op.commit.clone();
    assert_eq!(accepted(talk.anonymous.ask(Op::Commit(op))), 2);
    let committed = item::Kind::Committed(wire::Committed {
        conversation: TALK.to_wire(),
        sequence: 2,
        epoch: 1,
        commit: sealed,
        capability_hash: crate::world::hash(&capability(TALK, 2)),
        added: vec![carla.0.device.to_wire()],
        removed: vec![talk.bruno.0.device.to_wire()],
        dedupe: 51,
    });
    assert_eq!(talk.ana.1.items(), std::slice::from_ref(&committed));
    assert_eq!(talk.bruno.1.items(), [committed], "who is removed sees it");
    assert!(matches!(&carla.1.items()[..], [item::Kind::Welcomed(welcomed)] if welcomed.sequence == 2));

    accepted(talk.anonymous.ask(Op::Send(send(TALK, 2, "hi Carla", 52))));
    assert_eq!(talk.ana.1.items().len(), 1);
    assert_eq!(carla.1.items().len(), 1);
    assert_eq!(talk.bruno.1.items(), [], "and nothing after");
    let op = wire::ReadRoster { conversation: TALK.to_wire(), capability: capability(TALK, 2) };
    let devices = vec![talk.ana.0.device.to_wire(), carla.0.device.to_wire()];
    assert_eq!(talk.anonymous.ask(Op::ReadRoster(op)), Ok(R::Roster(wire::Roster { epoch: 2, devices })));
    let gone = wire::ReadRoster { conversation: TALK.to_wire(), capability: capability(TALK, 1) };
    assert_eq!(talk.anonymous.ask(Op::ReadRoster(gone)), Err(ErrorCode::NoSuchConversation));
}

#[test]
fn newcomers_share_what_is_the_same_for_all_and_get_their_own_welcome_each() {
    let mut talk = talk();
    let (mut carla, mut davi) = (talk.world.sign_up("carla"), talk.world.sign_up("davi"));
    let mut additions = Vec::new();
    for (person, socket) in [&mut carla, &mut davi] {
        additions.push(addition(socket.ticket(), welcome(&person.handle)));
    }
    let adds = commit_adding(TALK, 1, additions, 41);
    assert_eq!(accepted(talk.anonymous.ask(Op::Commit(adds))), 2);
    let shared = wire::GroupInfo { conversation: TALK.to_wire(), sequence: 2, group_info: group_info() };
    for (person, socket) in [&mut carla, &mut davi] {
        let own = wire::Welcomed {
            conversation: TALK.to_wire(),
            sequence: 2,
            welcome: welcome(&person.handle),
            capability_hash: crate::world::hash(&capability(TALK, 2)),
            group_info: Bytes::new(),
        };
        assert_eq!(socket.items(), [item::Kind::GroupInfo(shared.clone()), item::Kind::Welcomed(own)]);
    }
}

#[test]
fn welcomes_and_their_group_info_belong_together_and_have_an_end() {
    let mut talk = talk();
    let mut carla = talk.world.sign_up("carla");
    let adds = commit_adding(TALK, 1, vec![addition(carla.1.ticket(), welcome("carla"))], 42);
    let without = wire::Commit { group_info: Bytes::new(), ..adds.clone() };
    let for_nobody = wire::Commit { group_info: group_info(), ..commit(TALK, 1, 42) };
    let large = vec![0; lacre_proto::limits::GROUP_INFO + 1].into();
    let too_large = wire::Commit { group_info: large, ..adds.clone() };
    let mut for_two = adds.clone();
    for_two.additions[0].welcome = {
        let (one, other) = (welcome("carla"), welcome("davi"));
        let secrets = [&one[7..one.len() - 1], &other[7..other.len() - 1]].concat();
        [&one[..6], &(0x4000 | secrets.len() as u16).to_be_bytes(), &secrets, &[0]].concat().into()
    };
    let too_many = wire::Commit {
        additions: vec![adds.additions[0].clone(); lacre_proto::limits::ADDITIONS + 1],
        ..adds.clone()
    };
    for (refused, code) in [
        (without, ErrorCode::NotMls),
        (for_nobody, ErrorCode::BadRequest),
        (too_large, ErrorCode::TooLarge),
        (for_two, ErrorCode::NotMls),
        (too_many, ErrorCode::LimitReached),
    ] {
        assert_eq!(talk.anonymous.ask(Op::Commit(refused)), Err(code));
    }
    assert_eq!(carla.1.items(), [], "nothing came of all that");
    assert_eq!(accepted(talk.anonymous.ask(Op::Commit(adds))), 2);
}

#[test]
fn a_device_that_is_added_again_is_welcomed_and_stays() {
    let mut talk = talk();
    talk.ana.1.items();
    talk.bruno.1.items();
    let again = commit_adding(TALK, 1, vec![addition(talk.bruno.1.ticket(), welcome("bruno again"))], 61);
    assert_eq!(talk.anonymous.ask(Op::Commit(again.clone())), Err(ErrorCode::BadRequest), "he is there");
    let again = wire::Commit { removals: vec![talk.bruno.0.device.to_wire()], ..again };
    assert_eq!(accepted(talk.anonymous.ask(Op::Commit(again))), 2);
    assert!(matches!(&talk.bruno.1.items()[..], [item::Kind::Welcomed(_)]));
    assert!(matches!(&talk.ana.1.items()[..], [item::Kind::Committed(_)]));
    accepted(talk.anonymous.ask(Op::Send(send(TALK, 2, "welcome back", 62))));
    assert_eq!(talk.bruno.1.items().len(), 1);
}

#[test]
fn bruno_leaves_on_his_own_and_the_last_one_ends_it() {
    let mut talk = talk();
    talk.bruno.1.items();
    let leave = || Op::LeaveConversation(wire::LeaveConversation { conversation: TALK.to_wire() });
    let (_, mut mallory) = talk.world.sign_up("mallory");
    assert_eq!(mallory.ask(leave()), Err(ErrorCode::NoSuchConversation));
    assert_eq!(talk.bruno.1.ask(leave()), Ok(R::Done(wire::Done {})));
    assert_eq!(talk.bruno.1.ask(leave()), Err(ErrorCode::NoSuchConversation));
    accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "are you there", 71))));
    assert_eq!(talk.bruno.1.items(), []);
    assert_eq!(talk.ana.1.ask(leave()), Ok(R::Done(wire::Done {})));
    let after = talk.anonymous.ask(Op::Send(send(TALK, 1, "anybody", 72)));
    assert_eq!(after, Err(ErrorCode::NoSuchConversation));
}

#[test]
fn a_device_may_be_offline_and_gets_all_of_it_later_once() {
    let mut talk = talk();
    drop(talk.bruno.1);
    for index in 0..700 {
        accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, &format!("{index}"), 1000 + index))));
    }
    let mut bruno = talk.world.login(&talk.bruno.0);
    let (entries, caught_up) = bruno.pushes();
    assert!(caught_up);
    let positions: Vec<u64> = entries.iter().map(|entry| entry.position).collect();
    assert_eq!(positions, (1..=701).collect::<Vec<_>>());
    bruno.ack(300);
    talk.world.services.flush_acknowledgements().now_or_never().unwrap().unwrap();
    drop(bruno);
    let mut bruno = talk.world.login(&talk.bruno.0);
    let (entries, _) = bruno.pushes();
    assert_eq!(entries.first().map(|entry| entry.position), Some(301));
    bruno.ack(100_000);
    drop(bruno);
    let mut bruno = talk.world.login(&talk.bruno.0);
    assert_eq!(bruno.pushes(), (vec![], true), "even before the acknowledgement is written");
}

#[test]
fn what_is_said_in_passing_reaches_who_is_there_and_is_stored_nowhere() {
    let mut talk = talk();
    talk.ana.1.pushes();
    talk.bruno.1.pushes();
    let passing = |epoch, dedupe| wire::Send { passing: true, ..send(TALK, epoch, "typing", dedupe) };
    assert_eq!(accepted(talk.anonymous.ask(Op::Send(passing(1, 7)))), 0);
    for device in [&mut talk.ana.1, &mut talk.bruno.1] {
        let [item::Kind::Sealed(sealed)] = &device.passing()[..] else { panic!("one item") };
        assert_eq!((sealed.sequence, sealed.epoch), (0, 1));
    }
    let other = wire::Send { epoch: 2, ..passing(1, 8) };
    assert_eq!(talk.anonymous.ask(Op::Send(other)), Err(ErrorCode::NotMls), "its epoch is checked");
    let wrong = wire::Send { capability: Bytes::from_static(&[9; 32]), ..passing(1, 9) };
    assert_eq!(talk.anonymous.ask(Op::Send(wrong)), Err(ErrorCode::NoSuchConversation));
    assert_eq!(accepted(talk.anonymous.ask(Op::Send(send(TALK, 1, "hello", 7)))), 2, "it took no place");
}
