//! What a template is made of, read from its components and held to the API's limits.

use serde_json::Value;
use url::Url;

use super::text::variables_are;
use super::{Format, Purpose, Text};
use crate::api::error::ApiError;
use crate::api::reader::At;
use crate::chat::MediaKind;

/// What stands above a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderShape {
    /// Nothing.
    None,
    /// A line of text.
    Text(Text),
    /// A picture, a video or a document, given when it is sent.
    Media(MediaKind),
    /// A place, given when it is sent.
    Place,
}

/// A button of a template, with what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ButtonShape {
    /// Answers.
    Reply(String),
    /// Opens a link, which may end with a variable.
    Link(String, Text),
    /// Shows a phone number.
    Phone(String, String),
    /// Copies a coupon code, given when it is sent.
    Coupon(String),
    /// Copies the code to sign in with.
    Code(String),
}

/// What a template is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// What stands above.
    pub header: HeaderShape,
    /// The text.
    pub body: Text,
    /// Small print; may be empty.
    pub footer: String,
    /// Its buttons, in order.
    pub buttons: Vec<ButtonShape>,
}

impl Shape {
    /// Reads components; what is wrong with them is said as an invalid parameter (100).
    pub fn read(
        components: &At<'_>,
        purpose: Purpose,
        format: Format,
        language: &str,
    ) -> Result<Self, ApiError> {
        read(components, purpose, format, language).map_err(|error| match error {
            ApiError::BadValue(details) | ApiError::Missing(details) => ApiError::Invalid(details),
            other => other,
        })
    }

    /// Reads the components of a kept template.
    pub fn of(template: &super::Template) -> Result<Self, ApiError> {
        let components: Value = serde_json::from_str(&template.components).map_err(|_| {
            tracing::error!("the components of a template cannot be read");
            ApiError::Internal
        })?;
        let at = At::new(&components, "components");
        Self::read(&at, template.purpose, template.format, &template.language)
    }
}

fn read(components: &At<'_>, purpose: Purpose, format: Format, language: &str) -> Result<Shape, ApiError> {
    let (mut header, mut body, mut footer, mut buttons) = (None, None, None, None);
    for component in components.items(1, 10)? {
        let kind = component.need_text("type", 40)?.to_ascii_uppercase();
        let twice = match kind.as_str() {
            "HEADER" => header.replace(header_of(&component, format)?).is_some(),
            "BODY" if purpose == Purpose::Authentication => {
                body.replace(code_body(&component, language)?).is_some()
            }
            "BODY" => body.replace(body_of(&component, format)?).is_some(),
            "FOOTER" => footer.replace(footer_of(&component, purpose, language)?).is_some(),
            "BUTTONS" => buttons.replace(buttons_of(&component, purpose)?).is_some(),
            other => {
                return Err(component.bad(format_args!("is of type {other}, which the node does not have")));
            }
        };
        if twice {
            return Err(component.bad(format_args!("is a second {kind}")));
        }
    }
    let body = body.ok_or_else(|| components.bad("must have a BODY"))?;
    if purpose == Purpose::Authentication {
        if header.is_some() {
            return Err(components.bad("must not have a HEADER in an AUTHENTICATION template"));
        }
        if !matches!(buttons.as_deref(), Some([ButtonShape::Code(_)])) {
            return Err(components.bad("must have one OTP button in an AUTHENTICATION template"));
        }
    }
    Ok(Shape {
        header: header.unwrap_or(HeaderShape::None),
        body,
        footer: footer.unwrap_or_default(),
        buttons: buttons.unwrap_or_default(),
    })
}

fn header_of(component: &At<'_>, format: Format) -> Result<HeaderShape, ApiError> {
    let kind = component.need("format")?;
    Ok(match kind.text(1, 20)?.to_ascii_uppercase().as_str() {
        "TEXT" => {
            let text = text_of(&component.need("text")?, 60, format)?;
            if text.variables().len() > 1 {
                return Err(component.bad("may have one variable"));
            }
            examples(component, &text, format, "header_text", "header_text_named_params")?;
            HeaderShape::Text(text)
        }
        "IMAGE" => media_header(component, MediaKind::Image)?,
        "VIDEO" => media_header(component, MediaKind::Video)?,
        "DOCUMENT" => media_header(component, MediaKind::Document)?,
        "LOCATION" => HeaderShape::Place,
        _ => return Err(kind.bad("must be TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION")),
    })
}

