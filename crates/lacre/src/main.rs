//! The `lacre` command.
#[cfg_attr(not(test), expect(dead_code, reason = "run by `lacre chat`, which is on its way"))]
mod chat;
#[cfg_attr(not(test), expect(dead_code, reason = "the commands that print are on their way"))]
mod safe_text;
fn main() {}
