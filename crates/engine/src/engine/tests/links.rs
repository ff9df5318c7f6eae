//! Links to groups: who asks by one, who decides, and what those learn who should.

use lacre_proto::{AccountId, ConversationId};

use crate::api::{Event, Intent, Refusal};
use crate::content::{Content, NoEntry};
use crate::harness::world::{World, text};
use crate::identity::{GroupLink, LinkSecret};
use crate::records::{ConversationState, Records, Standing};

const GROUP: &str = "Família";
const DAY: u64 = 24 * 3600 * 1000;

fn records<'a>(world: &'a World, name: &str) -> Records<'a> {
    Records(&world.people[name].store)
}

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

/// Ana's group with Bruno. Dora is a stranger to her, Carla is not; Ana accepts nobody by herself.
fn family() -> (World, ConversationId) {
    let mut world = World::of(&["ana", "bruno", "carla", "dora"]);
    world.person("ana").wary = true;
    world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), vec!["bruno".parse().unwrap()]));
    world.say("ana", "carla", "hi");
    world.run();
    let id = world.conversation("ana", GROUP).id;
    (world, id)
}

fn link(world: &mut World, id: ConversationId, until: u64) -> GroupLink {
    world.intent("ana", Intent::SetGroupLink(id, Some(until)));
    world.run();
    records(world, "ana").group_link(id).unwrap().expect("it stands").0
}

fn ask(world: &mut World, name: &str, link: &GroupLink) {
    world.intent(name, Intent::AskToJoin(link.clone()));
    world.run();
}

fn waiting(world: &World, name: &str, id: ConversationId) -> Vec<AccountId> {
    records(world, name).join_asks(id).unwrap().into_iter().map(|ask| ask.account).collect()
}

fn refusals(world: &World, name: &str) -> Vec<Refusal> {
    let refusal = |event: &Event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    };
    world.people[name].events.iter().filter_map(refusal).collect()
}

/// What somebody was answered who asked Ana.
fn answer(world: &World, name: &str) -> Option<NoEntry> {
    let row = world.rows(name, "ana").into_iter().rfind(|row| matches!(row.content, Content::AskToJoin(_)));
    let row = row.expect("they have asked");
    records(world, name).no_entry(row.conversation, row.id).unwrap()
}

fn is_in(world: &World, name: &str, id: ConversationId) -> bool {
    records(world, name).conversation(id).unwrap().is_some_and(|it| it.state == ConversationState::Open)
}

#[test]
fn dora_asks_by_the_link_waits_and_is_let_in() {
    let (mut world, id) = family();
    let link = link(&mut world, id, 0);
    ask(&mut world, "dora", &link.to_string().parse().unwrap());
    let dora = account(&world, "dora");
    assert_eq!(waiting(&world, "ana", id), [dora]);
    assert!(!is_in(&world, "dora", id), "nobody adds itself");
    let direct = world.conversation("ana", "dora");
    assert_eq!(direct.standing, Standing::Asked, "who asks is a stranger still");
    assert!(records(&world, "ana").only_asks(direct.id).unwrap(), "but has done nothing else");
    world.intent("ana", Intent::AdmitAsker(id, dora, 0));
    world.run();
    assert!(is_in(&world, "dora", id));
    assert_eq!(records(&world, "dora").conversation(id).unwrap().unwrap().standing, Standing::Accepted);
    assert_eq!(waiting(&world, "ana", id), []);
    world.intent("dora", Intent::Send(id, text("obrigada")));
    world.run();
    assert_eq!(world.seen("bruno", GROUP).last().map(String::as_str), Some("obrigada"));
    world.intent("dora", Intent::AskToJoin(link));
    assert_eq!(refusals(&world, "dora"), [Refusal::MemberAlready]);
    for name in ["ana", "bruno", "dora"] {
        assert_eq!(world.alerts(name), [], "{name}");
    }
}

