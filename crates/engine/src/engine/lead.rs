//! Of what only one device of an account is to do: which one does. The relay says, for a while at a time.

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request, response};
use lacre_proto::{DeviceId, ErrorCode};

use super::{Asked, Cx, Engine};
use crate::api::{Event, Lead, Refusal, Wanted};

impl Engine {
    pub(super) fn ask_lead(&mut self, cx: &mut Cx<'_>, wanted: Wanted) -> Result<(), Refusal> {
        if !self.link.online {
            return Err(Refusal::Offline);
        }
        let wish = match wanted {
            Wanted::Lead => wire::Wish::Lead,
            Wanted::TakeOver => wire::Wish::TakeOver,
            Wanted::StepDown => wire::Wish::StepDown,
            Wanted::Look => wire::Wish::Look,
        };
        self.ask(cx, Asked::Lead, request::Op::Lead(wire::Lead { wish: wish.into() }));
        Ok(())
    }
}

/// The relay has said who leads.
pub(super) fn answered(cx: &mut Cx<'_>, result: Result<response::Result, WireError>) {
    let told = match result {
        Ok(response::Result::Led(led)) => read(&led),
        Ok(_) => Err(ErrorCode::Internal),
        Err(error) => Err(error.code),
    };
    cx.event(Event::Lead(told));
}

fn read(led: &wire::Led) -> Result<Lead, ErrorCode> {
    let device = match led.device.is_empty() {
        true => None,
        false => Some(DeviceId::try_from(&led.device).map_err(|_| ErrorCode::Internal)?),
    };
    Ok(Lead { device, for_ms: led.for_ms })
}
