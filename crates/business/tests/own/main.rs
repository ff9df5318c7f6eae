//! The node's own API: people, tokens, webhooks, templates, consent, the audit log.

mod brittle;
mod consents;
mod customers;
mod erasing;
mod matrix;
mod people;
mod programs;
mod retention;
mod watched;
mod world;
