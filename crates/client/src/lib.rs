//! Drives the engine: network, local store, timers and view models.
