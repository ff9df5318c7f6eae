//! Twelve people with thirty devices over simulated weeks, from one seed: they talk in groups and in pairs, come
//! and go, change their groups at the same time, lose devices and link new ones, on a network that breaks. At the
//! end everything is healed, and the devices of all members must agree.
//!
//! | file | what |
//! | --- | --- |
//! | `cast` | who there is, with which devices |
//! | `life` | what happens in a day, drawn from the seed |
//! | `agreement` | what must hold at the end |

mod agreement;
mod cast;
mod life;

use std::collections::BTreeMap;

use lacre_proto::Millis;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::world::World;
use life::Life;

const DAY: Millis = 24 * 3_600_000;

/// How much there is of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Days that are lived; after each come some on which nobody is there.
    pub days: u64,
    /// Acts on each of them.
    pub acts: u64,
}

impl Size {
    /// About two weeks.
    pub const WEEKS: Self = Self { days: 2, acts: 24 };
}

impl Default for Size {
    fn default() -> Self {
        Self::WEEKS
    }
}

/// What a simulation has lived through; it ended in agreement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How often each act was done.
    pub acts: BTreeMap<&'static str, u64>,
    /// Commits that the relay has accepted.
    pub commits: u64,
    /// Rows that were compared, over all devices.
    pub rows: u64,
    /// Devices that were compared.
    pub devices: u64,
}

/// Lives one seed.
///
/// # Panics
///
/// When the devices do not agree at the end, or the world does not come to rest; the message says what differs.
pub fn simulate(seed: u64, size: Size) -> Report {
    let mut world = World::new(seed);
    world.lives_long();
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x11fe);
    let mut life = Life::begin(&mut world, &mut rng);
    for _ in 0..size.days {
        life.day(&mut world, &mut rng, size.acts);
    }
    life.heal(&mut world);
    let mut report = Report { acts: life.acts.clone(), ..Report::default() };
    agreement::check(&world, &life, &mut report);
    report
}

impl Report {
    /// Adds another one to it.
    pub fn add(&mut self, other: &Self) {
        let Self { acts, commits, rows, devices } = other;
        for (act, times) in acts {
            *self.acts.entry(act).or_default() += times;
        }
        self.commits += commits;
        self.rows += rows;
        self.devices += devices;
    }
}
