//! Worlds, a faulty network, a manual clock, the evil relay and crash points, for tests.
