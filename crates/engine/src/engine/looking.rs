//! Who has a handle, asked of the directory before anything is said to them: so a customer sees what a business says of
//! itself before the business hears of them. Whoever is found is pinned as with a first message.

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ErrorCode, Handle};

use super::contacts::{Disbelief, Learned};
use super::{Asked, Cx, Engine};
use crate::api::{EngineError, Event, Refusal};

impl Engine {
    pub(super) fn look_up(&mut self, cx: &mut Cx<'_>, handle: Handle) -> Result<(), Refusal> {
        if handle == self.me.handle {
            return Err(Refusal::Yourself);
        }
        if !self.link.online {
            return Err(Refusal::Offline);
        }
        let by = wire::lookup::By::Handle(handle.as_str().to_owned());
        self.ask(cx, Asked::LookUp(handle), request::Op::Lookup(wire::Lookup { by: Some(by) }));
        Ok(())
    }

    pub(super) fn look_up_answered(
        &mut self,
        cx: &mut Cx<'_>,
        handle: Handle,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let found = self.found(cx, &handle, result)?;
        cx.event(Event::LookedUp(handle, found));
        Ok(())
    }

    fn found(
        &mut self,
        cx: &mut Cx<'_>,
        handle: &Handle,
        result: Result<response::Result, WireError>,
    ) -> Result<Result<AccountId, Refusal>, EngineError> {
        let told = match result {
            Ok(response::Result::Account(told)) => told,
            Ok(_) => return Ok(Err(Refusal::Relay(ErrorCode::Internal.into()))),
            Err(error) if error.code == ErrorCode::NoSuchAccount => return Ok(Err(Refusal::NoSuchAccount)),
            Err(error) => return Ok(Err(Refusal::Relay(error))),
        };
        let learned = match told.handle == handle.as_str() {
            true => self.learn(cx, told, true),
            false => Err(Learned::Not(Disbelief::False)),
        };
        match learned {
            Ok(contact) => Ok(Ok(contact.account)),
            Err(Learned::Failed(error)) => Err(error),
            Err(Learned::Not(disbelief)) => {
                cx.alert(None, disbelief.alert());
                Ok(Err(match disbelief {
                    Disbelief::OtherIdentity(_) => Refusal::IdentityChanged,
                    Disbelief::False => Refusal::NoSuchAccount,
                }))
            }
        }
    }
}
