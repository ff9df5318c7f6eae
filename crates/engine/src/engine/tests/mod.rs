//! Stories over the small relay.

mod delivery;
mod healing;
mod merging;
mod packages;
mod talk;
