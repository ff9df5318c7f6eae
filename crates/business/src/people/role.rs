//! Who may do what: one table.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What somebody is in the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Answers for the business; the only one who makes owners.
    Owner,
    /// Runs it day by day.
    Admin,
    /// Leads agents.
    Supervisor,
    /// Writes to customers.
    Agent,
    /// Looks at what was done, and at nothing that was said.
    Auditor,
    /// Connects programs, and reads nothing that was said.
    Developer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Admin, Self::Supervisor, Self::Agent, Self::Auditor, Self::Developer];

    /// The name that the API and the command line know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Supervisor => "supervisor",
            Self::Agent => "agent",
            Self::Auditor => "auditor",
            Self::Developer => "developer",
        }
    }

    /// The role of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether somebody with this role may make, change and remove people with another.
    pub fn manages(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => !matches!(other, Self::Owner | Self::Admin),
            _ => false,
        }
    }

    /// Whether somebody with this role may do this at all; [`super::Actor::may`] looks at inboxes too.
    pub fn may(self, action: Action) -> bool {
        TABLE.iter().any(|(known, roles)| *known == action && roles.contains(&self))
    }
}

/// Something that people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Read the conversations of an inbox, and search in them.
    Read,
    /// Answer in an inbox, react, mark as read.
    Answer,
    /// Write notes and labels in an inbox.
    Annotate,
    /// Give a conversation of an inbox to somebody.
    Assign,
    /// Write the replies that are kept ready.
    CannedReplies,
    /// Make, change and delete templates.
    Templates,
    /// Set receivers of webhooks, see their log, play deliveries again.
    Webhooks,
    /// Make, rotate and revoke tokens.
    Tokens,
    /// Make, change and remove people; [`Role::manages`] says which.
    People,
    /// See what customers consented to.
    Consents,
    /// Export what is known of a customer.
    Export,
    /// Erase a customer, or restrict what is done with them.
    Erase,
    /// Set what is kept for how long.
    Retention,
    /// Read the audit log, verify it, and take its heads out.
    Audit,
    /// Let providers in, and put them out.
    Providers,
    /// Let devices into the business's account, put them out, and say which node leads.
    Nodes,
}

impl Action {
    /// Whether it is done in an inbox, so that the scope of a person counts.
    pub fn in_inbox(self) -> bool {
        matches!(self, Self::Read | Self::Answer | Self::Annotate | Self::Assign)
    }

    /// Whether it is about customers of whatever inbox, or about what programs are told of them: who is limited to
    /// inboxes may not.
    pub fn is_everywhere(self) -> bool {
        use Action::{Audit, Consents, Erase, Export, Nodes, Providers, Retention, Tokens, Webhooks};

        matches!(self, Webhooks | Tokens | Consents | Export | Erase | Retention | Audit | Providers | Nodes)
    }
}

use Role::{Admin, Agent, Auditor, Developer, Owner, Supervisor};

/// The table of roles and actions: what is not in it is not allowed.
pub const TABLE: [(Action, &[Role]); 16] = [
    (Action::Read, &[Owner, Admin, Supervisor, Agent]),
    (Action::Answer, &[Owner, Admin, Supervisor, Agent]),
    (Action::Annotate, &[Owner, Admin, Supervisor, Agent]),
    (Action::Assign, &[Owner, Admin, Supervisor]),
    (Action::CannedReplies, &[Owner, Admin, Supervisor]),
    (Action::Templates, &[Owner, Admin, Developer]),
    (Action::Webhooks, &[Owner, Admin, Developer]),
    (Action::Tokens, &[Owner, Admin, Developer]),
    (Action::People, &[Owner, Admin]),
    (Action::Consents, &[Owner, Admin, Supervisor, Auditor]),
    (Action::Export, &[Owner, Admin]),
    (Action::Erase, &[Owner, Admin]),
    (Action::Retention, &[Owner]),
    (Action::Audit, &[Owner, Auditor]),
    (Action::Providers, &[Owner]),
    (Action::Nodes, &[Owner]),
];

/// The inboxes that somebody sees; all when `None`.
pub type Inboxes = Option<BTreeSet<String>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_stands_in_the_table_once_and_owners_may_do_all() {
        let actions: BTreeSet<_> = TABLE.iter().map(|(action, _)| *action).collect();
        assert_eq!(actions.len(), TABLE.len());
        assert_eq!(actions.last().map(|it| *it as usize + 1), Some(TABLE.len()), "none is missing");
        assert!(TABLE.iter().all(|(action, _)| Owner.may(*action)));
    }

    #[test]
    fn those_who_see_what_was_done_do_not_read_what_was_said_and_the_other_way_round() {
        let said = [Action::Read, Action::Answer, Action::Annotate, Action::Assign, Action::Export];
        for role in [Auditor, Developer] {
            assert!(said.iter().all(|action| !role.may(*action)));
        }
        for role in [Admin, Supervisor, Agent, Developer] {
            assert!(!role.may(Action::Audit), "nobody who acts looks after the log");
        }
        let of_agents: Vec<_> = TABLE.iter().map(|it| it.0).filter(|it| Agent.may(*it)).collect();
        assert_eq!(of_agents, [Action::Read, Action::Answer, Action::Annotate]);
        let of_auditors: Vec<_> = TABLE.iter().map(|it| it.0).filter(|it| Auditor.may(*it)).collect();
        assert_eq!(of_auditors, [Action::Consents, Action::Audit]);
    }

    #[test]
    fn what_is_about_all_customers_is_done_in_no_inbox_and_not_by_who_is_limited_to_some() {
        use Action::{CannedReplies, People, Templates};

        let everywhere: Vec<_> = TABLE.iter().map(|it| it.0).filter(|it| it.is_everywhere()).collect();
        assert!(everywhere.iter().all(|it| !it.in_inbox()));
        let rest = TABLE.iter().map(|it| it.0).filter(|it| !it.is_everywhere() && !it.in_inbox());
        let rest: Vec<_> = rest.collect();
        assert_eq!(rest, [CannedReplies, Templates, People]);
    }

    #[test]
    fn nobody_makes_somebody_of_their_own_height_but_owners() {
        for role in Role::ALL {
            for other in Role::ALL {
                let known = match role {
                    Owner => true,
                    Admin => other > Admin,
                    _ => false,
                };
                assert_eq!(role.manages(other), known, "{role:?} {other:?}");
            }
        }
    }
}
