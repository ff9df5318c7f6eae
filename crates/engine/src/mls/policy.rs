//! The policy: what may happen to a conversation. Every Welcome and every staged commit passes here before it
//! is joined or merged; what passed is an [`Approved`] or an [`Admission`], without which nothing is merged.
//!
//! A direct conversation allows exactly:
//! 1. a member updates its own leaf by the commit's path, keeping credential and signature key;
//! 2. a device that asked for it with a signed request is removed and added again, with the key package of
//!    the request;
//! 3. a device of one of the two accounts that stands in the newest signed device list is added.
//!
//! Never: commits from outside, proposals of any other kind, another group context, another credential.

use lacre_proto::{AccountId, ConversationId, DeviceId};
use openmls::group::{MlsGroup, StagedCommit, StagedWelcome};
use openmls::prelude::{Credential, ExtensionType, KeyPackage, LeafNode, Proposal, Sender};

use super::extension::{self, LacreConversation};
use super::{SUITE, group};

/// Who a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
}

/// Why something was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    Outsider,
    Proposal,
    Credential,
    Identity,
    Device,
    Account,
    Context,
    Suite,
    Unasked,
    Removal,
    Twice,
    Empty,
    Misnamed,
    KeyPackage,
}

impl Denied {
    /// One plain sentence.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Outsider => "somebody who is not a member made it",
            Self::Proposal => "it holds a kind of change that conversations do not have",
            Self::Credential => "it changes a member's credential or signature key",
            Self::Identity => "a certificate in it does not hold under the identity key that is known",
            Self::Device => "a device in it is not in its account's device list",
            Self::Account => "it adds somebody to a conversation between two people",
            Self::Context => "it changes what the conversation is, or is not a conversation of this device",
            Self::Suite => "it is sealed with another ciphersuite",
            Self::Unasked => "it adds a device again that did not ask for it",
            Self::Removal => "it removes a device",
            Self::Twice => "a device is in it twice",
            Self::Empty => "it changes nothing",
            Self::Misnamed => "it belongs to another conversation",
            Self::KeyPackage => "a key package in it has expired",
        }
    }
}

/// What the policy asks of those who know.
pub(crate) trait Knows {
    /// Whether a leaf is what it says: its certificate verifies under the pinned identity key, its signature
    /// key is the certificate's, and its device stands in the newest device list known.
    fn admit(&self, credential: &Credential, signature_key: &[u8]) -> Result<Who, Denied>;

    /// Whether this device asked, with a signed request, to be added again with this key package.
    fn asked(&self, device: DeviceId, package: &KeyPackage) -> bool;

    /// Whether this key package may be used now.
    fn is_current(&self, package: &KeyPackage) -> bool;
}

/// A commit that the policy allows.
#[derive(Debug)]
pub(crate) struct Approved {
    /// Devices that were removed and added again.
    pub(crate) again: Vec<DeviceId>,
    _sealed: (),
}

impl Approved {
    /// For this device's own commit, which was made by the same rules.
    pub(crate) fn own(again: Vec<DeviceId>) -> Self {
        Self { again, _sealed: () }
    }

    /// The evil core's: a commit that nobody checked.
    #[cfg(feature = "evil")]
    pub(crate) fn unchecked() -> Self {
        Self::own(Vec::new())
    }
}

/// Checks a staged commit.
pub(crate) fn check(
    knows: &dyn Knows,
    group: &MlsGroup,
    staged: &StagedCommit,
    sender: &Sender,
) -> Result<Approved, Denied> {
    let Sender::Member(committer) = sender else { return Err(Denied::Outsider) };
    let conversation = LacreConversation::of(group.extensions()).ok_or(Denied::Context)?;
    if staged.group_context().extensions() != group.extensions() {
        return Err(Denied::Context);
    }
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for queued in staged.queued_proposals() {
        if queued.sender() != sender {
            return Err(Denied::Proposal);
        }
        match queued.proposal() {
            Proposal::Add(add) => {
                let package = add.key_package();
                added.push((admit_package(knows, &conversation, package)?, package));
            }
            Proposal::Remove(remove) => {
                let member = group.member_at(remove.removed()).ok_or(Denied::Removal)?;
                removed.push(knows.admit(&member.credential, &member.signature_key)?);
            }
            _ => return Err(Denied::Proposal),
        }
    }
    if let Some(leaf) = staged.update_path_leaf_node() {
        let before = group.public_group().leaf(*committer).ok_or(Denied::Outsider)?;
        same_credential(before, leaf)?;
    } else if added.is_empty() {
        return Err(Denied::Empty);
    }
    let again = check_changes(knows, group, &added, &removed)?;
    Ok(Approved { again, _sealed: () })
}

