//! A new device of an account that exists: it shows a code, an older device lets it in, and it is a client.

use std::time::Duration;

use lacre_engine::identity::{LinkCode, LinkError, LinkNumber, Newcomer};
use lacre_engine::{Changes, Engine};
use lacre_proto::wire::{PutLink, Response, ServerFrame, TakeLink, request, response, server_frame};
use lacre_proto::{ErrorCode, RelayId};

use crate::client::{Client, OpenError, Setting};
use crate::connection::Trouble;
use crate::driver::{Line, Link, News, greet};
use crate::profile;
use crate::transport::{Endpoint, Fingerprint};
use crate::view::Views;

/// Between two looks for what the older device gives.
const POLL: Duration = Duration::from_millis(500);
/// How long it may take to give it, once the number was typed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a device did not become one of an account. Nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The relay, the store or the profile.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The two devices did not come together.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The older device gave nothing.
    #[error(
        "the other device did not let this one in; begin again with a new code, and see that the number is right"
    )]
    NotLetIn,
}

impl From<Trouble> for JoinError {
    fn from(trouble: Trouble) -> Self {
        Self::Open(OpenError::Relay(trouble))
    }
}

/// A new device that shows its code.
pub struct Joining {
    setting: Setting,
    endpoint: Endpoint,
    fingerprint: Option<Fingerprint>,
    relay: RelayId,
    link: Link,
    asked: u64,
    newcomer: Newcomer,
}

impl Joining {
    /// Makes the keys of a new device in an empty profile, and opens the place where an older one meets it.
    pub async fn begin(mut setting: Setting, endpoint: Endpoint, name: &str) -> Result<Self, JoinError> {
        {
            let reader = setting.store.snapshot().map_err(OpenError::from)?;
            if let Some(me) = Views(reader.as_ref()).me().map_err(OpenError::from)? {
                return Err(OpenError::SignedUpAlready(me.handle).into());
            }
        }
        let greeted = greet(setting.connect.as_ref(), &endpoint).await?;
        let (relay, fingerprint) = (greeted.relay, greeted.fingerprint);
        let newcomer = Newcomer::new(relay, name, setting.rng.as_mut());
        let link = Link::new(greeted);
        let mut joining = Self { setting, endpoint, fingerprint, relay, link, asked: 0, newcomer };
        joining.put(1, joining.newcomer.offer()).await?;
        Ok(joining)
    }

    /// The code to be shown, for a minute.
    pub fn code(&self) -> &LinkCode {
        self.newcomer.code()
    }

    /// The relay at which this device waits.
    pub fn relay(&self) -> RelayId {
        self.relay
    }

    /// The number that the older device shows was typed here: waits to be let in, and starts.
    pub async fn typed(mut self, number: LinkNumber) -> Result<Client, JoinError> {
        let proof = self.newcomer.proof(number);
        self.put(2, proof).await?;
        let until = self.setting.clock.now() + PATIENCE.as_millis() as u64;
        let bundle = loop {
            let link = self.newcomer.link().to_vec().into();
            match self.ask(request::Op::TakeLink(TakeLink { link, step: 3 })).await? {
                response::Result::LinkBody(body) if !body.body.is_empty() => break body.body,
                _ if self.setting.clock.now() >= until => return Err(JoinError::NotLetIn),
                _ => self.setting.clock.sleep(POLL).await,
            }
        };
        let Self { setting, endpoint, fingerprint, link, newcomer, .. } = self;
        link.close(setting.clock.as_ref()).await;
        let admission = newcomer.admitted(&bundle)?;
        let (engine, made) = Engine::admitted(admission, setting.clock.now());
        let mut changes = Changes::new();
        changes.extend(made);
        profile::remember(&mut changes, &endpoint, fingerprint);
        setting.store.commit(&changes).map_err(OpenError::from)?;
        Ok(Client::start(setting, engine, endpoint, None, None))
    }

    async fn put(&mut self, step: u32, body: Vec<u8>) -> Result<(), JoinError> {
        let link = self.newcomer.link().to_vec().into();
        self.ask(request::Op::PutLink(PutLink { link, step, body: body.into() })).await.map(drop)
    }

    async fn ask(&mut self, op: request::Op) -> Result<response::Result, JoinError> {
        self.asked += 1;
        self.link.request(Line::Anonymous, self.asked, op);
        loop {
            let answer = match self.link.next().await {
                News::Over(trouble) => return Err(trouble.into()),
                News::Frame(_, ServerFrame { body: Some(server_frame::Body::Response(answer)) }) => answer,
                News::Frame(..) => continue,
            };
            match answer {
                Response { id, .. } if id != self.asked => {}
                Response { result: Some(response::Result::Error(error)), .. } => {
                    let error = lacre_proto::error::WireError::from(error);
                    return Err(match error.code {
                        ErrorCode::NoSuchLink => LinkError::Over.into(),
                        _ => Trouble::Refused(error).into(),
                    });
                }
                Response { result: Some(result), .. } => return Ok(result),
                Response { result: None, .. } => return Err(Trouble::BadFrame.into()),
            }
        }
    }
}

impl std::fmt::Debug for Joining {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Joining(..)")
    }
}