fn media_header(component: &At<'_>, kind: MediaKind) -> Result<HeaderShape, ApiError> {
    let handles = component.need("example")?.need("header_handle")?.items(1, 10)?;
    handles.iter().try_for_each(|it| it.text(1, 4_096).map(drop))?;
    Ok(HeaderShape::Media(kind))
}

fn body_of(component: &At<'_>, format: Format) -> Result<Text, ApiError> {
    let at = component.need("text")?;
    let text = text_of(&at, 1_024, format)?;
    if text.has_bare_end() {
        return Err(at.bad("must not begin or end with a variable"));
    }
    examples(component, &text, format, "body_text", "body_text_named_params")?;
    Ok(text)
}

fn footer_of(component: &At<'_>, purpose: Purpose, language: &str) -> Result<String, ApiError> {
    if purpose == Purpose::Authentication {
        let minutes = component.need("code_expiration_minutes")?;
        return match minutes.whole()? {
            it @ 1..=90 => Ok(words_of(language).2.replace("{}", &it.to_string())),
            _ => Err(minutes.bad("must be 1 to 90")),
        };
    }
    let at = component.need("text")?;
    let text = at.text(1, 60)?;
    match Text::read(text) {
        Some(it) if it.variables().is_empty() => Ok(text.to_owned()),
        _ => Err(at.bad("must not have variables")),
    }
}

/// The text of a template for codes is not the business's to choose.
fn code_body(component: &At<'_>, language: &str) -> Result<Text, ApiError> {
    let (code, advice, _) = words_of(language);
    let advice = if component.flag("add_security_recommendation")? { advice } else { "" };
    Text::read(&format!("{code}{advice}")).ok_or(ApiError::Internal)
}

/// What is said with a code to sign in with: the code, the advice, until when.
fn words_of(language: &str) -> (&'static str, &'static str, &'static str) {
    match language.split('_').next() {
        Some("pt") => (
            "{{1}} é o seu código de verificação.",
            " Para sua segurança, não o compartilhe.",
            "Este código expira em {} minutos.",
        ),
        Some("es") => (
            "Tu código de verificación es {{1}}.",
            " Por tu seguridad, no lo compartas.",
            "Este código caduca en {} minutos.",
        ),
        _ => (
            "{{1}} is your verification code.",
            " For your security, do not share this code.",
            "This code expires in {} minutes.",
        ),
    }
}

fn buttons_of(component: &At<'_>, purpose: Purpose) -> Result<Vec<ButtonShape>, ApiError> {
    let items = component.need("buttons")?.items(1, 10)?;
    let buttons = items.iter().map(|it| button_of(it, purpose)).collect::<Result<Vec<_>, _>>()?;
    let count = |is: fn(&ButtonShape) -> bool| buttons.iter().filter(|it| is(it)).count();
    let at_most = [
        (count(|it| matches!(it, ButtonShape::Link(..))), 2, "two URL buttons"),
        (count(|it| matches!(it, ButtonShape::Phone(..))), 1, "one PHONE_NUMBER button"),
        (count(|it| matches!(it, ButtonShape::Coupon(_))), 1, "one COPY_CODE button"),
    ];
    match at_most.into_iter().find(|(count, most, _)| count > most) {
        Some((_, _, what)) => Err(component.bad(format_args!("may have {what}"))),
        None => Ok(buttons),
    }
}

