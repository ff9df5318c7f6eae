//! What the operator decides about a template, and that programs hear of it.

use lacre_store::data::Data;

use super::{Status, Template, Templates};
use crate::api::apps::{Hooks, Notice};
use crate::node::{Node, Ports};
use crate::store::StoreError;

/// What is decided about a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may be sent.
    Approve,
    /// It may not, for this reason.
    Reject(String),
    /// It rests.
    Pause,
    /// It is not sent any more.
    Disable,
}

impl<P: Ports> Node<P> {
    /// Approves a template.
    pub async fn approve(&self, id: u64) -> Result<Option<Template>, StoreError> {
        self.decide(id, Decision::Approve).await
    }

    /// Rejects a template, with a reason in the API's words (`INCORRECT_CATEGORY`) or in others.
    pub async fn reject(&self, id: u64, reason: String) -> Result<Option<Template>, StoreError> {
        self.decide(id, Decision::Reject(reason)).await
    }

    /// Pauses a template.
    pub async fn pause(&self, id: u64) -> Result<Option<Template>, StoreError> {
        self.decide(id, Decision::Pause).await
    }

    /// Decides about a template, and tells programs when that changed something. `None` when there is no such
    /// template.
    pub async fn decide(&self, id: u64, decision: Decision) -> Result<Option<Template>, StoreError> {
        decide(&self.templates, &self.hooks, id, decision).await
    }

    /// Tells programs; that they cannot be told does not undo what happened.
    pub(crate) async fn tell(&self, notice: Notice) {
        tell(&self.hooks, notice).await;
    }
}

/// Decides about a template, and tells programs when that changed something. `None` when there is no such template. What
/// does not lead there from where it stands ([`Status::leads_to`]) changes nothing: the template is as it was.
pub async fn decide<D: Data>(
    templates: &Templates<D>,
    hooks: &impl Hooks,
    id: u64,
    decision: Decision,
) -> Result<Option<Template>, StoreError> {
    let (status, reason) = match decision {
        Decision::Approve => (Status::Approved, None),
        Decision::Reject(reason) => (Status::Rejected, Some(reason)),
        Decision::Pause => (Status::Paused, None),
        Decision::Disable => (Status::Disabled, None),
    };
    let mut changed = false;
    let change = |it: &mut Template| {
        changed = it.status != status && it.status.leads_to(status);
        if it.status.leads_to(status) {
            it.status = status;
            it.reason.clone_from(&reason);
        }
    };
    let template = templates.change(id, change).await?;
    if let Some(template) = template.as_ref().filter(|_| changed) {
        tell(hooks, Notice::TemplateStatus(template.clone())).await;
    }
    Ok(template)
}

async fn tell(hooks: &impl Hooks, notice: Notice) {
    if hooks.tell(notice).await.is_err() {
        tracing::warn!("a notice was not taken by the webhooks");
    }
}
