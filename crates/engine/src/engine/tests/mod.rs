//! Stories over the small relay.

mod agreed;
mod authors;
mod consent_matrix;
mod dealing;
mod delivery;
mod devices;
#[cfg(feature = "evil")]
mod evil;
mod files;
mod filling;
mod giving;
#[cfg(feature = "evil")]
mod group_attacks;
mod groups;
mod healing;
mod history;
mod identities;
#[cfg(feature = "evil")]
mod impostor;
mod kinds;
mod links;
mod merging;
mod own;
#[cfg(feature = "evil")]
mod own_evil;
mod packages;
mod profile;
#[cfg(feature = "evil")]
mod secrecy;
#[cfg(feature = "evil")]
mod securing;
#[cfg(feature = "evil")]
mod shut_out;
mod stored;
mod strangers;
#[cfg(feature = "evil")]
mod strangers_evil;
mod talk;
mod terms;
#[cfg(feature = "evil")]
mod trails;
mod welcomes;
