//! A template with what a send gives it: parameters are counted and typed, then filled in.

use std::collections::BTreeMap;

use url::Url;

use super::{ButtonShape, Format, HeaderShape, Shape, Template, Text};
use crate::api::error::ApiError;
use crate::api::messages::place;
use crate::api::reader::At;
use crate::chat::{Button, Card, Choice, File, Header, MediaKind, Offer, TemplateRef};

/// Most characters of the text once it is filled in.
const BODY_MAX: usize = 1_024;
const HEADER_MAX: usize = 60;
const PAYLOAD_MAX: usize = 128;

/// A template filled in with what a send gives; only its media is still to be fetched.
pub struct Given<'a> {
    /// The media above the text, to be resolved: its kind, and the object with its id or link.
    pub media: Option<(MediaKind, At<'a>)>,
    header: Option<Header>,
    body: String,
    buttons: Vec<Button>,
}

impl<'a> Given<'a> {
    /// Fills in a template of this shape from `components` of a send.
    pub fn read(components: &[At<'a>], shape: &Shape, format: Format) -> Result<Self, ApiError> {
        let (mut header, mut body, mut values) = (Vec::new(), Vec::new(), BTreeMap::new());
        for component in components {
            let kind = component.need("type")?;
            let parameters = component.maybe_items("parameters", 100)?;
            match kind.text(1, 40)?.to_ascii_lowercase().as_str() {
                "header" => header = parameters,
                "body" => body = parameters,
                "button" => read_button(component, &parameters, shape, &mut values)?,
                // It has nothing to fill in; some say it all the same.
                "footer" if parameters.is_empty() => {}
                _ => return Err(kind.bad("must be header, body or button")),
            }
        }
        let (header, media) = read_header(&header, shape, format)?;
        let texts = texts("body", &body, &shape.body, format)?;
        let body = within("body", shape.body.fill(&texts), BODY_MAX)?;
        let buttons = shape.buttons.iter().enumerate().map(|(index, shape)| {
            let value = values.get(&index).map(String::as_str);
            button(index, shape, value, texts.get("1").map(String::as_str))
        });
        Ok(Self { media, header, body, buttons: buttons.collect::<Result<_, _>>()? })
    }

    /// The card. `media` is what [`Self::media`] was resolved to.
    pub fn card(self, template: &Template, shape: &Shape, media: Option<File>) -> Card {
        let media = self.media.zip(media).map(|((kind, _), file)| Header::Media(kind, file));
        Card {
            header: self.header.or(media),
            body: self.body,
            footer: shape.footer.clone(),
            offer: if self.buttons.is_empty() { Offer::None } else { Offer::Buttons(self.buttons) },
            template: Some(TemplateRef { name: template.name.clone(), language: template.language.clone() }),
        }
    }
}

/// What stands above: whole, or media that is to be resolved.
type HeaderGiven<'a> = (Option<Header>, Option<(MediaKind, At<'a>)>);

fn read_header<'a>(given: &[At<'a>], shape: &Shape, format: Format) -> Result<HeaderGiven<'a>, ApiError> {
    let kind = match &shape.header {
        HeaderShape::None => return count("header", given.len(), 0).map(|()| (None, None)),
        HeaderShape::Text(text) => {
            let filled = text.fill(&texts("header", given, text, format)?);
            return Ok((Some(Header::Text(within("header", filled, HEADER_MAX)?)), None));
        }
        HeaderShape::Media(kind) => Some(*kind),
        HeaderShape::Place => None,
    };
    count("header", given.len(), 1)?;
    let wanted = match kind {
        Some(MediaKind::Image) => "image",
        Some(MediaKind::Video) => "video",
        Some(_) => "document",
        None => "location",
    };
    let said = given[0].need_text("type", 40)?.to_ascii_lowercase();
    if said != wanted {
        let details = format!("header: the template has {wanted}, and the parameter is {said}");
        return Err(ApiError::ParameterFormat(details));
    }
    let value = given[0].need(wanted)?;
    Ok(match kind {
        Some(kind) => (None, Some((kind, value))),
        None => (Some(Header::Place(place(&value)?)), None),
    })
}