#[test]
fn a_newcomer_by_the_link_can_be_given_what_was_said() {
    let (mut world, id) = family();
    world.intent("bruno", Intent::Send(id, text("dinner at eight")));
    let link = link(&mut world, id, 0);
    ask(&mut world, "dora", &link);
    world.intent("ana", Intent::AdmitAsker(id, account(&world, "dora"), 10));
    world.run();
    assert!(world.seen("dora", GROUP).contains(&"dinner at eight".to_owned()));
}

#[test]
fn a_link_that_is_reset_off_over_or_made_up_is_void() {
    let (mut world, id) = family();
    let old = link(&mut world, id, 0);
    let until = world.now + DAY;
    let new = link(&mut world, id, until);
    assert_ne!(old, new);
    let made_up = GroupLink { secret: LinkSecret([1; 24]), ..new.clone() };
    for void in [&old, &made_up] {
        ask(&mut world, "dora", void);
        ask(&mut world, "carla", void);
        assert_eq!(waiting(&world, "ana", id), []);
        assert_eq!(answer(&world, "carla"), Some(NoEntry::Void), "a friend is told");
        assert_eq!(answer(&world, "dora"), None, "a stranger is told nothing, not even that it arrived");
    }
    world.wait(DAY + 60_000);
    ask(&mut world, "carla", &new);
    assert_eq!((waiting(&world, "ana", id), answer(&world, "carla")), (vec![], Some(NoEntry::Void)), "over");
    let last = link(&mut world, id, 0);
    world.intent("ana", Intent::SetGroupLink(id, None));
    world.run();
    assert_eq!(records(&world, "ana").group_link(id).unwrap(), None);
    ask(&mut world, "carla", &last);
    assert_eq!((waiting(&world, "ana", id), answer(&world, "carla")), (vec![], Some(NoEntry::Void)), "off");
    let direct = world.conversation("ana", "dora");
    assert!(
        !records(&world, "ana").only_asks(direct.id).unwrap(),
        "without a good link it is any stranger's word"
    );
}

#[test]
fn who_is_declined_learns_it_from_a_friend_and_not_from_a_stranger() {
    let (mut world, id) = family();
    let link = link(&mut world, id, 0);
    for name in ["carla", "dora"] {
        ask(&mut world, name, &link);
        let account = account(&world, name);
        world.intent("ana", Intent::DeclineAsker(id, account));
        world.run();
        assert_eq!(waiting(&world, "ana", id), []);
        world.intent("ana", Intent::AdmitAsker(id, account, 0));
        world.run();
        assert_eq!(refusals(&world, "ana").last(), Some(&Refusal::NobodyAsked));
        assert!(!is_in(&world, name, id));
    }
    assert_eq!(answer(&world, "carla"), Some(NoEntry::Declined));
    assert_eq!(answer(&world, "dora"), None);
    let all = records(&world, "ana").conversations().unwrap();
    assert!(all.iter().all(|record| record.name() != "dora"), "her request is deleted");
}

#[test]
fn only_admins_make_links_and_decide_and_the_secret_is_the_makers() {
    let (mut world, id) = family();
    world.intent("bruno", Intent::SetGroupLink(id, Some(0)));
    assert_eq!(refusals(&world, "bruno"), [Refusal::NotAllowed]);
    let link = link(&mut world, id, 0);
    let secret = &link.secret.0;
    let has = |world: &World, name: &str| {
        world.people[name].store.0.values().any(|value| value.windows(24).any(|it| it == secret))
    };
    assert!(has(&world, "ana") && !has(&world, "bruno"), "members know its hash alone");
    // Bruno becomes an admin: who asks Ana waits with her, and he cannot decide.
    world.intent("ana", Intent::SetRole(id, "bruno".parse().unwrap(), true));
    world.run();
    ask(&mut world, "dora", &link);
    let dora = account(&world, "dora");
    assert_eq!((waiting(&world, "ana", id), waiting(&world, "bruno", id)), (vec![dora], vec![]));
    world.intent("bruno", Intent::AdmitAsker(id, dora, 0));
    assert_eq!(refusals(&world, "bruno").last(), Some(&Refusal::NobodyAsked));
    // The link that he makes takes the place of hers.
    world.intent("bruno", Intent::SetGroupLink(id, Some(0)));
    world.run();
    assert_eq!(records(&world, "ana").group_link(id).unwrap(), None);
    assert!(records(&world, "bruno").group_link(id).unwrap().is_some());
}

