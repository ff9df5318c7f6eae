//! The policy: what may happen to a conversation. Every Welcome and every staged commit passes here before it
//! is joined or merged; what passed is an [`Approved`] or an [`Admission`], without which nothing is merged.
//!
//! In every conversation:
//! 1. a member updates its own leaf by the commit's path, keeping credential and signature key;
//! 2. a device that asked for it with a signed request is removed and added again, with the key package of
//!    the request;
//! 3. a device of an account that is in it, and that stands in the newest signed device list, is added;
//! 4. a device is removed by another one of its account, or when it stands in its account's list no more.
//!
//! In a group also, by what its signed context says:
//! 5. people are added by whom the rules let add, and removed by admins, whole;
//! 6. who said that they leave are removed by anybody;
//! 7. admins, rules and timer are changed by admins. When an admin goes, they leave the list of admins in the
//!    same commit, whoever makes it; when it was the last one, the member of the lowest leaf becomes one.
//!
//! Never: commits from outside, proposals of any other kind, another group context, another credential.

use std::collections::BTreeSet;

use lacre_proto::{AccountId, ConversationId, DeviceId, limits};
use openmls::group::{MlsGroup, StagedCommit, StagedWelcome};
use openmls::prelude::{
    Credential, Extension, ExtensionType, Extensions, GroupContext, KeyPackage, LeafNode, Proposal, Sender,
};

use super::extension::{self, Kind, LacreConversation};
use super::{SUITE, group};
use crate::records::Allowed;

/// Who a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    Right,
    Admins,
    Full,
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
            Self::Account => "it adds somebody to a conversation that is not open to them",
            Self::Context => "it changes what the conversation is, or is not a conversation of this device",
            Self::Suite => "it is sealed with another ciphersuite",
            Self::Unasked => "it adds a device again that did not ask for it",
            Self::Removal => "it removes somebody without right",
            Self::Right => "the rules of the group do not let its maker do this",
            Self::Admins => "it leaves the group without an admin, or with one who is not a member",
            Self::Full => "the group would be larger than groups can be",
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

    /// The same without the device list: a leaf that was right when it was added.
    fn recognise(&self, credential: &Credential, signature_key: &[u8]) -> Result<Who, Denied>;

    /// Whether this device asked, with a signed request, to be added again with this key package.
    fn asked(&self, device: DeviceId, package: &KeyPackage) -> bool;

    /// Whether this key package may be used now.
    fn is_current(&self, package: &KeyPackage) -> bool;

    /// Whether it is known that a device stands in its account's newest list no more.
    fn is_unlisted(&self, who: Who) -> bool;
}

/// The members before a commit, as they were read off the tree.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// By leaf index.
    pub(crate) leaves: Vec<(u32, Who)>,
    /// Who has said that they leave.
    pub(crate) leaving: Vec<AccountId>,
}

impl Members {
    fn at(&self, leaf: u32) -> Option<Who> {
        let found = self.leaves.binary_search_by_key(&leaf, |(index, _)| *index).ok()?;
        Some(self.leaves[found].1)
    }
}

/// A commit that the policy allows: what it does.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Approved {
    /// Devices that were removed and added again.
    pub(crate) again: Vec<Who>,
    /// Accounts that come in, and that go.
    pub(crate) came: Vec<AccountId>,
    pub(crate) went: Vec<AccountId>,
    /// Who made it, and on which device.
    pub(crate) by: Option<AccountId>,
    pub(crate) device: Option<DeviceId>,
    /// Whether a leaf was added that was not there before.
    pub(crate) grew: bool,
    _sealed: (),
}

impl Approved {
    /// The evil core's: a commit that nobody checked.
    #[cfg(feature = "evil")]
    pub(crate) fn unchecked() -> Self {
        Self::default()
    }

    /// For this device's own commit that the relay has accepted, and that could not be judged again (a key
    /// package in it may have expired meanwhile): it was judged when it was made.
    pub(crate) fn own() -> Self {
        Self::default()
    }
}

