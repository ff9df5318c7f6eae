//! What goes out of the node: the way out itself, the receivers of webhooks, and what they are told.

mod cast;
mod chaos;
mod domain;
mod events;
mod nodes;
mod outbox;
mod outward;
mod receiver;
mod records;
mod restriction;
mod subscriptions;
mod ways;
