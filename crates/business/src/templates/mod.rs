//! Templates: texts with variables that may be sent when the window is closed, once somebody approved them.
//!
//! | status | may be sent | from there to |
//! |---|---|---|
//! | `PENDING` | no | approved, rejected |
//! | `APPROVED` | yes | paused, disabled; pending by an edit |
//! | `REJECTED` | no | pending by an edit |
//! | `PAUSED` | no (132015) | approved, disabled; pending by an edit |
//! | `DISABLED` | no (132016) | approved |

mod decision;
mod fill;
mod shape;
mod text;

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use serde::{Deserialize, Serialize};

pub use self::decision::{Decision, decide};
pub use self::fill::Given;
pub use self::shape::{ButtonShape, HeaderShape, Shape};
pub use self::text::{Text, variables_are};
use crate::chat::Category;
use crate::node::{Object, claim, object_key};
use crate::store::{Store, StoreError, bytes_of, table};

/// Most templates of an account.
pub const TEMPLATES_MAX: usize = 250;

/// What a template is for, in the API's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Offers.
    Marketing,
    /// A customer's own affairs.
    Utility,
    /// Codes to sign in with.
    Authentication,
}

impl Purpose {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Marketing => "MARKETING",
            Self::Utility => "UTILITY",
            Self::Authentication => "AUTHENTICATION",
        }
    }

    /// The purpose of a name, in either case.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Marketing, Self::Utility, Self::Authentication];
        all.into_iter().find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// What a customer consents to for it.
    pub fn category(self) -> Category {
        match self {
            Self::Marketing => Category::Marketing,
            Self::Utility => Category::Service,
            Self::Authentication => Category::Authentication,
        }
    }
}

/// How the variables of a template are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// `{{1}}`, `{{2}}`.
    Positional,
    /// `{{first_name}}`.
    Named,
}

impl Format {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Positional => "POSITIONAL",
            Self::Named => "NAMED",
        }
    }
}

/// Where a template stands: see the table of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It waits for the operator.
    Pending,
    /// It may be sent.
    Approved,
    /// The operator refused it.
    Rejected,
    /// It rests.
    Paused,
    /// It is not sent any more.
    Disabled,
}

impl Status {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Paused => "PAUSED",
            Self::Disabled => "DISABLED",
        }
    }

    /// Whether somebody's decision leads from here to there: the table of the module. The same again is none.
    pub fn leads_to(self, next: Self) -> bool {
        use Status::{Approved, Disabled, Paused, Pending, Rejected};
        matches!(
            (self, next),
            (Pending, Approved | Rejected)
                | (Approved, Paused | Disabled)
                // Rejected again, for another reason.
                | (Rejected, Rejected)
                | (Paused, Approved | Disabled)
                | (Disabled, Approved)
        )
    }
}

/// A template in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its id.
    pub id: u64,
    /// Its name, which it has in all languages.
    pub name: String,
    /// Its language, as `pt_BR`.
    pub language: String,
    /// What it is for.
    pub purpose: Purpose,
    /// What it was for before.
    pub before: Option<Purpose>,
    /// How its variables are called.
    pub format: Format,
    /// Its components as they were given: JSON.
    pub components: String,
    /// Where it stands.
    pub status: Status,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// When it was made.
    pub made: Millis,
}

/// The templates of a node.
#[derive(Clone)]
pub struct Templates<D> {
    store: Store<D>,
}

impl<D: Data> Templates<D> {
    /// The templates of a store.
    pub fn new(store: Store<D>) -> Self {
        Self { store }
    }

    /// Keeps a new template under a free id; `false` when there is one of its name and language.
    pub async fn create(&self, template: &Template) -> Result<bool, StoreError> {
        let name = by_name(&template.name, &template.language);
        let batch = Batch::new().assert(name.clone(), Expected::Absent);
        let batch = claim(batch, template.id, Object::Template)
            .put(name, bytes_of(&template.id))
            .put(by_id(template.id), bytes_of(template));
        match self.store.write(batch).await {
            Ok(()) => Ok(true),
            Err(StoreError::Write(WriteError::Conflict(0))) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A template by its id.
    pub async fn get(&self, id: u64) -> Result<Option<Template>, StoreError> {
        self.store.read("a template", &by_id(id)).await
    }

    /// A template by its name and language.
    pub async fn find(&self, name: &str, language: &str) -> Result<Option<Template>, StoreError> {
        match self.store.read("a template", &by_name(name, language)).await? {
            Some(id) => self.get(id).await,
            None => Ok(None),
        }
    }

    /// All of them, by name and language.
    pub async fn all(&self) -> Result<Vec<Template>, StoreError> {
        let rows =
            self.store.list("templates", &Key::new(table::TEMPLATE, &[b"t"]), None, usize::MAX).await?;
        let mut all: Vec<Template> = rows.into_iter().map(|(_, template)| template).collect();
        all.sort_by(|a, b| (&a.name, &a.language).cmp(&(&b.name, &b.language)));
        Ok(all)
    }

    /// Changes a template; its id, name and language stay. `None` when there is none.
    pub async fn change(
        &self,
        id: u64,
        mut change: impl FnMut(&mut Template),
    ) -> Result<Option<Template>, StoreError> {
        let change = |template: &mut Option<Template>| {
            template.as_mut().map(&mut change);
            template.clone()
        };
        self.store.change("a template", &by_id(id), change).await
    }

    /// Removes a template; its id and its name are free again.
    pub async fn remove(&self, template: &Template) -> Result<(), StoreError> {
        let batch = Batch::new()
            .delete(by_id(template.id))
            .delete(by_name(&template.name, &template.language))
            .delete(object_key(template.id));
        self.store.write(batch).await
    }
}

fn by_id(id: u64) -> Key {
    Key::new(table::TEMPLATE, &[b"t", &id.to_be_bytes()])
}

fn by_name(name: &str, language: &str) -> Key {
    // A name has no byte 0, so that no two pairs look alike.
    Key::new(table::TEMPLATE, &[b"n", name.as_bytes(), &[0], language.as_bytes()])
}

/// Why a template was rejected, in the API's words: those of the operator stand beside it, since programs know no others.
pub fn rejected_for(reason: Option<&str>) -> &'static str {
    const REASONS: [&str; 7] = [
        "ABUSIVE_CONTENT",
        "CATEGORY_NOT_AVAILABLE",
        "INCORRECT_CATEGORY",
        "INVALID_FORMAT",
        "PROMOTIONAL",
        "SCAM",
        "TAG_CONTENT_MISMATCH",
    ];
    REASONS.into_iter().find(|it| Some(*it) == reason).unwrap_or("NONE")
}