#[test]
fn who_becomes_an_admin_later_knows_the_link_that_stands() {
    let (mut world, id) = family();
    world.intent("ana", Intent::AddToGroup(id, vec!["carla".parse().unwrap()]));
    world.run();
    let link = link(&mut world, id, 0);
    world.link("ana", "ana/phone", 77);
    world.wait(60_000);
    ask(&mut world, "dora", &link);
    let dora = account(&world, "dora");
    assert_eq!(
        waiting(&world, "ana/phone", id),
        [dora],
        "the other device knows its hash, from being let in"
    );
    world.person("ana/phone").wary = true;
    world.intent("ana/phone", Intent::AdmitAsker(id, dora, 0));
    world.run();
    assert!(is_in(&world, "dora", id));
    world.wait(60_000);
    assert_eq!(waiting(&world, "ana", id), []);
}

#[test]
fn who_asks_under_a_handle_that_was_somebody_elses_is_let_in_when_that_is_accepted() {
    let (mut world, id) = family();
    let link = link(&mut world, id, 0);
    ask(&mut world, "dora", &link);
    let old = account(&world, "dora");
    world.disconnect("dora");
    world.sign_up_as("dora/anew", "dora", 99);
    world.connect("dora/anew");
    world.hand_over("dora/anew");
    ask(&mut world, "dora/anew", &link);
    let new = account(&world, "dora/anew");
    assert_eq!(waiting(&world, "ana", id).len(), 2);
    for who in [old, new] {
        world.intent("ana", Intent::AdmitAsker(id, who, 0));
        world.run();
        assert_eq!(refusals(&world, "ana").pop(), Some(Refusal::IdentityChanged));
    }
    assert!(!is_in(&world, "dora/anew", id));
    let change = records(&world, "ana").key_change(old).unwrap().unwrap();
    world.intent("ana", Intent::AcceptIdentity(old, change.identity_key));
    world.run();
    world.intent("ana", Intent::AdmitAsker(id, new, 0));
    world.run();
    assert!(is_in(&world, "dora/anew", id));
}

#[test]
fn the_link_of_an_admin_who_is_none_any_more_is_void() {
    let (mut world, id) = family();
    let link = link(&mut world, id, 0);
    world.intent("ana", Intent::SetRole(id, "bruno".parse().unwrap(), true));
    world.run();
    world.intent("bruno", Intent::SetRole(id, "ana".parse().unwrap(), false));
    world.run();
    ask(&mut world, "carla", &link);
    assert_eq!((waiting(&world, "ana", id), answer(&world, "carla")), (vec![], Some(NoEntry::Void)));
    // Whoever made one up does not learn by it that Ana is in the group.
    ask(&mut world, "carla", &GroupLink { secret: LinkSecret([1; 24]), ..link.clone() });
    assert_eq!(answer(&world, "carla"), None);
    // Another admin has made another link: hers is void still.
    world.intent("bruno", Intent::SetGroupLink(id, Some(0)));
    world.run();
    ask(&mut world, "carla", &link);
    assert_eq!(answer(&world, "carla"), Some(NoEntry::Void));
}

