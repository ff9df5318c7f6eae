//! A device that lost a conversation's state asks to be added anew.

use bytes::Bytes;
use ed25519_dalek::Signer;
use lacre_proto::wire::{self, item, request::Op, response::Result as R};
use lacre_proto::{ConversationId, ErrorCode, label, limits};
use lacre_store::memory::MemoryData;
use prost::Message;

use crate::world::{NOW, Person, Socket, World, accepted, addition, create, key_package, welcome};

const TALK: ConversationId = ConversationId([0x7a; 16]);

fn request(person: &Person, body: &wire::ResyncRequest) -> wire::Signed {
    let body = Bytes::from(body.encode_to_vec());
    let signature = person.signing.sign(&label::labelled(label::RESYNC, &body));
    wire::Signed { body, signature: Bytes::copy_from_slice(&signature.to_bytes()) }
}

fn ask(socket: &mut Socket<MemoryData>, signed: Option<wire::Signed>) -> Result<R, ErrorCode> {
    socket.ask(Op::RequestResync(wire::RequestResync {
        conversation: TALK.to_wire(),
        request: signed,
        trail: None,
    }))
}

fn signed_trail(person: &Person, body: &wire::Trail) -> wire::Signed {
    let body = Bytes::from(body.encode_to_vec());
    let signature = person.signing.sign(&label::labelled(label::TRAIL, &body));
    wire::Signed { body, signature: Bytes::copy_from_slice(&signature.to_bytes()) }
}

fn tell(socket: &mut Socket<MemoryData>, trail: wire::Signed) -> Result<R, ErrorCode> {
    let op = wire::RequestResync { conversation: TALK.to_wire(), request: None, trail: Some(trail) };
    socket.ask(Op::RequestResync(op))
}

#[test]
fn bruno_lost_his_state_and_all_the_others_are_asked_to_add_him_anew() {
    let world = World::new();
    let mut people: Vec<_> = ["ana", "bruno", "carla"].iter().map(|name| world.sign_up(name)).collect();
    let additions = people
        .iter_mut()
        .enumerate()
        .map(|(index, (person, socket))| {
            let welcome = if index == 0 { Bytes::new() } else { welcome(&person.handle) };
            addition(socket.ticket(), welcome)
        })
        .collect();
    let mut anonymous = world.connect();
    accepted(anonymous.ask(Op::CreateConversation(create(TALK, additions, 1))));
    people.iter_mut().for_each(|(_, socket)| drop(socket.items()));
    let (_, mut mallory) = world.sign_up("mallory");
    let [(her, ana), (bruno, his), (_, carla)] = &mut people[..] else { panic!() };
    let ana_device = her.device.to_wire();

    let good = wire::ResyncRequest {
        conversation: TALK.to_wire(),
        device: bruno.device.to_wire(),
        key_package: key_package("bruno"),
        ticket: his.ticket(),
        made_ms: NOW,
    };
    let twisted = [
        wire::ResyncRequest { conversation: Bytes::from_static(&[1; 16]), ..good.clone() },
        wire::ResyncRequest { device: Bytes::from_static(&[1; 16]), ..good.clone() },
        wire::ResyncRequest { ticket: Bytes::new(), ..good.clone() },
    ];
    for body in twisted {
        assert_eq!(ask(his, Some(request(bruno, &body))), Err(ErrorCode::BadRequest));
    }
    let plain = wire::ResyncRequest { key_package: Bytes::from_static(b"my keys"), ..good.clone() };
    assert_eq!(ask(his, Some(request(bruno, &plain))), Err(ErrorCode::NotMls));
    assert_eq!(ask(his, None), Err(ErrorCode::BadRequest));
    let forged = wire::Signed { signature: Bytes::from_static(&[0; 64]), ..request(bruno, &good) };
    assert_eq!(ask(his, Some(forged)), Err(ErrorCode::LoginRefused));
    // Mallory is not on the roster: for her there is no such conversation.
    let hers = Person::new("mallory");
    let body = wire::ResyncRequest { device: hers.device.to_wire(), ..good.clone() };
    assert_eq!(ask(&mut mallory, Some(request(&hers, &body))), Err(ErrorCode::NoSuchConversation));
    assert_eq!((ana.items(), carla.items()), (vec![], vec![]), "nothing came of all that");

    let signed = request(bruno, &good);
    assert_eq!(ask(his, Some(signed.clone())), Ok(R::Done(wire::Done {})));
    let asked = item::Kind::ResyncAsked(wire::ResyncAsked {
        conversation: TALK.to_wire(),
        request: Some(signed),
        trail: None,
    });
    assert_eq!(ana.items(), std::slice::from_ref(&asked));
    assert_eq!(carla.items(), [asked]);
    assert_eq!(his.items(), []);

    // Where he has been is told the same way.
    let mark = wire::Mark { epoch: 3, digest: Bytes::from_static(&[1; 32]) };
    let trail = wire::Trail {
        conversation: TALK.to_wire(),
        device: bruno.device.to_wire(),
        made_ms: NOW,
        marks: vec![mark.clone()],
    };
    let twisted = [
        wire::Trail { conversation: Bytes::from_static(&[1; 16]), ..trail.clone() },
        wire::Trail { device: ana_device.clone(), ..trail.clone() },
        wire::Trail { marks: vec![mark; limits::MARKS + 1], ..trail.clone() },
    ];
    for body in twisted {
        assert_eq!(tell(his, signed_trail(bruno, &body)), Err(ErrorCode::BadRequest));
    }
    let signed = signed_trail(bruno, &trail);
    let forged = wire::Signed { signature: Bytes::from_static(&[0; 64]), ..signed.clone() };
    assert_eq!(tell(his, forged), Err(ErrorCode::LoginRefused));
    assert_eq!((ana.items(), carla.items()), (vec![], vec![]));
    assert_eq!(tell(his, signed.clone()), Ok(R::Done(wire::Done {})));
    let told = item::Kind::ResyncAsked(wire::ResyncAsked {
        conversation: TALK.to_wire(),
        request: None,
        trail: Some(signed),
    });
    assert_eq!((ana.items(), carla.items(), his.items()), (vec![told.clone()], vec![told], vec![]));
}
