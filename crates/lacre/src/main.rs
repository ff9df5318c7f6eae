//! The lacre command: config, subcommands, terminal UI and wiring.
fn main() {}
