//! A sealed block layer: an encrypted, torn-write-safe storage backend under redb.
