//! Welcomes and the group info that belongs to them, as an honest relay and an evil one deliver them.

use lacre_proto::wire::{self, item::Kind};

use crate::api::Alert;
use crate::harness::world::World;
use crate::records::key;

/// Bruno is away while Ana and Carla each write to him for the first time.
fn invited_twice() -> World {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    world.person("bruno").held = true;
    world.say("ana", "bruno", "from ana");
    world.run();
    world.say("carla", "bruno", "from carla");
    world.run();
    world
}

fn welcomes(items: &mut [wire::Item]) -> Vec<&mut wire::Welcomed> {
    items
        .iter_mut()
        .filter_map(|item| match &mut item.kind {
            Some(Kind::Welcomed(welcomed)) => Some(welcomed),
            _ => None,
        })
        .collect()
}

fn comes_back(world: &mut World) {
    world.person("bruno").held = false;
    world.run();
}

/// What of the group infos is an item of its own, as for devices that are added together.
fn apart(items: &mut Vec<wire::Item>) {
    let mut apart = Vec::new();
    for mut item in items.drain(..) {
        if let Some(Kind::Welcomed(welcomed)) = &mut item.kind {
            let kind = Kind::GroupInfo(wire::GroupInfo {
                conversation: welcomed.conversation.clone(),
                sequence: welcomed.sequence,
                group_info: std::mem::take(&mut welcomed.group_info),
            });
            apart.push(wire::Item { time_ms: item.time_ms, kind: Some(kind) });
        }
        apart.push(item);
    }
    *items = apart;
}

#[test]
fn a_group_info_that_comes_before_its_welcome_opens_it_and_is_not_kept() {
    let mut world = invited_twice();
    world.tamper("bruno", apart);
    comes_back(&mut world);
    assert_eq!(world.seen("bruno", "ana"), ["from ana"]);
    assert_eq!(world.seen("bruno", "carla"), ["from carla"]);
    assert_eq!(world.people["bruno"].store.0.get(&vec![key::GROUP_INFO]), None);
}

#[test]
fn m05_a_welcome_with_the_group_info_of_another_is_refused() {
    let mut world = invited_twice();
    world.tamper("bruno", |items| {
        let mut both = welcomes(items);
        let [one, other] = &mut both[..] else { panic!("two Welcomes") };
        std::mem::swap(&mut one.group_info, &mut other.group_info);
    });
    comes_back(&mut world);
    let refused = Alert::WelcomeRefused("it was not made for this device");
    assert_eq!(world.alerts("bruno").iter().filter(|alert| **alert == refused).count(), 2);
    assert!(crate::Records(&world.people["bruno"].store).conversations().unwrap().is_empty());
}

#[test]
fn a_welcome_without_its_group_info_is_refused_and_costs_no_key() {
    let mut world = invited_twice();
    world.tamper("bruno", |items| {
        apart(items);
        items.retain(|item| !matches!(&item.kind, Some(Kind::GroupInfo(_))));
    });
    let keys = world.people["bruno"].store.clone();
    comes_back(&mut world);
    let refused = Alert::WelcomeRefused("it came without what belongs to it");
    assert_eq!(world.alerts("bruno").iter().filter(|alert| **alert == refused).count(), 2);
    let packages = |store: &crate::harness::MapStore| {
        store.0.keys().filter(|at| at[0] == key::MLS + 15).cloned().collect::<Vec<_>>()
    };
    assert_eq!(packages(&world.people["bruno"].store), packages(&keys));
}