#[test]
fn a_link_that_cannot_be_told_of_leaves_the_one_that_stands() {
    let (mut world, id) = family();
    world.say("ana", "bruno", "hi");
    world.intent("ana", Intent::AddToGroup(id, vec!["carla".parse().unwrap()]));
    world.run();
    world.intent("ana", Intent::SetRole(id, "carla".parse().unwrap(), true));
    world.run();
    let stands = link(&mut world, id, 0);
    // Carla lets a new Bruno in, whom Ana has not accepted: Ana says nothing in the group.
    world.say("carla", "bruno", "hi");
    world.run();
    let old = account(&world, "bruno");
    world.disconnect("bruno");
    world.sign_up_as("bruno/anew", "bruno", 99);
    world.connect("bruno/anew");
    world.hand_over("bruno/anew");
    world.say("bruno/anew", "carla", "it is me");
    world.run();
    let change = records(&world, "carla").key_change(old).unwrap().unwrap();
    world.intent("carla", Intent::AcceptIdentity(old, change.identity_key));
    world.run();
    for until in [Some(0), None] {
        world.intent("ana", Intent::SetGroupLink(id, until));
        assert_eq!(refusals(&world, "ana").pop(), Some(Refusal::IdentityChanged));
        let now = records(&world, "ana").group_link(id).unwrap().map(|(link, _)| link);
        assert_eq!(now.as_ref(), Some(&stands), "{until:?}");
    }
}

#[test]
fn an_ask_for_oneself_or_for_no_group_is_none() {
    let (mut world, id) = family();
    let link = link(&mut world, id, 0);
    world.intent("ana", Intent::AskToJoin(link.clone()));
    assert_eq!(refusals(&world, "ana"), [Refusal::MemberAlready]);
    let other = GroupLink { group: ConversationId([5; 16]), ..link };
    world.intent("ana", Intent::AskToJoin(other.clone()));
    assert_eq!(refusals(&world, "ana").last(), Some(&Refusal::Yourself));
    // Of a group that Ana knows nothing of she says nothing.
    ask(&mut world, "carla", &other);
    assert_eq!(answer(&world, "carla"), None);
}

#[cfg(feature = "evil")]
#[test]
fn without_the_check_of_the_secret_anybody_waits_to_be_let_in() {
    use crate::defence::{Defence, Defences};
    for armed in [true, false] {
        let (mut world, id) = family();
        let real = link(&mut world, id, 0);
        if !armed {
            world.person("ana").engine.disarm(Defences::without([Defence::GroupLink]));
        }
        ask(&mut world, "dora", &GroupLink { secret: LinkSecret([1; 24]), ..real });
        assert_eq!(waiting(&world, "ana", id).is_empty(), armed);
    }
}

#[cfg(feature = "evil")]
#[test]
fn m03_nobody_answers_for_who_was_asked_and_nobody_else_makes_a_link() {
    use crate::content::{Fact, LinkFact};
    use crate::evil::Crime;
    let (mut world, id) = family();
    let link = link(&mut world, id, 0);
    ask(&mut world, "carla", &link);
    let row = world.rows("carla", "ana").pop().unwrap();
    let to = crate::content::MimiId(row.mimi.unwrap().try_into().unwrap());
    // Carla answers herself, in Ana's place.
    world.crime("carla", "ana", Crime::Skip(0, Content::JoinAnswer { to, no: NoEntry::Declined }));
    assert_eq!(records(&world, "ana").no_entry(row.conversation, row.id).unwrap(), None);
    assert_eq!(waiting(&world, "ana", id).len(), 1);
    let fact = LinkFact { hash: [1; 32], until_ms: 0 };
    world.crime("bruno", GROUP, Crime::Skip(0, Content::Fact(Fact::Link(Some(fact)))));
    assert!(records(&world, "ana").group_link(id).unwrap().is_some(), "Ana's stands");
    assert!(world.alerts("ana").iter().any(|alert| matches!(alert, crate::Alert::PolicyRefused(_))));
}

#[test]
fn who_was_declined_waits_on_no_device() {
    let (mut world, id) = family();
    let link = link(&mut world, id, 0);
    world.link("ana", "ana/phone", 77);
    world.person("ana/phone").wary = true;
    world.wait(60_000);
    for name in ["carla", "dora"] {
        ask(&mut world, name, &link);
    }
    world.wait(60_000);
    world.run();
    for name in ["carla", "dora"] {
        let who = account(&world, name);
        world.intent("ana", Intent::DeclineAsker(id, who));
        world.run();
        world.wait(60_000);
        world.run();
    }
    assert_eq!(waiting(&world, "ana", id), []);
    assert_eq!(waiting(&world, "ana/phone", id), []);
}
