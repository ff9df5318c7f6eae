//! Load generator on headless clients, and criterion benches.
fn main() {}
