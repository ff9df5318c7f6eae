//! What goes out of the node: the way out itself, the receivers of webhooks, and what they are told.

mod outward;
mod receiver;
