//! A template with what a send gives it: parameters are counted and typed, then filled in.

use std::collections::BTreeMap;

use url::Url;

use super::{ButtonShape, Format, HeaderShape, Shape, Template, Text};
use crate::api::error::ApiError;
use crate::api::reader::At;
use crate::chat::{Button, Card, Choice, File, Header, MediaKind, Offer, Place, TemplateRef};

/// Most characters of the text once it is filled in.
const BODY_MAX: usize = 1_024;
const HEADER_MAX: usize = 60;
const PAYLOAD_MAX: usize = 128;

/// What a send gives a template. Made by [`Given::read`], which holds it against the template.
pub struct Given<'a> {
    /// The media above the text, to be resolved: its kind, and the object with its id or link.
    pub media: Option<(MediaKind, At<'a>)>,
    header: BTreeMap<String, String>,
    place: Option<Place>,
    body: BTreeMap<String, String>,
    /// What each button got, by its place.
    buttons: BTreeMap<usize, String>,
}

impl<'a> Given<'a> {
    /// Reads `components` of a send for a template of this shape.
    pub fn read(components: &[At<'a>], shape: &Shape, format: Format) -> Result<Self, ApiError> {
        let mut given = Self {
            media: None,
            header: BTreeMap::new(),
            place: None,
            body: BTreeMap::new(),
            buttons: BTreeMap::new(),
        };
        let (mut header, mut body) = (Vec::new(), Vec::new());
        for component in components {
            let kind = component.need("type")?;
            let parameters = component.maybe_items("parameters", 100)?;
            match kind.text(1, 40)?.to_ascii_lowercase().as_str() {
                "header" => header = parameters,
                "body" => body = parameters,
                "button" => given.button(component, &parameters, shape)?,
                _ => return Err(kind.bad("must be header, body or button")),
            }
        }
        given.header(&header, shape, format)?;
        given.body = texts("body", &body, &shape.body, format)?;
        given.buttons_are_whole(shape)?;
        Ok(given)
    }

    /// The card. `media` is what [`Self::media`] was resolved to.
    pub fn card(self, template: &Template, shape: &Shape, media: Option<File>) -> Result<Card, ApiError> {
        let header = match (&shape.header, media) {
            (HeaderShape::Text(text), _) => {
                Some(Header::Text(within("header", text.fill(&self.header), HEADER_MAX)?))
            }
            (HeaderShape::Media(kind), Some(file)) => Some(Header::Media(*kind, file)),
            (HeaderShape::Place, _) => self.place.map(Header::Place),
            (HeaderShape::None | HeaderShape::Media(_), _) => None,
        };
        let mut buttons = Vec::new();
        for (index, shape) in shape.buttons.iter().enumerate() {
            let value = self.buttons.get(&index).map(String::as_str);
            buttons.push(button(shape, value, &self.body)?);
        }
        Ok(Card {
            header,
            body: within("body", shape.body.fill(&self.body), BODY_MAX)?,
            footer: shape.footer.clone(),
            offer: if buttons.is_empty() { Offer::None } else { Offer::Buttons(buttons) },
            template: Some(TemplateRef { name: template.name.clone(), language: template.language.clone() }),
        })
    }

    fn header(&mut self, given: &[At<'a>], shape: &Shape, format: Format) -> Result<(), ApiError> {
        let kind = match &shape.header {
            HeaderShape::None => return count("header", given.len(), 0),
            HeaderShape::Text(text) => {
                self.header = texts("header", given, text, format)?;
                return Ok(());
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
        match kind {
            Some(kind) => self.media = Some((kind, value)),
            None => self.place = Some(crate::api::messages::place(&value)?),
        }
        Ok(())
    }

    fn button(&mut self, component: &At<'a>, given: &[At<'a>], shape: &Shape) -> Result<(), ApiError> {
        let place = component.need("index")?;
        let index = usize::try_from(place.whole()?).unwrap_or(usize::MAX);
        let button = shape.buttons.get(index).ok_or_else(|| place.bad("is no button of the template"))?;
        let sub_type = component.need("sub_type")?;
        let said = sub_type.text(1, 40)?.to_ascii_lowercase();
        let fits = match button {
            ButtonShape::Reply(_) => said == "quick_reply",
            ButtonShape::Link(..) => said == "url",
            ButtonShape::Phone(..) => said == "voice_call" || said == "phone_number",
            ButtonShape::Coupon(_) => said == "copy_code",
            // The vendor's clients send the code as the end of a link.
            ButtonShape::Code(_) => said == "url" || said == "copy_code",
        };
        if !fits {
            return Err(ApiError::ParameterFormat(format!(
                "button {index}: the template has no {said} there"
            )));
        }
        let most = match button {
            ButtonShape::Phone(..) => 0,
            ButtonShape::Link(_, text) => text.variables().len(),
            ButtonShape::Reply(_) | ButtonShape::Coupon(_) | ButtonShape::Code(_) => 1,
        };
        if given.len() > most {
            return Err(count(&format!("button {index}"), given.len(), most).expect_err("there are more"));
        }
        if let Some(parameter) = given.first() {
            let value = button_value(parameter, index)?;
            if self.buttons.insert(index, value).is_some() {
                return Err(place.bad("comes twice"));
            }
        }
        Ok(())
    }

    /// Buttons that cannot do without a value must have got one.
    fn buttons_are_whole(&self, shape: &Shape) -> Result<(), ApiError> {
        for (index, button) in shape.buttons.iter().enumerate() {
            let needs = match button {
                ButtonShape::Link(_, text) => !text.variables().is_empty(),
                ButtonShape::Coupon(_) => true,
                ButtonShape::Reply(_) | ButtonShape::Phone(..) | ButtonShape::Code(_) => false,
            };
            if needs && !self.buttons.contains_key(&index) {
                return Err(ApiError::Missing(format!(
                    "button {index} of the template requires a parameter"
                )));
            }
        }
        Ok(())
    }
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

fn button(
    shape: &ButtonShape,
    value: Option<&str>,
    body: &BTreeMap<String, String>,
) -> Result<Button, ApiError> {
    Ok(match shape {
        ButtonShape::Reply(title) => Button::Reply(Choice {
            id: value.unwrap_or(title).to_owned(),
            title: title.clone(),
            description: String::new(),
        }),
        ButtonShape::Link(title, text) => {
            let values = [("1".to_owned(), value.unwrap_or_default().to_owned())].into();
            let link = text.fill(&values);
            let bad = || ApiError::TemplateValue("button: with its parameter the link is none".to_owned());
            Button::Link(title.clone(), Url::parse(&link).map_err(|_| bad())?)
        }
        ButtonShape::Phone(title, number) => Button::Phone(title.clone(), number.clone()),
        ButtonShape::Coupon(title) => Button::Copy(title.clone(), value.unwrap_or_default().to_owned()),
        ButtonShape::Code(title) => {
            let code = value.or(body.get("1").map(String::as_str)).unwrap_or_default();
            Button::Copy(title.clone(), code.to_owned())
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
