//! The real binary, the real relay, real sockets and real folders, as a person or a script uses them.

mod accounts;
mod canary;
mod faults;
mod messages;
mod operator;
mod process;
mod profiles;
