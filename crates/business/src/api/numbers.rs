//! The number that stands for the business's handle: what it is, its PIN, whether it is registered.

use std::cmp::Ordering;

use lacre_proto::Millis;
use lacre_store::data::Key;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::apps::{Hooks, Level, Notice, set_override};
use super::automation::Automation;
use super::call::{Call, success};
use super::error::ApiError;
use super::fields::select;
use super::page::page;
use super::profile::Profile;
use super::reader::{At, is_digits};
use super::reviewed;
use crate::chat::{Chat, Rated};
use crate::node::{Node, Ports};
use crate::store::{StoreError, table};

/// Wrong PINs before nothing is tried for a day.
const GUESSES_MAX: u32 = 10;
const GUESS_PAUSE: Millis = 2_000;
const DAY: Millis = 24 * 60 * 60 * 1000;
/// Registrations in three days.
const REGISTRATIONS_MAX: usize = 10;

/// What is told of a number when nothing else is asked for.
const USUAL: [&str; 8] = [
    "verified_name",
    "code_verification_status",
    "display_phone_number",
    "quality_rating",
    "platform_type",
    "throughput",
    "webhook_configuration",
    "id",
];

/// How customers have taken what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Quality {
    /// Too little is known.
    #[default]
    Unknown,
    /// Well.
    Green,
    /// Some blocked, stopped or reported.
    Yellow,
    /// Many did.
    Red,
}

/// How many customers may be reached outside a window in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tier {
    /// 250.
    #[default]
    T250,
    /// 2,000.
    T2K,
    /// 10,000.
    T10K,
    /// 100,000.
    T100K,
    /// Any number.
    Unlimited,
    /// 50, or for now none: the business is not verified.
    T50,
}

impl Tier {
    fn name(self) -> &'static str {
        match self {
            Self::T250 => "TIER_250",
            Self::T2K => "TIER_2K",
            Self::T10K => "TIER_10K",
            Self::T100K => "TIER_100K",
            Self::Unlimited => "TIER_UNLIMITED",
            Self::T50 => "TIER_50",
        }
    }

    /// Its name in the older field, which knows no 2,000: the next that is not above.
    fn older_name(self) -> &'static str {
        if self == Self::T2K { "TIER_1K" } else { self.name() }
    }

    /// Its name in the newer field, which begins at 250.
    fn newer_name(self) -> Option<&'static str> {
        (self != Self::T50).then(|| self.name())
    }

    /// The step of a limit.
    fn of(daily_limit: Option<u64>) -> Self {
        match daily_limit {
            None => Self::Unlimited,
            Some(100_000..) => Self::T100K,
            Some(10_000..) => Self::T10K,
            Some(2_000..) => Self::T2K,
            Some(250..) => Self::T250,
            Some(_) => Self::T50,
        }
    }

    /// Customers in a day; -1 is without a limit.
    fn customers(self) -> i64 {
        i64::try_from(self.rank()).unwrap_or(-1)
    }

    fn rank(self) -> u64 {
        match self {
            Self::T50 => 50,
            Self::T250 => 250,
            Self::T2K => 2_000,
            Self::T10K => 10_000,
            Self::T100K => 100_000,
            Self::Unlimited => u64::MAX,
        }
    }
}

/// What programs are told when a number is rated otherwise than before, in the API's words.
fn news(before: (Quality, Tier), now: (Quality, Tier)) -> Vec<&'static str> {
    let red = |it: (Quality, Tier)| it.0 == Quality::Red;
    let quality = match (red(before), red(now)) {
        (false, true) => Some("FLAGGED"),
        (true, false) => Some("UNFLAGGED"),
        _ => None,
    };
    let tier = match before.1.rank().cmp(&now.1.rank()) {
        Ordering::Less => Some("UPGRADE"),
        Ordering::Greater => Some("DOWNGRADE"),
        Ordering::Equal => None,
    };
    // What a number begins with is no news.
    let tier = tier.filter(|_| before.0 != Quality::Unknown);
    quality.into_iter().chain(tier).collect()
}

/// What is kept of the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// The two-step PIN, hashed with the node's secret.
    pub pin: Option<[u8; 16]>,
    wrong_pins: u32,
    last_wrong: Millis,
    /// Whether it sends.
    pub registered: bool,
    registrations: Vec<Millis>,
    /// How customers have taken what was sent.
    pub quality: Quality,
    /// How many may be reached.
    pub tier: Tier,
    /// The profile.
    pub profile: Profile,
    /// What is said and offered by itself.
    pub automation: Automation,
    /// Whether programs are told what each customer's identity key is known by.
    pub identity_check: bool,
}

