//! The node's own API: people, tokens, webhooks, templates, the audit log.

mod matrix;
mod people;
mod programs;
mod watched;
mod world;
