//! The business node: an ordinary device of a business account that speaks the WhatsApp Business Cloud API to the
//! business's own programs, on the business's own machine. What customers write is sealed up to here and is plain
//! nowhere else.
//!
//! | module | what it does |
//! |---|---|
//! | [`chat`] | the port to the sealed side: what the node says and hears |
//! | [`about`] | what the business says of itself to whoever looks it up |
//! | [`agreed`] | what customers have signed |
//! | [`clock`] | what time it is |
//! | [`store`] | what the node keeps of its own, over `lacre-store` |
//! | [`erasing`] | a customer is erased, and stays so |
//! | [`flows`] | forms that customers fill in, as Flow JSON describes them |
//! | [`inbox`] | conversations as the people of the business work on them |
//! | [`held`] | what the device holds of a customer |
//! | [`retention`] | what is kept for how long |
//! | [`nodes`] | several nodes of one account, and which of them leads |
//! | [`terms`] | what customers are told before they write, and who acts for the business |
//! | [`domain`] | whether a business's domain shows its token: for the operator of a relay |
//! | [`restriction`] | of whom nothing is told, and to whom nothing is sent |
//! | `api` | the REST face: addresses, tokens, the error envelope, one module per resource |
//! | [`own`] | the node's own API: people, inboxes, tokens, webhooks, templates, consent, the audit log; for commands and for people |
//! | [`voice`] | how the people of the business speak |
//! | `webhooks` | events out: signed, in order, from a durable outbox |

#![forbid(unsafe_code)]

pub mod about;
pub mod agreed;
pub mod api;
pub mod audit;
pub mod chat;
pub mod clock;
pub mod customers;
pub mod domain;
pub mod erasing;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod flows;
pub mod ground;
pub mod held;
pub mod inbox;
pub mod limits;
pub mod media;
pub mod node;
pub mod nodes;
pub mod outward;
pub mod own;
pub mod people;
pub mod restriction;
pub mod retention;
pub mod sealed;
pub mod serve;
pub mod signature;
pub mod store;
pub mod templates;
pub mod terms;
pub mod tokens;
pub mod voice;
pub mod webhooks;