impl Default for Number {
    fn default() -> Self {
        Self {
            pin: None,
            wrong_pins: 0,
            last_wrong: 0,
            registered: true,
            registrations: Vec::new(),
            quality: Quality::default(),
            tier: Tier::default(),
            profile: Profile::default(),
            automation: Automation::default(),
            identity_check: false,
        }
    }
}

impl<P: Ports> Node<P> {
    /// Sets how the number is rated, and how many customers may be reached for it; programs are told when that is
    /// news. Told first and kept then: who dies between the two tells again.
    pub async fn rate(&self, quality: Quality, tier: Tier) -> Result<(), StoreError> {
        let number = read(self).await?;
        let (before, now) = ((number.quality, number.tier), (quality, tier));
        if before == now {
            return Ok(());
        }
        for event in news(before, now) {
            self.tell(Notice::Rated(event, tier.name())).await;
        }
        if before.0 != Quality::Unknown && before.1 != tier {
            self.tell(Notice::Capability(tier.customers())).await;
        }
        change(self, |number| (number.quality, number.tier) = now).await
    }

    /// Takes in how the business stands with its relay.
    pub async fn learn_rating(&self) -> Result<(), StoreError> {
        let rating = match self.chat.rating() {
            Ok(Some(rating)) => rating,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::warn!(%error, "how the business stands is not known just now");
                return Ok(());
            }
        };
        let quality = match rating.quality {
            Rated::Green => Quality::Green,
            Rated::Yellow => Quality::Yellow,
            Rated::Red => Quality::Red,
        };
        self.rate(quality, Tier::of(rating.daily_limit)).await
    }
}

/// Whether the number sends.
pub async fn is_registered<P: Ports>(node: &Node<P>) -> Result<bool, StoreError> {
    Ok(read(node).await?.registered)
}

/// `GET /{number}`.
pub async fn get<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    Ok(select(told(node).await?, call.fields.as_deref(), &USUAL))
}

/// `GET /{account}/phone_numbers`.
pub async fn list<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let row = (node.identity.number.to_string(), told(node).await?);
    page(node, call, vec![row], &USUAL)
}

/// `POST /{number}`: a new PIN, or a callback of the number's own.
pub async fn post<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    let (pin, hook) = (params.maybe("pin")?, params.maybe("webhook_configuration")?);
    if params.maybe("new_display_name")?.is_some() {
        return Err(params
            .need("new_display_name")?
            .bad("cannot be changed here: the verified name is in the certificate of the business"));
    }
    if pin.is_none() && hook.is_none() {
        return Err(ApiError::Missing("pin or webhook_configuration is required".to_owned()));
    }
    if let Some(hook) = hook {
        set_override(node, Level::Number, &hook, false).await?;
    }
    if let Some(pin) = pin {
        let pin = hashed(node, &pin)?;
        change(node, |number| (number.pin, number.wrong_pins) = (Some(pin), 0)).await?;
        node.tell(Notice::PinChanged(call.token)).await;
    }
    Ok(success())
}

/// `POST /{number}/register`: with the PIN, which is set now if there was none.
pub async fn register<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    call.is_whatsapp()?;
    let pin = hashed(node, &call.params().need("pin")?)?;
    let now = node.now();
    let mut is_new = false;
    let registered = change(node, |number| {
        number.try_pin(pin, now)?;
        number.registrations.retain(|it| it + 3 * DAY > now);
        if let (Some(first), REGISTRATIONS_MAX..) = (number.registrations.first(), number.registrations.len())
        {
            return Err(ApiError::RegisterLimit(first + 3 * DAY - now));
        }
        is_new = number.pin.replace(pin).is_none();
        number.registrations.push(now);
        number.registered = true;
        Ok(())
    });
    registered.await??;
    if is_new {
        node.tell(Notice::PinChanged(call.token)).await;
    }
    Ok(success())
}

/// `POST /{number}/deregister`: it sends nothing until it is registered again.
pub async fn deregister<P: Ports>(node: &Node<P>) -> Result<Value, ApiError> {
    change(node, |number| number.registered = false).await?;
    Ok(success())
}

