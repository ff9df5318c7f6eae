//! Every category in every state of a customer, at each device: what one and the other hold to.

use lacre_proto::ConversationId;

#[cfg(feature = "evil")]
use super::dealing::from_shop;
use super::dealing::{DAY, HOUR, account, agree, grant, refusal, shop, template};
use crate::api::Intent;
use crate::content::Category;
use crate::harness::world::{World, text};

/// How Ana stands to the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    Granted,
    Narrowed,
    Expired,
    Revoked,
    Blocked,
    WindowOpen,
    /// Within the window she takes service back, and keeps the rest.
    ServiceTaken,
    /// Within the window she says stop.
    Stopped,
    /// She has taken service back, and writes again.
    WroteAgain,
}

impl State {
    const ALL: [Self; 10] = [
        Self::Nothing,
        Self::Granted,
        Self::Narrowed,
        Self::Expired,
        Self::Revoked,
        Self::Blocked,
        Self::WindowOpen,
        Self::ServiceTaken,
        Self::Stopped,
        Self::WroteAgain,
    ];

    fn come(self, world: &mut World, id: ConversationId) {
        match self {
            Self::Nothing | Self::WindowOpen => {}
            Self::Granted => grant(world, id, &Category::ALL),
            Self::Narrowed => {
                grant(world, id, &Category::ALL);
                grant(world, id, &[Category::Service]);
            }
            Self::Expired => agree(world, id, &Category::ALL, HOUR),
            Self::Revoked => {
                grant(world, id, &Category::ALL);
                grant(world, id, &[]);
            }
            Self::Blocked => {
                grant(world, id, &Category::ALL);
                let shop = account(world, "shop");
                world.intent("ana", Intent::Block(shop));
                world.run();
            }
            Self::Stopped => grant(world, id, &[]),
            Self::ServiceTaken | Self::WroteAgain => {
                grant(world, id, &Category::ALL);
                grant(world, id, &[Category::Marketing, Category::Authentication]);
            }
        }
        if self == Self::WroteAgain {
            world.say("ana", "shop", "one more thing");
            world.run();
        }
        if !matches!(self, Self::WindowOpen | Self::ServiceTaken | Self::Stopped | Self::WroteAgain) {
            // More than the minute that a message may have waited at the relay.
            world.wait(DAY + HOUR);
        }
    }

    /// Whether a template of a category is let in, or free words for `None`.
    fn lets_in(self, what: Option<Category>) -> bool {
        match self {
            Self::Granted => what.is_some(),
            Self::ServiceTaken => matches!(what, Some(Category::Marketing | Category::Authentication)),
            Self::WroteAgain => true,
            Self::Narrowed => what == Some(Category::Service),
            Self::WindowOpen => what.is_none_or(|category| category == Category::Service),
            Self::Nothing | Self::Expired | Self::Revoked | Self::Blocked | Self::Stopped => false,
        }
    }
}

/// What the shop gets through to Ana with its own check off, over a relay that looks at nothing.
#[cfg(feature = "evil")]
fn gets_through(world: &mut World, what: Option<Category>) -> bool {
    let before = from_shop(world).len();
    let to_ana = world.conversation("shop", "ana").id;
    world.intent("shop", Intent::Send(to_ana, what.map_or_else(|| text("psst"), template)));
    world.run();
    from_shop(world).len() > before
}

#[cfg(feature = "evil")]
#[test]
fn r20_r21_every_category_in_every_state_at_anas_device_though_the_relay_lets_all_through() {
    use crate::defence::{Defence, Defences};
    for state in State::ALL {
        let (mut world, id) = shop();
        state.come(&mut world, id);
        world.person("shop").engine.disarm(Defences::without([Defence::Consent]));
        for what in [None, Some(Category::Service), Some(Category::Marketing), Some(Category::Authentication)]
        {
            let seen = gets_through(&mut world, what);
            assert_eq!(seen, state.lets_in(what), "{state:?}, {what:?}");
        }
    }
}

#[test]
fn r20_r21_every_category_in_every_state_at_the_shops_own_device() {
    for state in State::ALL {
        let (mut world, id) = shop();
        state.come(&mut world, id);
        for what in [None, Some(Category::Service), Some(Category::Marketing), Some(Category::Authentication)]
        {
            let to_ana = world.conversation("shop", "ana").id;
            world.person("shop").events.clear();
            world.intent("shop", Intent::Send(to_ana, what.map_or_else(|| text("psst"), template)));
            // That Ana has blocked it, it does not learn.
            let fine = if state == State::Blocked { what.is_some() } else { state.lets_in(what) };
            assert_eq!(refusal(&world, "shop").is_none(), fine, "{state:?}, {what:?}");
        }
    }
}
