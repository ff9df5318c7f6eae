//! What the operator of the relay has made of the business.

/// What the operator has seen, as the device was told last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// The name that it was verified by, as people know it; `None` when it is not verified, or not any more.
    pub verified: Option<String>,
    /// The operator has suspended it: it sends nothing.
    pub suspended: bool,
}