fn button_of(button: &At<'_>, purpose: Purpose) -> Result<ButtonShape, ApiError> {
    let kind = button.need("type")?;
    let name = kind.text(1, 40)?.to_ascii_uppercase();
    if (purpose == Purpose::Authentication) != (name == "OTP") {
        return Err(kind.bad("must be OTP in AUTHENTICATION templates, and in no others"));
    }
    let text = || Ok::<_, ApiError>(button.need_text("text", 25)?.to_owned());
    Ok(match name.as_str() {
        "QUICK_REPLY" => ButtonShape::Reply(text()?),
        "URL" => ButtonShape::Link(text()?, link_of(button)?),
        "PHONE_NUMBER" => ButtonShape::Phone(text()?, button.need_text("phone_number", 20)?.to_owned()),
        "COPY_CODE" => {
            let example = button.need("example")?;
            let example = if example.value().is_array() { example.items(1, 1)?.remove(0) } else { example };
            example.text(1, 15)?;
            ButtonShape::Coupon("Copy code".to_owned())
        }
        "OTP" => {
            let otp = button.need("otp_type")?;
            if !otp.text(1, 20)?.eq_ignore_ascii_case("COPY_CODE") {
                return Err(otp.bad("must be COPY_CODE: the node has no other kind of OTP button"));
            }
            let text = button.maybe_text("text", 25)?;
            ButtonShape::Code(if text.is_empty() { "Copy code" } else { text }.to_owned())
        }
        _ => return Err(kind.bad("must be QUICK_REPLY, URL, PHONE_NUMBER, COPY_CODE or OTP")),
    })
}

/// A link that is whole, or ends with one variable after its host: no value can lead to another host.
fn link_of(button: &At<'_>) -> Result<Text, ApiError> {
    let at = button.need("url")?;
    let text = Text::read(at.text(1, 2_000)?).ok_or_else(|| at.bad("has braces that do not pair"))?;
    let whole = match text.variables().as_slice() {
        [] => text.fill(&Default::default()),
        ["1"] => {
            let before =
                text.before_last_variable().ok_or_else(|| at.bad("must end with its only variable"))?;
            let after_scheme = before.split_once("://").map_or("", |(_, rest)| rest);
            if !after_scheme.contains('/') {
                return Err(at.bad("must have a path before its variable"));
            }
            let example = button.need("example")?;
            let example = if example.value().is_array() { example.items(1, 1)?.remove(0) } else { example };
            example.text(1, 2_000)?;
            before.to_owned()
        }
        _ => return Err(at.bad("may have one variable, {{1}}, at its end")),
    };
    let url = Url::parse(&whole).map_err(|_| at.bad("must be a URL"))?;
    let plain = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "https" | "http") && url.has_host() && plain {
        Ok(text)
    } else {
        Err(at.bad("must be a URL that begins with https:// or http://"))
    }
}

fn text_of(at: &At<'_>, most: usize, format: Format) -> Result<Text, ApiError> {
    let text = Text::read(at.text(1, most)?).ok_or_else(|| at.bad("has a variable without a proper name"))?;
    if variables_are(format, &text.variables()) {
        return Ok(text);
    }
    Err(at.bad(match format {
        Format::Positional => "must have the variables {{1}}, {{2}} and so on, without a gap",
        Format::Named => "must have variables with names of a-z, 0-9 and _",
    }))
}

