//! A template that is to be sent.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::reader::At;
use super::media;
use crate::chat::Card;
use crate::node::{Node, Ports};
use crate::templates::{Given, Shape, Status, Template};

/// A template with what the request gives it; only its media is still to be fetched.
pub(super) struct Filled<'a> {
    pub template: Template,
    shape: Shape,
    given: Given<'a>,
}

impl<'a> Filled<'a> {
    pub async fn read<P: Ports>(node: &Node<P>, at: &At<'a>) -> Result<Self, ApiError> {
        let name = at.need_text("name", 512)?;
        let language = at.need("language")?;
        // Older clients give the code alone.
        let code = match language.value() {
            Value::String(_) => language.text(1, 20)?,
            _ => language.need_text("code", 20)?,
        };
        let none = || {
            ApiError::NoTemplate(format!(
                "template name ({name}) does not exist in {code}, or is not approved"
            ))
        };
        let template = node.templates.find(name, code).await?.ok_or_else(none)?;
        match template.status {
            Status::Approved => {}
            Status::Pending | Status::Rejected => return Err(none()),
            Status::Paused => return Err(ApiError::TemplatePaused),
            Status::Disabled => return Err(ApiError::TemplateDisabled),
        }
        let shape = Shape::of(&template)?;
        let components = at.maybe_items("components", 40)?;
        let given = Given::read(&components, &shape, template.format)?;
        if let Some((_, object)) = &given.media {
            media::check(object)?;
        }
        Ok(Self { template, shape, given })
    }

    pub async fn card<P: Ports>(self, node: &Node<P>) -> Result<Card, ApiError> {
        let Self { template, shape, given } = self;
        let file = match &given.media {
            Some((kind, object)) => Some(media::file(node, object, *kind).await?),
            None => None,
        };
        Ok(given.card(&template, &shape, file))
    }
}
