//! The `lacre` command.
#[cfg_attr(not(test), expect(dead_code, reason = "the chat and the commands that print are on their way"))]
mod safe_text;
fn main() {}
