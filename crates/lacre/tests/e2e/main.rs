//! The real binary, the real relay, real sockets and real folders, as a person or a script uses them.

#![expect(clippy::disallowed_methods, reason = "the tests wait with a bound, by the machine's clock")]

mod about;
mod accounts;
mod answers;
mod bot;
mod business;
mod canary;
mod canary_business;
mod cards;
mod consents;
mod console;
mod crashes;
mod devices;
mod faults;
mod files;
mod groups;
mod inbox;
mod kept;
mod kinds;
mod messages;
mod node;
mod nodes;
mod operator;
mod process;
mod profiles;
mod protected;
mod search;
mod strangers;
mod voice;