fn admit_package(
    knows: &dyn Knows,
    conversation: &LacreConversation,
    package: &KeyPackage,
) -> Result<Who, Denied> {
    if package.ciphersuite() != SUITE {
        return Err(Denied::Suite);
    }
    if !knows.is_current(package) {
        return Err(Denied::KeyPackage);
    }
    let leaf = package.leaf_node();
    let who = knows.admit(leaf.credential(), leaf.signature_key().as_slice())?;
    if conversation.is_open_to(who.account) { Ok(who) } else { Err(Denied::Account) }
}

fn same_credential(before: &LeafNode, after: &LeafNode) -> Result<(), Denied> {
    if before.credential() == after.credential() && before.signature_key() == after.signature_key() {
        Ok(())
    } else {
        Err(Denied::Credential)
    }
}

/// Every removal must be of a device that is added again and asked for it; every other addition must be of a
/// device that is not a member.
fn check_changes(
    knows: &dyn Knows,
    group: &MlsGroup,
    added: &[(Who, &KeyPackage)],
    removed: &[Who],
) -> Result<Vec<DeviceId>, Denied> {
    let twice = |device: DeviceId| added.iter().filter(|(who, _)| who.device == device).count() > 1;
    if added.iter().any(|(who, _)| twice(who.device)) {
        return Err(Denied::Twice);
    }
    for gone in removed {
        let (_, package) = added.iter().find(|(who, _)| who == gone).ok_or(Denied::Removal)?;
        if !knows.asked(gone.device, package) {
            return Err(Denied::Unasked);
        }
    }
    for (who, _) in added.iter().filter(|(who, _)| !removed.contains(who)) {
        let member = |member: openmls::group::Member| {
            knows.admit(&member.credential, &member.signature_key).is_ok_and(|is| is.device == who.device)
        };
        if group.members().any(member) {
            return Err(Denied::Twice);
        }
    }
    Ok(removed.iter().map(|who| who.device).collect())
}

/// A Welcome that the policy allows.
#[derive(Debug)]
pub(crate) struct Admission(());

impl Admission {
    /// The evil core's: a Welcome that nobody checked.
    #[cfg(feature = "evil")]
    pub(crate) fn unchecked() -> Self {
        Self(())
    }
}

/// What a Welcome invites to, before anything else of it is believed.
pub(crate) fn claimed(staged: &StagedWelcome, me: AccountId) -> Result<LacreConversation, Denied> {
    LacreConversation::of(staged.group_context().extensions())
        .filter(|conversation| conversation.holds() && conversation.is_open_to(me))
        .ok_or(Denied::Context)
}

/// Checks a Welcome that was delivered for a conversation to this device.
pub(crate) fn check_welcome(
    knows: &dyn Knows,
    me: Who,
    id: ConversationId,
    staged: &StagedWelcome,
) -> Result<Admission, Denied> {
    let context = staged.group_context();
    if context.group_id() != &group::group_id(id) {
        return Err(Denied::Misnamed);
    }
    if context.ciphersuite() != SUITE {
        return Err(Denied::Suite);
    }
    let conversation = claimed(staged, me.account)?;
    let known = [ExtensionType::RequiredCapabilities, extension::extension_type()];
    let requires = context
        .extensions()
        .required_capabilities()
        .is_some_and(|required| required.extension_types().contains(&extension::extension_type()));
    if !requires || context.extensions().iter().any(|found| !known.contains(&found.extension_type())) {
        return Err(Denied::Context);
    }
    let mut seen: Vec<DeviceId> = Vec::new();
    for member in staged.members() {
        let who = knows.admit(&member.credential, &member.signature_key)?;
        if !conversation.is_open_to(who.account) {
            return Err(Denied::Account);
        }
        if seen.contains(&who.device) {
            return Err(Denied::Twice);
        }
        if (member.index == staged.own_leaf_index()) != (who == me) {
            return Err(Denied::Device);
        }
        seen.push(who.device);
    }
    Ok(Admission(()))
}
