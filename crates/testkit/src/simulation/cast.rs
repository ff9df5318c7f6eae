//! Who there is: twelve people, thirty devices.

/// The people, and how many devices each has when all are linked.
pub(super) const PEOPLE: [(&str, usize); 12] = [
    ("ana", 4),
    ("bruno", 3),
    ("carla", 3),
    ("davi", 3),
    ("elena", 3),
    ("fabio", 2),
    ("gina", 2),
    ("hugo", 2),
    ("iris", 2),
    ("joao", 2),
    ("katia", 2),
    ("luis", 2),
];

/// The groups that are made on the first day: the name, who makes it, and who is in it from the beginning.
pub(super) const GROUPS: [(&str, &str, &[&str]); 3] = [
    ("family", "ana", &["bruno", "carla", "davi"]),
    ("weekend", "elena", &["ana", "fabio", "gina"]),
    ("work", "hugo", &["iris", "joao", "bruno"]),
];

/// What a person's device is called; the first one goes by the person's name alone.
pub(super) fn device(person: &str, number: usize) -> String {
    match number {
        0 => person.to_owned(),
        number => format!("{person}/{number}"),
    }
}

/// Whose device it is.
pub(super) fn person(device: &str) -> &str {
    device.split('/').next().unwrap_or(device)
}
