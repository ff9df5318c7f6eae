//! `/{account}/message_templates` and `/{template}`.

use serde_json::{Value, json};

use super::apps::Notice;
use super::call::{Call, success};
use super::error::ApiError;
use super::fields;
use super::page::page;
use super::reader::At;
use crate::node::{Approve, Node, Ports};
use crate::templates::{Format, Purpose, Shape, Status, TEMPLATES_MAX, Template, rejected_for};

/// What is told of a template when nothing else is asked for.
const USUAL: [&str; 8] =
    ["name", "parameter_format", "components", "language", "status", "category", "previous_category", "id"];

/// `POST /{account}/message_templates`.
pub async fn create<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    let name = params.need("name")?;
    let text = name.text(1, 512)?;
    if !text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_') {
        return Err(invalid(name.bad("may have only a-z, 0-9 and _")));
    }
    let language = params.need("language")?;
    if !is_language(language.text(2, 15)?) {
        return Err(invalid(language.bad("must be a language as en or pt_BR")));
    }
    let purpose = purpose_of(&params.need("category")?)?;
    let format = match params.maybe_text("parameter_format", 20)?.to_ascii_uppercase().as_str() {
        "" | "POSITIONAL" => Format::Positional,
        "NAMED" => Format::Named,
        _ => return Err(invalid(params.need("parameter_format")?.bad("must be POSITIONAL or NAMED"))),
    };
    let components = params.need("components")?;
    let language = language.text(2, 15)?.to_owned();
    Shape::read(&components, purpose, format, &language)?;
    node.creations.take((), node.now()).map_err(|wait| ApiError::CallLimit(wait, "100 templates an hour"))?;
    if node.templates.all().await?.len() >= TEMPLATES_MAX {
        return Err(ApiError::Invalid(format!("No more than {TEMPLATES_MAX} templates can be kept")));
    }
    let template = Template {
        id: node.free_id().await?,
        name: text.to_owned(),
        language,
        purpose,
        before: None,
        format,
        components: components.value().to_string(),
        status: first_status(node),
        reason: None,
        made: node.now(),
    };
    if !node.templates.create(&template).await? {
        return Err(ApiError::TemplateExists);
    }
    node.tell(Notice::TemplateStatus(template.clone())).await;
    Ok(json!({
        "id": template.id.to_string(),
        "status": template.status.name(),
        "category": template.purpose.name(),
    }))
}

/// `GET /{account}/message_templates`.
pub async fn list<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let filter = Filter::read(call)?;
    let all = node.templates.all().await?;
    let total = all.len();
    let rows = all
        .iter()
        .filter(|it| filter.takes(it))
        .map(|it| (format!("{} {}", it.name, it.language), told(it)))
        .collect();
    let mut list = page(node, call, rows, &USUAL)?;
    if call.params().maybe("summary")?.is_some() {
        list["summary"] = json!({
            "total_count": total,
            "message_template_count": total,
            "message_template_limit": TEMPLATES_MAX,
            "are_translations_complete": true,
        });
    }
    Ok(list)
}

/// `GET /{template}`, `GET /{account}/message_templates/{template}`: the id is at this place of the path.
pub async fn get<P: Ports>(node: &Node<P>, call: &Call, place: usize) -> Result<Value, ApiError> {
    let template = node.templates.get(call.id(place)?).await?.ok_or(ApiError::Unknown)?;
    Ok(fields::select(told(&template), call.fields.as_deref(), &USUAL))
}

/// `POST /{template}`, `POST /{account}/message_templates/{template}`: other components, or another category. It is looked
/// at again.
pub async fn edit<P: Ports>(node: &Node<P>, call: &Call, place: usize) -> Result<Value, ApiError> {
    let params = call.params();
    let id = call.id(place)?;
    let template = node.templates.get(id).await?.ok_or(ApiError::Unknown)?;
    if matches!(template.status, Status::Pending | Status::Disabled) {
        let details = format!("A template that is {} cannot be edited", template.status.name());
        return Err(ApiError::Invalid(details));
    }
    let purpose = match params.maybe("category")? {
        Some(category) => purpose_of(&category)?,
        None => template.purpose,
    };
    let components = match params.maybe("components")? {
        Some(components) => components.value().to_string(),
        None if purpose != template.purpose => template.components.clone(),
        None => return Err(ApiError::Invalid("components or category is required".to_owned())),
    };
    let edited = Template {
        purpose,
        before: if purpose == template.purpose { template.before } else { Some(template.purpose) },
        components,
        status: first_status(node),
        reason: None,
        ..template.clone()
    };
    Shape::of(&edited)?;
    let change = |it: &mut Template| {
        // Who was faster has decided about what is not there any more.
        if *it == template {
            it.clone_from(&edited);
        }
    };
    let now = node.templates.change(id, change).await?.ok_or(ApiError::Unknown)?;
    if now != edited {
        return Err(ApiError::Invalid("The template was changed by someone else meanwhile".to_owned()));
    }
    if edited.purpose != template.purpose {
        node.tell(Notice::TemplatePurpose(edited.clone())).await;
    }
    let mut answer = success();
    answer["id"] = edited.id.to_string().into();
    answer["name"] = edited.name.as_str().into();
    answer["category"] = edited.purpose.name().into();
    if edited.status != template.status {
        node.tell(Notice::TemplateStatus(edited)).await;
    }
    Ok(answer)
}

