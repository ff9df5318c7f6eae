//! Stories over the small relay.

mod talk;
