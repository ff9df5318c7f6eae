//! The relay: edge, sessions and services. It carries what it cannot read.
