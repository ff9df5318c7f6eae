//! The defences by name, so that a test can switch one off and see its attack succeed. Without the feature
//! `evil` every defence is always on, and there is nothing to switch.

/// A defence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Defence {
    /// A leaf's certificate verifies, and its signature key is the certificate's.
    Certificate,
    /// The identity key is the pinned one.
    PinnedIdentity,
    /// The device stands in the newest device list known.
    DeviceList,
    /// Commits and Welcomes pass the policy.
    Policy,
    /// Content names the sender and the room that the seal proves; receipts are for one's own messages.
    Author,
    /// What its author signs carries a signature of the author's device that holds.
    Proof,
    /// Old messages are given by who let somebody in, to them, once, as many as was told.
    Giving,
    /// Who asks to be let into a group has the link that stands.
    GroupLink,
    /// A message is edited and closed only by its author, and taken back by nobody else but an admin.
    Target,
    /// A message is edited within a day, by the relay's time.
    Late,
    /// A message is shown once.
    Dedupe,
    /// Handshakes are sealed too: nothing but a `PrivateMessage` is looked at.
    Framing,
    /// An item's conversation is that of the sealed message in it.
    Conversation,
    /// An item's epoch is that of the sealed message in it.
    Epoch,
    /// Counters show gaps and put late messages in their place.
    Counter,
    /// A commit that cannot be applied makes the device ask to be let in again.
    Resync,
    /// A sender's generation may be only so far ahead.
    Forward,
    /// What devices of one account tell each other is taken from one's own only, in the conversation of their own.
    Kin,
    /// Nothing is sent to somebody who was not accepted.
    Strangers,
    /// Who is blocked is not heard.
    Blocks,
    /// The relay's roster is compared with the tree.
    Roster,
    /// A key of a message is gone once it was used.
    Ratchet,
    /// What cannot be read is a row that says so.
    Unread,
    /// A receipt counts in the conversation that it came in, and nowhere else.
    Receipts,
    /// However far a counter jumps, it makes one row.
    Gaps,
    /// A Welcome is on the one suite that conversations have.
    Suite,
    /// A leaf is updated daily, and after so many messages, without being asked.
    Update,
    /// A conversation in which the relay takes nothing from its members any more goes on as a new one.
    Capability,
    /// A conversation that the relay shows in two versions is begun anew.
    Split,
    /// It is begun anew by nobody who is no admin any more.
    Heir,
    /// What a business says without consent is dropped, and consent is its customer's own.
    Consent,
    /// The badge of a business is drawn only from the operator's certificate.
    Badge,
    /// What a business tells that it keeps, and who acts for it, is signed by a device of it.
    Terms,
    /// What a business says of itself is signed by a device of it, and is its own.
    Profile,
    /// What a business has said of itself before does not come back.
    Revision,
}

/// Which defences are on.
#[derive(Debug, Clone, Default)]
pub struct Defences {
    #[cfg(feature = "evil")]
    off: std::collections::BTreeSet<Defence>,
}

impl Defences {
    #[cfg(not(feature = "evil"))]
    #[inline(always)]
    pub(crate) fn on(&self, _: Defence) -> bool {
        true
    }

    #[cfg(feature = "evil")]
    pub(crate) fn on(&self, defence: Defence) -> bool {
        !self.off.contains(&defence)
    }

    /// All but these.
    #[cfg(feature = "evil")]
    pub fn without(defences: impl IntoIterator<Item = Defence>) -> Self {
        Self { off: defences.into_iter().collect() }
    }
}
