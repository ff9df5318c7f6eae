//! The node's own API: people, tokens, webhooks, templates, consent, the audit log.

mod alike;
mod brittle;
mod consents;
mod customers;
mod erasing;
mod finding;
mod inbox;
mod inventory;
mod matrix;
mod people;
mod programs;
mod providers;
mod retention;
mod scope;
mod watched;
mod world;
