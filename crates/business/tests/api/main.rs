//! The API as programs see it: the router in this process, a sealed side whose people answer as they are told.

mod absent;
mod account;
mod addressing;
mod bridge;
mod consent;
mod door;
mod flows;
mod limits;
mod media;
mod messages;
mod nonsense;
mod others;
mod presented;
mod review;
mod spec;
mod templates;
mod tenants;
mod uploads;
mod world;
