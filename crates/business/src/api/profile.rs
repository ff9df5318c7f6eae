//! `GET|POST /{number}/whatsapp_business_profile`.

use lacre_proto::profile as limits;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::call::{Call, success};
use super::error::ApiError;
use super::fields::select;
use super::{numbers, picture};
use crate::node::{Node, Ports};

/// No trade at all, as it is read.
const NO_VERTICAL: [&str; 3] = ["", "UNDEFINED", "NOT_A_BIZ"];
pub(super) const VERTICALS: [&str; 21] = [
    "OTHER",
    "AUTO",
    "BEAUTY",
    "APPAREL",
    "EDU",
    "ENTERTAIN",
    "EVENT_PLAN",
    "FINANCE",
    "GROCERY",
    "GOVT",
    "HOTEL",
    "HEALTH",
    "NONPROFIT",
    "PROF_SERVICES",
    "RETAIL",
    "TRAVEL",
    "RESTAURANT",
    "ALCOHOL",
    "ONLINE_GAMBLING",
    "PHYSICAL_GAMBLING",
    "OTC_DRUGS",
];
const USUAL: [&str; 8] = [
    "about",
    "address",
    "description",
    "email",
    "profile_picture_url",
    "websites",
    "vertical",
    "messaging_product",
];

/// What a business says of itself. Texts may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// One line.
    pub about: String,
    /// Where it is.
    pub address: String,
    /// What it does.
    pub description: String,
    /// How it is written to.
    pub email: String,
    /// At most two.
    pub websites: Vec<String>,
    /// Its trade, in the API's words; unknown when empty.
    pub vertical: String,
}

/// `GET`: the profile, as the only element of a list.
pub async fn get<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let Profile { about, address, description, email, websites, vertical } =
        numbers::read(node).await?.profile;
    let vertical = if vertical.is_empty() { "UNDEFINED".to_owned() } else { vertical };
    let mut told = json!({
        "messaging_product": "whatsapp",
        "vertical": vertical,
    });
    for (name, text) in
        [("about", about), ("address", address), ("description", description), ("email", email)]
    {
        if !text.is_empty() {
            told[name] = text.into();
        }
    }
    if !websites.is_empty() {
        told["websites"] = websites.into();
    }
    if let Some(url) = picture::url(node).await? {
        told["profile_picture_url"] = url.into();
    }
    let mut chosen = select(told.clone(), call.fields.as_deref(), &USUAL);
    // Clients cannot do without these two, whatever they asked for.
    chosen["messaging_product"] = told["messaging_product"].take();
    chosen["vertical"] = told["vertical"].take();
    Ok(json!({ "data": [chosen] }))
}

/// `POST`: what is given is changed, the rest stays.
pub async fn post<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    call.is_whatsapp()?;
    let params = call.params();
    let text = |name, least, most| match params.maybe(name)? {
        Some(it) => Ok::<_, ApiError>(Some(it.text(least, most)?.to_owned())),
        None => Ok(None),
    };
    let (about, address) = (text("about", 1, limits::ABOUT)?, text("address", 0, limits::ADDRESS)?);
    let (description, email) =
        (text("description", 0, limits::DESCRIPTION)?, text("email", 0, limits::EMAIL)?);
    if email.as_ref().is_some_and(|it| !it.is_empty() && !is_email(it)) {
        return Err(params.need("email")?.bad("must be an e-mail address"));
    }
    let vertical = match params.maybe("vertical")? {
        // As it is read, so it is taken back.
        Some(vertical) if NO_VERTICAL.iter().any(|it| vertical.value() == it) => Some(String::new()),
        Some(vertical) if VERTICALS.iter().any(|it| vertical.value() == it) => {
            Some(vertical.text(1, limits::VERTICAL)?.to_owned())
        }
        Some(vertical) => return Err(vertical.bad("is not one of the known verticals")),
        None => None,
    };
    let websites = match params.maybe("websites")? {
        // One client empties the list so.
        Some(websites) if websites.value() == "" => Some(Vec::new()),
        Some(websites) => {
            let mut all = Vec::new();
            for website in websites.items(0, limits::WEBSITES)? {
                let text = website.text(1, limits::WEBSITE)?;
                if !Url::parse(text).is_ok_and(|it| matches!(it.scheme(), "http" | "https")) {
                    return Err(website.bad("must begin with http:// or https://"));
                }
                all.push(text.to_owned());
            }
            Some(all)
        }
        None => None,
    };
    if let Some(handle) = params.maybe("profile_picture_handle")? {
        picture::set(node, &handle).await?;
    }
    let given = |number: &mut numbers::Number| {
        let profile = &mut number.profile;
        let texts = [
            (&mut profile.about, &about),
            (&mut profile.address, &address),
            (&mut profile.description, &description),
            (&mut profile.email, &email),
            (&mut profile.vertical, &vertical),
        ];
        for (old, new) in texts {
            if let Some(new) = new {
                old.clone_from(new);
            }
        }
        if let Some(websites) = &websites {
            profile.websites.clone_from(websites);
        }
    };
    numbers::change(node, given).await?;
    node.present_soon().await;
    Ok(success())
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && !host.contains('@')
    }) && !text.contains(|it: char| it.is_whitespace() || it.is_control())
}