/// Every variable needs an example.
fn examples(
    component: &At<'_>,
    text: &Text,
    format: Format,
    positional: &str,
    named: &str,
) -> Result<(), ApiError> {
    let variables = text.variables();
    if variables.is_empty() {
        return Ok(());
    }
    let example = component.need("example")?;
    if format == Format::Named {
        let given = example.need(named)?.items(variables.len(), variables.len())?;
        for it in &given {
            let name = it.need("param_name")?;
            if !variables.contains(&name.text(1, 50)?) {
                return Err(name.bad("is no variable of the text"));
            }
            it.need_text("example", 1_024)?;
        }
        return Ok(());
    }
    let given = example.need(positional)?;
    // Texts of headers are in one list; texts of bodies in a list of lists.
    let rows = given.items(1, 100)?;
    let row = if rows[0].value().is_array() { rows[0].items(1, 100)? } else { rows };
    if row.len() != variables.len() {
        return Err(given.bad(format_args!("must have {} examples, and has {}", variables.len(), row.len())));
    }
    row.iter().try_for_each(|it| it.text(1, 1_024).map(drop))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_as(purpose: Purpose, format: Format, components: &Value) -> Result<Shape, String> {
        let at = At::new(components, "components");
        Shape::read(&at, purpose, format, "pt_BR").map_err(|it| it.to_string())
    }

    #[test]
    fn the_bakerys_template_is_read() {
        let components = json!([
            {"type": "header", "format": "text", "text": "Order {{1}}", "example": {"header_text": ["A-17"]}},
            {"type": "BODY", "text": "Hi {{1}}, {{2}} is ready.", "example": {"body_text": [["Ana", "bread"]]}},
            {"type": "FOOTER", "text": "The bakery"},
            {"type": "BUTTONS", "buttons": [
                {"type": "QUICK_REPLY", "text": "Stop"},
                {"type": "URL", "text": "See", "url": "https://bakery.example/o/{{1}}", "example": ["a17"]},
                {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+551130000000"},
            ]},
        ]);
        let shape = read_as(Purpose::Utility, Format::Positional, &components).expect("a shape");
        assert_eq!(shape.body.variables(), ["1", "2"]);
        assert_eq!((shape.footer.as_str(), shape.buttons.len()), ("The bakery", 3));
        let mut bare = components.clone();
        bare[3]["buttons"][1]["example"] = "a17".into();
        assert_eq!(
            read_as(Purpose::Utility, Format::Positional, &bare),
            Ok(shape),
            "a text as well as a list"
        );
    }

    #[test]
    fn what_breaks_a_rule_is_refused_with_its_place() {
        let body = |text: &str, example: Value| json!([{"type": "BODY", "text": text, "example": example}]);
        let button = |it: Value| json!([{"type": "BODY", "text": "x"}, {"type": "BUTTONS", "buttons": [it]}]);
        let url = |url: &str| button(json!({"type": "URL", "text": "See", "url": url, "example": ["a"]}));
        let cases = [
            (json!([]), "components must have 1 to 10 elements, and has 0"),
            (json!([{"type": "FOOTER", "text": "x"}]), "components must have a BODY"),
            (
                json!([{"type": "CAROUSEL"}]),
                "components[0] is of type CAROUSEL, which the node does not have",
            ),
            (
                json!([{"type": "BODY", "text": "a"}, {"type": "body", "text": "b"}]),
                "components[1] is a second BODY",
            ),
            (body("{{1}} a", json!({})), "components[0].text must not begin or end with a variable"),
            (
                body("a {{2}}.", json!({})),
                "components[0].text must have the variables {{1}}, {{2}} and so on, without a gap",
            ),
            (body("a {{1}}.", Value::Null), "components[0].example is required"),
            (
                body("a {{1}}.", json!({"body_text": [["x", "y"]]})),
                "components[0].example.body_text must have 1 examples, and has 2",
            ),
            (
                url("https://bakery.example{{1}}"),
                "components[1].buttons[0].url must have a path before its variable",
            ),
            (url("https://{{1}}/x"), "components[1].buttons[0].url must end with its only variable"),
            (
                url("javascript:alert(1)"),
                "components[1].buttons[0].url must be a URL that begins with https:// or http://",
            ),
            (
                button(json!({"type": "FLOW", "text": "x"})),
                "components[1].buttons[0].type must be QUICK_REPLY, URL, PHONE_NUMBER, COPY_CODE or OTP",
            ),
            (
                button(json!({"type": "QUICK_REPLY", "text": "x".repeat(26)})),
                "components[1].buttons[0].text must have 1 to 25 characters, and has 26",
            ),
        ];
        for (components, wanted) in cases {
            let read = read_as(Purpose::Marketing, Format::Positional, &components);
            assert_eq!(read.expect_err("refused"), wanted);
        }
    }

    #[test]
    fn a_code_has_its_own_words() {
        let components = json!([
            {"type": "BODY", "add_security_recommendation": true},
            {"type": "FOOTER", "code_expiration_minutes": 5},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
        ]);
        let shape = read_as(Purpose::Authentication, Format::Positional, &components).expect("a shape");
        let code = [("1".to_owned(), "482107".to_owned())].into();
        assert_eq!(
            shape.body.fill(&code),
            "482107 é o seu código de verificação. Para sua segurança, não o compartilhe."
        );
        assert_eq!(shape.footer, "Este código expira em 5 minutos.");
        assert!(read_as(Purpose::Marketing, Format::Positional, &components).is_err());
    }

    #[test]
    fn names_need_examples_by_name() {
        let with = |name: &str| {
            let example = json!({"body_text_named_params": [{"param_name": name, "example": "Ana"}]});
            json!([{"type": "BODY", "text": "Hi {{first}}!", "example": example}])
        };
        assert!(read_as(Purpose::Utility, Format::Named, &with("first")).is_ok());
        assert!(read_as(Purpose::Utility, Format::Named, &with("last")).is_err());
    }
}