/// Checks a staged commit.
pub(crate) fn check(
    knows: &dyn Knows,
    group: &MlsGroup,
    members: &Members,
    staged: &StagedCommit,
    sender: &Sender,
) -> Result<Approved, Denied> {
    let Sender::Member(committer) = sender else { return Err(Denied::Outsider) };
    let author = members.at(committer.u32()).ok_or(Denied::Outsider)?;
    let before = LacreConversation::of(group.extensions()).ok_or(Denied::Context)?;
    let context = staged.group_context().extensions();
    let after = LacreConversation::of(context).filter(|it| it.holds()).ok_or(Denied::Context)?;
    if others(context) != others(group.extensions()) {
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
                added.push((admit_package(knows, &before, package)?, package));
            }
            Proposal::Remove(remove) => {
                removed.push(members.at(remove.removed().u32()).ok_or(Denied::Removal)?);
            }
            Proposal::GroupContextExtensions(_) if before.kind == Kind::Group => {}
            Proposal::GroupContextExtensions(_) => return Err(Denied::Context),
            _ => return Err(Denied::Proposal),
        }
    }
    if let Some(leaf) = staged.update_path_leaf_node() {
        let own = group.public_group().leaf(*committer).ok_or(Denied::Outsider)?;
        same_credential(own, leaf)?;
    } else if added.is_empty() && before == after {
        return Err(Denied::Empty);
    }
    let again = let_in_again(knows, members, &added, &removed)?;
    let commit = Commit { author, before, after, again, added, removed, members };
    commit.judge(knows)
}

/// All of a group's context but what it says of the conversation.
fn others(extensions: &Extensions<GroupContext>) -> Vec<&Extension> {
    let ours = |extension: &&Extension| extension.extension_type() != extension::extension_type();
    extensions.iter().filter(ours).collect()
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

/// The devices that are removed and added again, each of which must have asked for it. Every other addition
/// must be of a device that is no member.
fn let_in_again(
    knows: &dyn Knows,
    members: &Members,
    added: &[(Who, &KeyPackage)],
    removed: &[Who],
) -> Result<Vec<Who>, Denied> {
    let mut seen = BTreeSet::new();
    if !added.iter().all(|(who, _)| seen.insert(who.device)) {
        return Err(Denied::Twice);
    }
    let gone: BTreeSet<Who> = removed.iter().copied().collect();
    let present: BTreeSet<DeviceId> = members.leaves.iter().map(|(_, who)| who.device).collect();
    let mut again = Vec::new();
    for (who, package) in added {
        if gone.contains(who) {
            if !knows.asked(who.device, package) {
                return Err(Denied::Unasked);
            }
            again.push(*who);
        } else if present.contains(&who.device) {
            return Err(Denied::Twice);
        }
    }
    Ok(again)
}

/// A commit whose parts are sound: what is left is whether its maker may do it.
struct Commit<'a> {
    author: Who,
    before: LacreConversation,
    after: LacreConversation,
    again: Vec<Who>,
    added: Vec<(Who, &'a KeyPackage)>,
    removed: Vec<Who>,
    members: &'a Members,
}

impl Commit<'_> {
    fn judge(self, knows: &dyn Knows) -> Result<Approved, Denied> {
        let was: BTreeSet<AccountId> = self.members.leaves.iter().map(|(_, who)| who.account).collect();
        let leaves = self.leaves_after();
        let is: BTreeSet<AccountId> = leaves.iter().map(|who| who.account).collect();
        self.judge_additions(&was)?;
        self.judge_removals(knows, &is)?;
        if leaves.len() > limits::ROSTER || is.len() > limits::MEMBERS {
            return Err(Denied::Full);
        }
        self.judge_context(&is)?;
        Ok(Approved {
            came: is.difference(&was).copied().collect(),
            went: was.difference(&is).copied().collect(),
            grew: self.added.len() > self.again.len(),
            again: self.again,
            by: Some(self.author.account),
            device: Some(self.author.device),
            _sealed: (),
        })
    }

    /// Who is in it afterwards: by leaf, those who are new at the end.
    fn leaves_after(&self) -> Vec<Who> {
        let stay = self.members.leaves.iter().map(|(_, who)| *who).filter(|who| !self.removed.contains(who));
        stay.chain(self.added.iter().map(|(who, _)| *who)).collect()
    }

    fn is_admin(&self) -> bool {
        self.before.is_admin(self.author.account)
    }

    fn judge_additions(&self, was: &BTreeSet<AccountId>) -> Result<(), Denied> {
        if self.before.kind != Kind::Group {
            // The conversation is open to two accounts, or to one: it was looked at with each key package.
            return Ok(());
        }
        let may = self.is_admin() || self.before.rules.add == Allowed::All;
        let newcomers = self.added.iter().any(|(who, _)| !was.contains(&who.account));
        if newcomers && !may { Err(Denied::Right) } else { Ok(()) }
    }

    fn judge_removals(&self, knows: &dyn Knows, is: &BTreeSet<AccountId>) -> Result<(), Denied> {
        for gone in self.removed.iter().filter(|gone| !self.again.contains(gone)) {
            let of_the_same = gone.account == self.author.account;
            if of_the_same || knows.is_unlisted(*gone) {
                continue;
            }
            if self.before.kind != Kind::Group {
                return Err(Denied::Removal);
            }
            if is.contains(&gone.account) {
                // Nobody takes single devices from others.
                return Err(Denied::Removal);
            }
            if !self.is_admin() && !self.members.leaving.contains(&gone.account) {
                return Err(Denied::Right);
            }
        }
        Ok(())
    }

    fn judge_context(&self, is: &BTreeSet<AccountId>) -> Result<(), Denied> {
        if self.before.kind != Kind::Group {
            return if self.before == self.after { Ok(()) } else { Err(Denied::Context) };
        }
        let fixed = |it: &LacreConversation| (it.kind, it.created_by, it.instead_of);
        if fixed(&self.after) != fixed(&self.before) {
            return Err(Denied::Context);
        }
        let lowest = self.leaves_after().first().map(|who| who.account);
        let changed = self.after != self.before;
        if changed && !self.is_admin() && Some(&self.after) != without(&self.before, is, lowest).as_ref() {
            return Err(Denied::Right);
        }
        if self.after.admins.iter().all(|admin| is.contains(admin)) { Ok(()) } else { Err(Denied::Admins) }
    }
}

