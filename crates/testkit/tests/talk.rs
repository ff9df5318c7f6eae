//! Two people talk.

use lacre_testkit::World;

#[test]
fn ana_writes_to_bruno_and_he_answers() {
    let mut world = World::new(1);
    world.people(&["ana", "bruno"]);
    world.say("ana", "bruno", "olá");
    world.settle();
    world.say("bruno", "ana", "oi");
    world.until_all_is_out(10);
    world.check();
}
