//! Who customers are to programs: digits that hold for this business only.
//!
//! A customer's number is made of their account by a secret of the node, so that two businesses that lay their lists
//! side by side find nothing in common. It stands in the place of a phone number (`wa_id`), and with a country before
//! it in the place of the user id (`ZZ.123456789012345`).

use std::fmt;

use hmac::{Hmac, Mac};
use lacre_proto::AccountId;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use sha2::Sha256;

use crate::store::{Store, StoreError, bytes_of, table};

/// The smallest number: all have 15 digits, which is what JavaScript's numbers hold for sure.
const LEAST: u64 = 100_000_000_000_000;

/// A customer's number to this business's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pairwise(u64);

impl fmt::Display for Pairwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The two letters before the digits of a user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country([u8; 2]);

/// A text that is not two capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a country is two capital letters")]
pub struct NotACountry;

impl std::str::FromStr for Country {
    type Err = NotACountry;
    fn from_str(text: &str) -> Result<Self, NotACountry> {
        match *text.as_bytes() {
            [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] => Ok(Self([a, b])),
            _ => Err(NotACountry),
        }
    }
}

impl Default for Country {
    /// `ZZ`: none.
    fn default() -> Self {
        Self(*b"ZZ")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0[0] as char, self.0[1] as char)
    }
}

/// The numbers of a business's customers, both ways.
#[derive(Clone)]
pub struct Customers<D> {
    store: Store<D>,
    secret: [u8; 32],
    country: Country,
}

impl<D: Data> Customers<D> {
    /// The customers in a store; the secret is the node's, and a number is the same as long as it is.
    pub fn new(store: Store<D>, secret: [u8; 32], country: Country) -> Self {
        Self { store, secret, country }
    }