/// What a group's context becomes when only `left` stay in it: admins who go are no admins any more, and when
/// none is left, who has the lowest leaf becomes one. `None` when nobody is left.
pub(crate) fn without(
    before: &LacreConversation,
    left: &BTreeSet<AccountId>,
    lowest: Option<AccountId>,
) -> Option<LacreConversation> {
    let mut admins: Vec<AccountId> =
        before.admins.iter().copied().filter(|admin| left.contains(admin)).collect();
    if admins.is_empty() {
        admins.push(lowest?);
    }
    Some(LacreConversation { admins, ..before.clone() })
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

/// Checks a Welcome that was delivered for a conversation to this device; `again` when it asked to be let in.
pub(crate) fn check_welcome(
    knows: &dyn Knows,
    me: Who,
    id: ConversationId,
    staged: &StagedWelcome,
    again: bool,
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
    let (mut seen, mut accounts, mut inviter) = (BTreeSet::new(), BTreeSet::new(), None);
    for member in staged.members() {
        // A list that is newer than the tree, or older: the directory is asked once this device has joined.
        let who = knows.recognise(&member.credential, &member.signature_key)?;
        if !conversation.is_open_to(who.account) {
            return Err(Denied::Account);
        }
        if !seen.insert(who.device) {
            return Err(Denied::Twice);
        }
        if (member.index == staged.own_leaf_index()) != (who == me) {
            return Err(Denied::Device);
        }
        if member.index == staged.welcome_sender_index() {
            inviter = Some(who.account);
        }
        accounts.insert(who.account);
    }
    if conversation.kind == Kind::Group {
        let inviter = inviter.ok_or(Denied::Outsider)?;
        let may = again
            || inviter == me.account
            || conversation.is_admin(inviter)
            || conversation.rules.add == Allowed::All;
        if !may {
            return Err(Denied::Right);
        }
        if !conversation.admins.iter().all(|admin| accounts.contains(admin)) {
            return Err(Denied::Admins);
        }
    }
    Ok(Admission(()))
}