impl Number {
    fn try_pin(&mut self, pin: [u8; 16], now: Millis) -> Result<(), ApiError> {
        let pause = if self.wrong_pins >= GUESSES_MAX { DAY } else { GUESS_PAUSE };
        let wait = (self.last_wrong + pause).saturating_sub(now);
        if self.wrong_pins >= GUESSES_MAX && wait > 0 {
            return Err(ApiError::TooManyPins(wait));
        }
        if self.wrong_pins > 0 && wait > 0 {
            return Err(ApiError::PinsTooFast(wait));
        }
        if self.pin.is_some_and(|it| it != pin) {
            let again = self.wrong_pins >= GUESSES_MAX;
            self.wrong_pins = if again { 1 } else { self.wrong_pins + 1 };
            self.last_wrong = now;
            return Err(ApiError::WrongPin);
        }
        self.wrong_pins = 0;
        Ok(())
    }
}

fn hashed<P: Ports>(node: &Node<P>, pin: &At<'_>) -> Result<[u8; 16], ApiError> {
    let text = pin.digits()?;
    if text.len() == 6 && is_digits(&text) {
        Ok(node.keyed(b"pin", &[text.as_bytes()]))
    } else {
        Err(pin.bad("must have 6 digits"))
    }
}

/// What is kept of the number.
pub async fn read<P: Ports>(node: &Node<P>) -> Result<Number, StoreError> {
    Ok(node.store.read("the number", &key()).await?.unwrap_or_default())
}

/// Changes what is kept of the number.
pub async fn change<P: Ports, R>(
    node: &Node<P>,
    mut change: impl FnMut(&mut Number) -> R,
) -> Result<R, StoreError> {
    let change = |number: &mut Option<Number>| change(number.get_or_insert_default());
    node.store.change("the number", &key(), change).await
}

fn key() -> Key {
    Key::new(table::PROFILE, &[b"n"])
}

/// The number as it is told; until the operator has verified a name, `verified_name` is the handle, since clients need one
/// to be there, and `name_status` says so.
async fn told<P: Ports>(node: &Node<P>) -> Result<Value, ApiError> {
    let number = read(node).await?;
    let mut hooks = json!({});
    let levels = [
        (Level::App, "application"),
        (Level::Account, "whatsapp_business_account"),
        (Level::Number, "phone_number"),
    ];
    for (level, name) in levels {
        if let Some(hook) = node.hooks.subscribed(level).await? {
            hooks[name] = hook.callback.as_str().into();
        }
    }
    let quality = match number.quality {
        Quality::Unknown => "UNKNOWN",
        Quality::Green => "GREEN",
        Quality::Yellow => "YELLOW",
        Quality::Red => "RED",
    };
    let id = node.identity.number.to_string();
    let standing = reviewed::standing(node)?;
    // What holds for good before what passes.
    let (status, can_send) = match number.quality {
        _ if standing.suspended => ("RESTRICTED", "BLOCKED"),
        _ if !number.registered => ("PENDING", "BLOCKED"),
        _ if !standing.is_known => ("PENDING", "LIMITED"),
        Quality::Red => ("FLAGGED", "LIMITED"),
        _ => ("CONNECTED", "AVAILABLE"),
    };
    let health = json!({
        "can_send_message": can_send,
        "entities": [{ "entity_type": "PHONE_NUMBER", "id": id, "can_send_message": can_send }],
    });
    let mut told = json!({
        "id": id,
        "display_phone_number": id,
        "verified_name": standing.name,
        "quality_rating": quality,
        "code_verification_status": standing.words.code,
        "name_status": standing.words.name,
        "new_name_status": "NONE",
        "status": status,
        "platform_type": "CLOUD_API",
        "throughput": { "level": "STANDARD" },
        "account_mode": "LIVE",
        "is_official_business_account": false,
        "is_pin_enabled": number.pin.is_some(),
        "health_status": health,
        "conversational_automation": number.automation.told(node.identity.number),
        "messaging_limit_tier": number.tier.older_name(),
        "whatsapp_business_manager_messaging_limit": number.tier.newer_name(),
    });
    // One client cannot read one with nothing in it.
    if hooks.as_object().is_some_and(|it| !it.is_empty()) {
        told["webhook_configuration"] = hooks;
    }
    Ok(told)
}