/// Reads the value of one button into its place.
fn read_button(
    component: &At<'_>,
    given: &[At<'_>],
    shape: &Shape,
    values: &mut BTreeMap<usize, String>,
) -> Result<(), ApiError> {
    // One client leaves out a 0.
    let place = component.maybe("index")?;
    let index = place.as_ref().map_or(Ok(0), At::whole)?;
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let place = place.as_ref().unwrap_or(component);
    let button = shape.buttons.get(index).ok_or_else(|| place.bad("is no button of the template"))?;
    let said = component.need_text("sub_type", 40)?.to_ascii_lowercase();
    let (names, most): (&[&str], usize) = match button {
        ButtonShape::Reply(_) => (&["quick_reply"], 1),
        ButtonShape::Link(_, text) => (&["url"], text.variables().len()),
        ButtonShape::Phone(..) => (&["phone_number", "voice_call"], 0),
        ButtonShape::Coupon(_) => (&["copy_code"], 1),
        // The vendor's clients send the code as the end of a link.
        ButtonShape::Code(_) => (&["url", "copy_code"], 1),
    };
    if !names.contains(&said.as_str()) {
        return Err(ApiError::ParameterFormat(format!("button {index}: the template has no {said} there")));
    }
    if given.len() > most {
        count(&format!("button {index}"), given.len(), most)?;
    }
    if let Some(parameter) = given.first()
        && values.insert(index, button_value(parameter, index)?).is_some()
    {
        return Err(place.bad("comes twice"));
    }
    Ok(())
}

fn button_value(parameter: &At<'_>, index: usize) -> Result<String, ApiError> {
    let kind = parameter.need_text("type", 40)?.to_ascii_lowercase();
    let name = match kind.as_str() {
        "text" | "payload" | "coupon_code" => kind.as_str(),
        _ => {
            let details = format!("button {index}: the parameter must be text, payload or coupon_code");
            return Err(ApiError::ParameterFormat(details));
        }
    };
    let most = if name == "text" { 2_000 } else { PAYLOAD_MAX };
    Ok(parameter.need_text(name, most)?.to_owned())
}

/// A button with its value. `code` is what the text has in the place of a code to sign in with.
fn button(
    index: usize,
    shape: &ButtonShape,
    value: Option<&str>,
    code: Option<&str>,
) -> Result<Button, ApiError> {
    let needed = || {
        value.ok_or_else(|| ApiError::Missing(format!("button {index} of the template requires a parameter")))
    };
    Ok(match shape {
        ButtonShape::Reply(title) => {
            let id = value.unwrap_or(title).to_owned();
            Button::Reply(Choice { id, title: title.clone(), description: String::new() })
        }
        ButtonShape::Link(title, text) => {
            let value = if text.variables().is_empty() { "" } else { needed()? };
            let link = text.fill(&[("1".to_owned(), value.to_owned())].into());
            let bad =
                |_| ApiError::TemplateValue(format!("button {index}: with its parameter it is no link"));
            Button::Link(title.clone(), Url::parse(&link).map_err(bad)?)
        }
        ButtonShape::Phone(title, number) => Button::Phone(title.clone(), number.clone()),
        ButtonShape::Coupon(title) => Button::Copy(title.clone(), needed()?.to_owned()),
        ButtonShape::Code(title) => {
            Button::Copy(title.clone(), value.or(code).unwrap_or_default().to_owned())
        }
    })
}

/// The values of the variables of a text, counted, named and typed.
fn texts(
    what: &str,
    given: &[At<'_>],
    text: &Text,
    format: Format,
) -> Result<BTreeMap<String, String>, ApiError> {
    let variables = text.variables();
    count(what, given.len(), variables.len())?;
    let mut values = BTreeMap::new();
    for (index, parameter) in given.iter().enumerate() {
        let name = parameter.maybe_text("parameter_name", 50)?;
        let name = match format {
            Format::Positional if name.is_empty() => (index + 1).to_string(),
            Format::Named if variables.contains(&name) => name.to_owned(),
            Format::Named if name.is_empty() => {
                return Err(parameter.need("parameter_name").err().unwrap_or(ApiError::Internal));
            }
            _ => {
                let details = format!("{what}: the template has no variable of the name {name}");
                return Err(ApiError::ParameterFormat(details));
            }
        };
        let value = text_value(what, parameter)?;
        if values.insert(name, value).is_some() {
            return Err(ApiError::ParameterFormat(format!("{what}: a variable is given twice")));
        }
    }
    Ok(values)
}

fn text_value(what: &str, parameter: &At<'_>) -> Result<String, ApiError> {
    let kind = parameter.need_text("type", 40)?.to_ascii_lowercase();
    let value = match kind.as_str() {
        "text" => parameter.need_text("text", 32_768)?,
        "currency" | "date_time" => parameter.need(&kind)?.need_text("fallback_value", 32_768)?,
        _ => {
            let details = format!("{what}: a variable of text cannot be given as {kind}");
            return Err(ApiError::ParameterFormat(details));
        }
    };
    // The same words in another layout would be another text than the one that was approved.
    if value.contains(['\n', '\r', '\t']) || value.contains("     ") {
        let details =
            format!("{what}: a parameter must not have line ends, tabs or more than four spaces in a row");
        return Err(ApiError::TemplateValue(details));
    }
    Ok(value.to_owned())
}

fn count(what: &str, given: usize, wanted: usize) -> Result<(), ApiError> {
    if given == wanted {
        return Ok(());
    }
    let details = format!(
        "{what}: number of localizable_params ({given}) does not match the expected number of params ({wanted})"
    );
    Err(ApiError::ParameterCount(details))
}

fn within(what: &str, text: String, most: usize) -> Result<String, ApiError> {
    if text.chars().count() <= most {
        return Ok(text);
    }
    Err(ApiError::TemplateTooLong(format!("{what}: more than {most} characters with its parameters")))
}
