//! D-01 in a group: a member brings in a device that says it is of somebody whom the others have never met.

use lacre_proto::{AccountId, ConversationId};

use crate::api::{Alert, Intent};
use crate::defence::{Defence, Defences};
use crate::harness::world::{World, text};
use crate::records::{
    Change, ConversationKind, ConversationRecord, ConversationState, MessageRecord, Records, Trust,
};

const GROUP: &str = "Família";
const WORDS: &str = "it is me, Ana";

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn rows(world: &World, name: &str, id: ConversationId) -> Vec<MessageRecord> {
    Records(&world.people[name].store).messages_after(id, None, 1_000).unwrap()
}

fn living(world: &World, name: &str) -> ConversationId {
    let all = Records(&world.people[name].store).conversations().unwrap();
    let open =
        |it: &&ConversationRecord| it.kind == ConversationKind::Group && it.state == ConversationState::Open;
    let open: Vec<_> = all.iter().filter(open).collect();
    assert_eq!(open.len(), 1, "{name}: {all:?}");
    open[0].id
}

/// Carla's group with Bruno and Mallory, none of whom knows Ana. Mallory adds the false Ana, who speaks before anybody
/// has asked the directory.
fn deceived(armed: bool) -> (World, ConversationId) {
    let mut world = World::of(&["ana", "bruno", "carla", "mallory"]);
    let people = vec!["bruno".parse().unwrap(), "mallory".parse().unwrap()];
    world.intent("carla", Intent::CreateGroup(GROUP.to_owned(), people));
    world.run();
    let id = world.conversation("carla", GROUP).id;
    world.intent("bruno", Intent::Send(id, text("olá")));
    world.run();
    world.impostor("ana/false", "ana", 66);
    let off = Defences::without([Defence::Certificate, Defence::PinnedIdentity]);
    world.person("mallory").engine.disarm(off.clone());
    world.person("ana/false").engine.disarm(off);
    if !armed {
        for name in ["bruno", "carla"] {
            world.person(name).engine.disarm(Defences::without([Defence::PinnedIdentity]));
        }
    }
    ["bruno", "carla"].into_iter().for_each(|name| world.person(name).held = true);
    // She claims the false device alone.
    let (real, forged) = (world.device("ana"), world.device("ana/false"));
    let kept = world.relay.packages.remove(&real).unwrap();
    world.intent("mallory", Intent::AddToGroup(id, vec!["ana".parse().unwrap()]));
    world.run();
    world.relay.packages.remove(&forged);
    world.relay.packages.insert(real, kept);
    world.intent("ana/false", Intent::Send(id, text(WORDS)));
    world.run();
    ["bruno", "carla"].into_iter().for_each(|name| world.person(name).held = false);
    (world, id)
}

#[test]
fn d01_who_is_brought_into_a_group_under_anas_name_is_out_again_and_her_words_are_nobodys() {
    for armed in [true, false] {
        let (mut world, id) = deceived(armed);
        let ana = account(&world, "ana");
        world.push("bruno");
        let spoke = |row: &MessageRecord| row.content == text(WORDS);
        let said = rows(&world, "bruno", id).into_iter().find(spoke).expect("it is there");
        assert_eq!((said.author, said.author_handle.as_str()), (ana, "ana"), "as her certificate says");
        world.run();
        world.wait(60_000);
        if !armed {
            let members = Records(&world.people["bruno"].store).group_members(id).unwrap();
            assert!(members.iter().any(|member| member.account == ana), "she stands there as Ana");
            let said = rows(&world, "bruno", id).into_iter().find(spoke).unwrap();
            assert_eq!((said.author, said.author_handle.as_str()), (ana, "ana"));
            continue;
        }
        assert!(world.alerts("bruno").contains(&Alert::FalseIdentity));
        let new = living(&world, "carla");
        assert_ne!(new, id, "who brought her in has broken the rules");
        for name in ["bruno", "carla"] {
            assert_eq!(living(&world, name), new, "{name}");
            let records = Records(&world.people[name].store);
            let members = records.group_members(new).unwrap();
            let members: Vec<String> = members.iter().map(|it| it.handle.to_string()).collect();
            assert_eq!(members, ["bruno", "carla"], "{name}");
            let all = rows(&world, name, new);
            let said = all.iter().find(|row| spoke(row)).expect("nothing that was said is lost");
            assert_eq!((said.author, said.author_handle.as_str()), (AccountId([0; 16]), "-"), "{name}");
            let broken = all.iter().filter(|row| row.change == Some(Change::Broken));
            let by: Vec<AccountId> = broken.map(|row| row.author).collect();
            assert_eq!(by, [account(&world, "mallory")], "{name}");
        }
        // The real Ana is somebody whom Bruno has just met, and whose number is right.
        assert_eq!(Records(&world.people["bruno"].store).trust(ana).unwrap(), Some(Trust::Pinned));
        world.say("bruno", "ana", "is that you?");
        world.run();
        assert_eq!(world.seen("ana", "bruno"), ["is that you?"]);
        let number = |world: &World, name: &str, with: &str| {
            Records(&world.people[name].store).safety_number(account(world, with)).unwrap().unwrap()
        };
        assert!(number(&world, "bruno", "ana") == number(&world, "ana", "bruno"));
    }
}

#[test]
fn d01_who_knows_ana_and_who_does_not_go_on_together() {
    let (mut world, id) = deceived(true);
    world.say("carla", "ana", "olá");
    world.run();
    // Carla refuses at once what Bruno refuses when he has asked.
    world.wait(60_000);
    let new = living(&world, "carla");
    assert_ne!(new, id);
    assert_eq!(living(&world, "bruno"), new);
}