    /// The number of an account; it is given one when it has none yet.
    pub async fn number_of(&self, account: AccountId) -> Result<Pairwise, StoreError> {
        loop {
            if let Some(number) = self.store.read("a customer", &by_account(account)).await? {
                return Ok(Pairwise(number));
            }
            let number = self.free_number(account).await?;
            let batch = Batch::new()
                .assert(by_account(account), Expected::Absent)
                .assert(by_number(number), Expected::Absent)
                .put(by_account(account), bytes_of(&number))
                .put(by_number(number), bytes_of(&account));
            match self.store.write(batch).await {
                Ok(()) => return Ok(Pairwise(number)),
                // Somebody else was faster, for this account or for this number: look again.
                Err(StoreError::Write(WriteError::Conflict(_))) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The number that an account has, or would be given; nothing is written down.
    pub async fn number_for(&self, account: AccountId) -> Result<Pairwise, StoreError> {
        match self.known(account).await? {
            Some(number) => Ok(number),
            None => Ok(Pairwise(self.free_number(account).await?)),
        }
    }

    /// The number of an account; `None` when it has none.
    pub async fn known(&self, account: AccountId) -> Result<Option<Pairwise>, StoreError> {
        Ok(self.store.read("a customer", &by_account(account)).await?.map(Pairwise))
    }

    /// Every account that has a number.
    pub async fn all(&self) -> Result<Vec<AccountId>, StoreError> {
        let prefix = Key::new(table::CUSTOMER, &[b"n"]);
        let rows = self.store.list::<AccountId>("customers", &prefix, None, usize::MAX).await?;
        Ok(rows.into_iter().map(|(_, account)| account).collect())
    }

    /// Forgets that an account had a number. It has the same when it comes again.
    pub async fn forget(&self, account: AccountId) -> Result<(), StoreError> {
        let Some(Pairwise(number)) = self.known(account).await? else { return Ok(()) };
        self.store.write(Batch::new().delete(by_account(account)).delete(by_number(number))).await
    }

    /// The account behind digits; `None` when no customer has them.
    pub async fn account_of(&self, digits: &str) -> Result<Option<AccountId>, StoreError> {
        match digits.parse() {
            Ok(number) if digits.len() <= 15 && digits.bytes().all(|it| it.is_ascii_digit()) => {
                self.store.read("a customer", &by_number(number)).await
            }
            _ => Ok(None),
        }
    }

    /// A number in the form of a user id: `ZZ.123456789012345`.
    pub fn user_id(&self, number: Pairwise) -> String {
        format!("{}.{number}", self.country)
    }

    /// The country of the user ids.
    pub fn country(&self) -> Country {
        self.country
    }

    /// The first number of the account's own row of numbers that nobody else has.
    async fn free_number(&self, account: AccountId) -> Result<u64, StoreError> {
        let mut round = 0;
        loop {
            let number = candidate(&self.secret, account, round);
            let holder: Option<AccountId> = self.store.read("a customer", &by_number(number)).await?;
            if holder.is_none() {
                return Ok(number);
            }
            round += 1;
        }
    }
}

fn candidate(secret: &[u8; 32], account: AccountId, round: u32) -> u64 {
    let mac = Hmac::<Sha256>::new_from_slice(secret)
        .expect("HMAC takes keys of any length")
        .chain_update(b"pairwise id")
        .chain_update(account)
        .chain_update(round.to_be_bytes())
        .finalize()
        .into_bytes();
    let (head, _) = mac.split_first_chunk().expect("an HMAC-SHA256 has 32 bytes");
    LEAST + u64::from_be_bytes(*head) % (9 * LEAST)
}

fn by_account(account: AccountId) -> Key {
    Key::new(table::CUSTOMER, &[b"a", account.as_ref()])
}

fn by_number(number: u64) -> Key {
    Key::new(table::CUSTOMER, &[b"n", &number.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use lacre_store::memory::MemoryData;

    use super::*;

    const ANA: AccountId = AccountId([0xa; 16]);
    const BRUNO: AccountId = AccountId([0xb; 16]);

    fn customers_of(secret: [u8; 32]) -> Customers<MemoryData> {
        Customers::new(Store(MemoryData::default()), secret, Country::default())
    }

    #[tokio::test]
    async fn ana_has_one_number_here_and_another_at_the_next_business() {
        let bakery = customers_of([1; 32]);
        let number = bakery.number_of(ANA).await.expect("stored");
        assert_eq!(bakery.number_of(ANA).await, Ok(number), "the same again");
        assert_eq!(number.to_string().len(), 15);
        assert_eq!(bakery.user_id(number), format!("ZZ.{number}"));
        assert_eq!(bakery.account_of(&number.to_string()).await, Ok(Some(ANA)));

        let bank = customers_of([2; 32]);
        assert_ne!(bank.number_of(ANA).await.expect("stored"), number);
        assert_eq!(bank.account_of(&number.to_string()).await, Ok(None));
    }

    #[tokio::test]
    async fn what_is_not_a_number_is_nobodys() {
        let bakery = customers_of([1; 32]);
        let number = bakery.number_of(ANA).await.expect("stored");
        for text in ["", "+1", "12a", " ", "99999999999999999999", &format!("0{number}")] {
            assert_eq!(bakery.account_of(text).await, Ok(None), "{text}");
        }
    }

    #[tokio::test]
    async fn two_accounts_that_fall_on_one_number_get_two() {
        let bakery = customers_of([1; 32]);
        let wanted = candidate(&[1; 32], ANA, 0);
        bakery.store.write(Batch::new().put(by_number(wanted), bytes_of(&BRUNO))).await.expect("stored");
        let number = bakery.number_of(ANA).await.expect("stored");
        assert_eq!(number, Pairwise(candidate(&[1; 32], ANA, 1)));
        assert_eq!(bakery.account_of(&wanted.to_string()).await, Ok(Some(BRUNO)));
        assert_eq!(bakery.number_of(ANA).await, Ok(number));
    }

    #[test]
    fn a_country_is_two_capital_letters() {
        assert_eq!("BR".parse::<Country>().map(|it| it.to_string()), Ok("BR".to_owned()));
        for text in ["", "B", "br", "BRA", "B1"] {
            assert_eq!(text.parse::<Country>(), Err(NotACountry), "{text}");
        }
    }
}
