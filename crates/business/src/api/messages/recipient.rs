//! To whom: digits, however they are written, or a user id.

use lacre_proto::AccountId;
use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::reader::{At, is_digits};
use crate::chat::Chat;
use crate::erasing;
use crate::node::{Node, Ports};

const INPUT_MAX: usize = 160;

/// A customer, with how the request called them.
pub(super) struct Recipient {
    pub account: AccountId,
    input: String,
    form: Form,
}

enum Form {
    /// By digits.
    Number(String),
    /// By user id.
    User(String),
}

impl Recipient {
    /// How the answer calls them: as the request did, and what their identity key is known by.
    pub fn told(&self, identity: Option<&str>) -> Value {
        let mut told = match &self.form {
            Form::Number(digits) => json!({ "input": self.input, "wa_id": digits }),
            Form::User(id) => json!({ "input": self.input, "user_id": id }),
        };
        if let Some(hash) = identity {
            told["identity_key_hash"] = hash.into();
        }
        told
    }
}

pub(super) async fn read<P: Ports>(node: &Node<P>, params: &At<'_>) -> Result<Recipient, ApiError> {
    if let Some(kind) = params.maybe("recipient_type")? {
        match kind.text(1, 40)? {
            "individual" => {}
            "group" => return Err(ApiError::Unsupported("Groups are not supported by this node".to_owned())),
            _ => return Err(kind.bad("must be \"individual\"")),
        }
    }
    let given = match params.maybe("to")? {
        Some(to) => to,
        None => params.maybe("recipient")?.ok_or_else(|| ApiError::Missing("to is required".to_owned()))?,
    };
    let input = match given.value() {
        Value::Number(number) => number.to_string(),
        _ => given.text(1, INPUT_MAX)?.to_owned(),
    };
    let form =
        form_of(&input).ok_or(ApiError::Undeliverable("The recipient is not a user that can be reached"))?;
    let (digits, account) = match &form {
        Form::Number(digits) => (digits, account(node, digits).await?),
        Form::User(id) => (id, account_of_user(node, id).await?),
    };
    if *digits == node.identity.number.to_string() {
        return Err(ApiError::SenderIsRecipient);
    }
    let account =
        account.ok_or(ApiError::Undeliverable("The recipient is not a user that can be reached"))?;
    Ok(Recipient { account, input, form })
}

/// The account of `wa_id` digits. A program may have them from another node of the business, while this one has heard
/// nothing of the customer yet.
pub(crate) async fn account<P: Ports>(node: &Node<P>, digits: &str) -> Result<Option<AccountId>, ApiError> {
    if let Some(known) = node.customers.account_of(digits).await? {
        return Ok(Some(known));
    }
    for (customer, since) in node.chat.met()? {
        let is_new = node.customers.known(customer).await?.is_none();
        if is_new && !erasing::is_erased(&node.store, customer, since).await? {
            node.customers.number_of(customer).await?;
        }
    }
    Ok(node.customers.account_of(digits).await?)
}

/// The account of a user id, whose country must be this node's.
pub(crate) async fn account_of_user<P: Ports>(
    node: &Node<P>,
    id: &str,
) -> Result<Option<AccountId>, ApiError> {
    match id.split_once('.') {
        Some((country, digits)) if country == node.customers.country().to_string() => {
            account(node, digits).await
        }
        _ => Ok(None),
    }
}

fn form_of(input: &str) -> Option<Form> {
    if let Some((country, digits)) = input.split_once('.') {
        let is_country = country.len() == 2 && country.bytes().all(|it| it.is_ascii_uppercase());
        return (is_country && is_digits(digits)).then(|| Form::User(input.to_owned()));
    }
    let bare: String = input.chars().filter(|it| !" +-()".contains(*it)).collect();
    is_digits(&bare).then_some(Form::Number(bare))
}

/// The digits of a number however it is written, or a user id as it is; `None` for anything else.
pub(crate) fn normal(input: &str) -> Option<String> {
    form_of(input).map(|form| match form {
        Form::Number(digits) | Form::User(digits) => digits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_number_however_it_is_written() {
        for input in ["123456789012345", "+123 (456) 789-012-345"] {
            assert_eq!(normal(input).as_deref(), Some("123456789012345"));
        }
        assert_eq!(normal("ZZ.123").as_deref(), Some("ZZ.123"));
        for input in ["", "+", "ana", "@ana", "zz.12", "ZZ.", "ZZ.1a", "Z.1", "ZZ.ENT.12", "12@g.us", "1_2"] {
            assert_eq!(normal(input), None, "{input}");
        }
    }
}