/// `DELETE /{account}/message_templates?name=`: in all languages, or the one with `hsm_id`.
pub async fn delete_named<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    let name = params.need_text("name", 512)?;
    let id = params.maybe("hsm_id")?.map(|it| it.digits()).transpose()?;
    let all = node.templates.all().await?;
    let doomed = all.into_iter().filter(|it| it.name == name);
    let doomed: Vec<_> = doomed.filter(|it| id.as_ref().is_none_or(|id| it.id.to_string() == *id)).collect();
    if doomed.is_empty() {
        return Err(ApiError::Invalid("There is no such template".to_owned()));
    }
    for template in doomed {
        node.templates.remove(&template).await?;
        node.tell(Notice::TemplateDeleted(template)).await;
    }
    Ok(success())
}

/// `DELETE /{template}`.
pub async fn delete<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let template = node.templates.get(call.id(0)?).await?.ok_or(ApiError::Unknown)?;
    node.templates.remove(&template).await?;
    node.tell(Notice::TemplateDeleted(template)).await;
    Ok(success())
}

fn first_status<P: Ports>(node: &Node<P>) -> Status {
    match node.settings.approve {
        Approve::Automatically => Status::Approved,
        Approve::ByOperator => Status::Pending,
    }
}

fn purpose_of(at: &At<'_>) -> Result<Purpose, ApiError> {
    Purpose::named(at.text(1, 40)?)
        .ok_or_else(|| invalid(at.bad("must be MARKETING, UTILITY or AUTHENTICATION")))
}

/// `en`, `pt_BR`, `zh_Hant_HK`.
fn is_language(text: &str) -> bool {
    text.bytes().take(2).all(|it| it.is_ascii_lowercase())
        && text
            .split('_')
            .all(|it| (2..=4).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric()))
}

/// What is wrong with a template is an invalid parameter (100) in the API, not a bad value.
fn invalid(error: ApiError) -> ApiError {
    ApiError::Invalid(error.to_string())
}

/// A template as it is told.
pub(crate) fn told(template: &Template) -> Value {
    let components: Value = serde_json::from_str(&template.components).unwrap_or_default();
    let mut told = json!({
        "id": template.id.to_string(),
        "name": template.name,
        "language": template.language,
        "status": template.status.name(),
        "category": template.purpose.name(),
        "parameter_format": template.format.name(),
        "components": components,
        "rejected_reason": rejected_for(template.reason.as_deref()),
        "quality_score": { "score": "UNKNOWN", "date": template.made / 1_000 },
    });
    if let Some(words) = &template.reason {
        told["rejection_info"] = json!({ "reason": words });
    }
    if let Some(before) = template.before {
        told["previous_category"] = before.name().into();
    }
    told
}

/// What a list is narrowed to.
struct Filter {
    name: String,
    content: String,
    name_or_content: String,
    status: Vec<String>,
    category: Vec<String>,
    language: Vec<String>,
    quality: Vec<String>,
}

impl Filter {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let params = call.params();
        let text = |name| Ok::<_, ApiError>(params.maybe_text(name, 1_024)?.to_lowercase());
        // One value, several with commas, or a list in JSON.
        let list = |name| {
            let text = text(name)?;
            let pieces =
                text.split(',').map(|it| it.trim_matches(|it: char| " []\"'".contains(it)).to_owned());
            Ok::<_, ApiError>(pieces.filter(|it| !it.is_empty()).collect())
        };
        Ok(Self {
            name: text("name")?,
            content: text("content")?,
            name_or_content: text("name_or_content")?,
            status: list("status")?,
            category: list("category")?,
            language: list("language")?,
            quality: list("quality_score")?,
        })
    }

    fn takes(&self, it: &Template) -> bool {
        let one_of = |wanted: &[String], is: &str| {
            wanted.is_empty() || wanted.iter().any(|it| it.eq_ignore_ascii_case(is))
        };
        let content = it.components.to_lowercase();
        it.name.contains(&self.name)
            && content.contains(&self.content)
            && (it.name.contains(&self.name_or_content) || content.contains(&self.name_or_content))
            && one_of(&self.status, it.status.name())
            && one_of(&self.category, it.purpose.name())
            && one_of(&self.language, &it.language)
            && one_of(&self.quality, "UNKNOWN")
    }
}
