//! All calls of the own API in one table: method, shape of the path under `/lacre/v1/`, what somebody needs for it, and
//! what the audit log calls it.

use crate::people::Action;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the calls of the table below")]
pub enum Op {
    SignIn,
    SignOut,
    Me,
    People,
    AddPerson,
    ChangePerson,
    RemovePerson,
    ResetPerson,
    Tokens,
    MakeToken,
    RotateToken,
    RevokeToken,
    Webhooks,
    SetWebhook,
    RemoveWebhook,
    Deliveries,
    Dead,
    Replay,
    RotateSecret,
    Templates,
    ApproveTemplate,
    RejectTemplate,
    PauseTemplate,
    ResumeTemplate,
    Consents,
    ExportConsents,
    ExportCustomer,
    CustomerMessages,
    EraseCustomer,
    RestrictCustomer,
    Nodes,
    AddNode,
    RemoveNode,
    LeadNodes,
    Records,
    Terms,
    SetTerms,
    Providers,
    AddProvider,
    RemoveProvider,
    Retention,
    SetRetention,
    ReportRetention,
    SweepRetention,
    Audit,
    AuditHead,
    VerifyAudit,
    ProveAudit,
    Conversations,
    Conversation,
    Messages,
    Say,
    MarkRead,
    Replying,
    Assign,
    Label,
    Close,
    Reopen,
    Snooze,
    Move,
    Notes,
    AddNote,
    EditNote,
    RemoveNote,
    Inboxes,
    AddInbox,
    RemoveInbox,
    CannedReplies,
    SetCanned,
    RemoveCanned,
    Search,
}

