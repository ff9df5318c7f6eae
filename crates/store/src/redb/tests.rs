//! What is particular to this backend; the rest is in the conformance suite.