/// What somebody needs for a call. The owner of the machine needs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it is how one signs in.
    Nothing,
    /// To have signed in.
    SignedIn,
    /// A role that may do this, everywhere.
    May(Action),
    /// The same, or to be the person whom it is about.
    MayOrSelf(Action),
    /// A role that may do this in the inboxes that they see. What lies in others is as if it were not there.
    In(Action),
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its method: `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Its path under `/lacre/v1/`: words, and what numbers and names are of in braces.
    pub shape: &'static str,
    /// What somebody needs for it.
    pub need: Need,
    /// What the audit log calls it; `None` for what changes nothing and tells nothing about people.
    pub what: Option<&'static str>,
    /// What it does.
    pub op: Op,
}

const fn route(
    method: &'static str,
    shape: &'static str,
    need: Need,
    what: Option<&'static str>,
    op: Op,
) -> Route {
    Route { method, shape, need, what, op }
}

use Action::{
    Annotate, Answer, Assign, Audit, CannedReplies, Consents, Erase, Export, Nodes, People, Providers, Read,
    Retention, Templates, Tokens, Webhooks,
};
use Need::{In, May, MayOrSelf, Nothing, SignedIn};

/// The table.
pub const OWN_ROUTES: &[Route] = &[
    route("POST", "sign-in", Nothing, Some("sign-in"), Op::SignIn),
    route("POST", "sign-out", SignedIn, Some("sign-out"), Op::SignOut),
    route("GET", "me", SignedIn, None, Op::Me),
    route("GET", "people", May(People), Some("people.list"), Op::People),
    route("POST", "people", May(People), Some("people.add"), Op::AddPerson),
    route("POST", "people/{person}", May(People), Some("people.change"), Op::ChangePerson),
    route("DELETE", "people/{person}", May(People), Some("people.remove"), Op::RemovePerson),
    route("POST", "people/{person}/reset", MayOrSelf(People), Some("people.reset"), Op::ResetPerson),
    route("GET", "tokens", May(Tokens), None, Op::Tokens),
    route("POST", "tokens", May(Tokens), Some("token.create"), Op::MakeToken),
    route("POST", "tokens/{token}/rotate", May(Tokens), Some("token.rotate"), Op::RotateToken),
    route("POST", "tokens/{token}/revoke", May(Tokens), Some("token.revoke"), Op::RevokeToken),
    route("GET", "webhooks", May(Webhooks), None, Op::Webhooks),
    route("POST", "webhooks", May(Webhooks), Some("webhook.set"), Op::SetWebhook),
    route("DELETE", "webhooks/{level}", May(Webhooks), Some("webhook.remove"), Op::RemoveWebhook),
    route("GET", "webhooks/deliveries", May(Webhooks), None, Op::Deliveries),
    route("GET", "webhooks/dead", May(Webhooks), None, Op::Dead),
    route("POST", "webhooks/replay", May(Webhooks), Some("webhook.replay"), Op::Replay),
    route("POST", "webhooks/rotate-secret", May(Webhooks), Some("secret.rotate"), Op::RotateSecret),
    route("GET", "templates", May(Templates), None, Op::Templates),
    route(
        "POST",
        "templates/{template}/approve",
        May(Templates),
        Some("template.approve"),
        Op::ApproveTemplate,
    ),
    route("POST", "templates/{template}/reject", May(Templates), Some("template.reject"), Op::RejectTemplate),
    route("POST", "templates/{template}/pause", May(Templates), Some("template.pause"), Op::PauseTemplate),
    route("POST", "templates/{template}/resume", May(Templates), Some("template.resume"), Op::ResumeTemplate),
    route("GET", "consents", May(Consents), Some("consent.list"), Op::Consents),
    route("GET", "consents/export", May(Consents), Some("consent.export"), Op::ExportConsents),
    route("GET", "customers/{customer}/export", May(Export), Some("customer.export"), Op::ExportCustomer),
    route(
        "GET",
        "customers/{customer}/messages",
        May(Export),
        Some("customer.export.messages"),
        Op::CustomerMessages,
    ),
    route("POST", "customers/{customer}/erase", May(Erase), Some("customer.erase"), Op::EraseCustomer),
    route(
        "POST",
        "customers/{customer}/restrict",
        May(Erase),
        Some("customer.restrict"),
        Op::RestrictCustomer,
    ),
    route("GET", "nodes", May(Nodes), None, Op::Nodes),
    route("POST", "nodes", May(Nodes), Some("node.add"), Op::AddNode),
    route("POST", "nodes/lead", May(Nodes), Some("node.lead"), Op::LeadNodes),
    route("DELETE", "nodes/{device}", May(Nodes), Some("node.remove"), Op::RemoveNode),
    route("GET", "records", May(Audit), None, Op::Records),
    route("GET", "terms", May(Consents), None, Op::Terms),
    route("POST", "terms", May(Retention), Some("terms.set"), Op::SetTerms),
    route("GET", "providers", May(Consents), None, Op::Providers),
    route("POST", "providers", May(Providers), Some("provider.add"), Op::AddProvider),
    route("DELETE", "providers/{provider}", May(Providers), Some("provider.remove"), Op::RemoveProvider),
    route("GET", "retention", May(Audit), Some("retention.list"), Op::Retention),
    route("POST", "retention", May(Retention), Some("retention.set"), Op::SetRetention),
    route("GET", "retention/report", May(Audit), Some("retention.report"), Op::ReportRetention),
    route("POST", "retention/sweep", May(Retention), Some("retention.sweep"), Op::SweepRetention),
    route("GET", "audit", May(Audit), Some("audit.list"), Op::Audit),
    route("GET", "audit/head", May(Audit), None, Op::AuditHead),
    route("POST", "audit/verify", May(Audit), Some("audit.verify"), Op::VerifyAudit),
    route("GET", "audit/{row}/proof", May(Audit), Some("audit.proof"), Op::ProveAudit),
    route("GET", "conversations", In(Read), Some("conversation.list"), Op::Conversations),
    route("GET", "conversations/{customer}", In(Read), Some("conversation.look"), Op::Conversation),
    route("GET", "conversations/{customer}/messages", In(Read), Some("conversation.messages"), Op::Messages),
    route("POST", "conversations/{customer}/messages", In(Answer), Some("conversation.say"), Op::Say),
    route("POST", "conversations/{customer}/read", In(Answer), Some("conversation.mark-read"), Op::MarkRead),
    route("POST", "conversations/{customer}/replying", In(Answer), None, Op::Replying),
    route("POST", "conversations/{customer}/assign", In(Answer), Some("conversation.assign"), Op::Assign),
    route("POST", "conversations/{customer}/labels", In(Annotate), Some("conversation.label"), Op::Label),
    route("POST", "conversations/{customer}/close", In(Answer), Some("conversation.close"), Op::Close),
    route("POST", "conversations/{customer}/reopen", In(Answer), Some("conversation.reopen"), Op::Reopen),
    route("POST", "conversations/{customer}/snooze", In(Answer), Some("conversation.snooze"), Op::Snooze),
    route("POST", "conversations/{customer}/move", In(Assign), Some("conversation.move"), Op::Move),
    route("GET", "conversations/{customer}/notes", In(Read), Some("note.list"), Op::Notes),
    route("POST", "conversations/{customer}/notes", In(Annotate), Some("note.add"), Op::AddNote),
    route("POST", "conversations/{customer}/notes/{note}", In(Annotate), Some("note.edit"), Op::EditNote),
    route(
        "DELETE",
        "conversations/{customer}/notes/{note}",
        In(Annotate),
        Some("note.remove"),
        Op::RemoveNote,
    ),
    route("GET", "inboxes", In(Read), None, Op::Inboxes),
    route("POST", "inboxes", May(People), Some("inbox.add"), Op::AddInbox),
    route("DELETE", "inboxes/{inbox}", May(People), Some("inbox.remove"), Op::RemoveInbox),
    route("GET", "canned", In(Answer), None, Op::CannedReplies),
    route("POST", "canned", May(CannedReplies), Some("canned.set"), Op::SetCanned),
    route("DELETE", "canned/{canned}", May(CannedReplies), Some("canned.remove"), Op::RemoveCanned),
    route("GET", "search", In(Read), Some("conversation.search"), Op::Search),
];

/// The call at a path.
pub fn find(method: &str, path: &[String]) -> Option<&'static Route> {
    let fits = |shape: &str| {
        let mut pieces = shape.split('/');
        let all = path.iter().all(|piece| pieces.next().is_some_and(|it| it.starts_with('{') || it == piece));
        all && pieces.next().is_none()
    };
    OWN_ROUTES.iter().find(|it| it.method == method && fits(it.shape))
}
