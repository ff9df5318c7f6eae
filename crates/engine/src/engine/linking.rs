//! An old device lets a new one in: its side of a linking (see `identity::linking`). All of it lives in memory,
//! for as long as the sockets; only the change of the device list is kept.

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request, response};
use lacre_proto::{DeviceId, ErrorCode, Millis, limits};

use super::devices::ListChange;
use super::{Asked, Cx, Engine};
use crate::api::{EngineError, Event, Refusal};
use crate::content::Matter;
use crate::identity::{Certificate, DeviceEntry, Host, LinkCode, LinkError, LinkNumber, SignatureKey};

const OFFER: u32 = 1;
const PROOF: u32 = 2;
const BUNDLE: u32 = 3;
/// The relay is asked this often whether the number was typed.
const POLL: Millis = 700;

/// A linking under way.
#[derive(Clone)]
pub(super) struct Linking {
    host: Host,
    stage: Stage,
    until: Millis,
}

#[derive(Clone, PartialEq, Eq)]
enum Stage {
    /// The offer is to be taken.
    Offer,
    /// The number is shown; the proof is looked for at this time.
    Number(Guest, Millis),
    /// The number was typed; the new list is on its way.
    Listing(Guest),
    /// The bundle is on its way.
    Giving(DeviceId),
}

#[derive(Clone, PartialEq, Eq)]
struct Guest {
    device: DeviceId,
    key: SignatureKey,
    name: String,
}

impl Engine {
    pub(super) fn begin_linking(&mut self, cx: &mut Cx<'_>, code: LinkCode) -> Result<(), Refusal> {
        if self.in_quarantine(cx.now) {
            return Err(Refusal::InQuarantine);
        }
        if self.list.devices().len() >= limits::DEVICES {
            return Err(Refusal::TooManyDevices);
        }
        if !self.link.online || !self.link.caught_up {
            return Err(Refusal::Offline);
        }
        if self.link.linking.is_some() {
            return Err(Refusal::LinkingAlready);
        }
        let host = Host::new(code, LinkNumber::generate(cx.provider.rand.number()));
        let until = cx.now + limits::LINKING.as_millis() as Millis;
        self.link.linking = Some(Linking { host, stage: Stage::Offer, until });
        self.take_link(cx, OFFER);
        Ok(())
    }

    /// Ends a linking that is under way, in nothing.
    pub(super) fn end_linking(&mut self, cx: &mut Cx<'_>, error: LinkError) {
        if self.link.linking.take().is_some() {
            cx.event(Event::LinkEnded(Err(error)));
        }
    }

    fn take_link(&mut self, cx: &mut Cx<'_>, step: u32) {
        let Some(linking) = &self.link.linking else { return };
        let link = linking.host.link.to_vec().into();
        self.ask_anonymously(cx, Asked::Link(step), request::Op::TakeLink(wire::TakeLink { link, step }));
    }

    /// Looks for the proof now and then, until the time is over.
    pub(super) fn dispatch_linking(&mut self, cx: &mut Cx<'_>) {
        let Some(linking) = &mut self.link.linking else { return };
        if linking.until <= cx.now {
            return self.end_linking(cx, LinkError::Over);
        }
        cx.wake_at(linking.until);
        let Stage::Number(_, look_at) = &mut linking.stage else { return };
        if *look_at > cx.now {
            cx.wake_at(*look_at);
            return;
        }
        *look_at = cx.now + POLL;
        cx.wake_at(*look_at);
        self.take_link(cx, PROOF);
    }

    pub(super) fn link_answered(
        &mut self,
        cx: &mut Cx<'_>,
        step: u32,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let Some(linking) = self.link.linking.clone() else { return Ok(()) };
        let done = match (step, linking.stage, result) {
            (OFFER, Stage::Offer, Ok(response::Result::LinkBody(offer))) => self.offered(cx, &offer.body),
            (PROOF, Stage::Number(..), Ok(response::Result::LinkBody(proof))) if proof.body.is_empty() => {
                Ok(())
            }
            (PROOF, Stage::Number(guest, _), Ok(response::Result::LinkBody(proof))) => {
                match linking.host.proved(&proof.body) {
                    Ok(()) => return self.list_guest(cx, guest),
                    Err(error) => Err(error),
                }
            }
            (BUNDLE, Stage::Giving(device), Ok(response::Result::Done(_))) => {
                self.link.linking = None;
                cx.event(Event::LinkEnded(Ok(device)));
                Ok(())
            }
            (_, _, Err(error)) if error.code == ErrorCode::NoSuchLink => Err(LinkError::Over),
            (_, _, Err(_)) => Err(LinkError::Lost),
            // An answer to something that was asked before.
            (_, _, Ok(_)) => Ok(()),
        };
        if let Err(error) = done {
            self.end_linking(cx, error);
        }
        Ok(())
    }

    fn offered(&mut self, cx: &mut Cx<'_>, offer: &[u8]) -> Result<(), LinkError> {
        let relay = self.me.relay;
        let Some(linking) = &mut self.link.linking else { return Ok(()) };
        let (device, key, name) = linking.host.offered(offer, relay)?;
        cx.event(Event::LinkNumber(linking.host.number, name.clone()));
        linking.stage = Stage::Number(Guest { device, key, name }, cx.now + POLL);
        Ok(())
    }

    fn list_guest(&mut self, cx: &mut Cx<'_>, guest: Guest) -> Result<(), EngineError> {
        let entry = DeviceEntry {
            device: guest.device,
            signature_key: guest.key,
            added: cx.now,
            quarantine_until: cx.now + limits::QUARANTINE.as_millis() as Millis,
            added_by: Some(self.me.device),
        };
        if !guest.name.is_empty() {
            let (device, name) = (guest.device, guest.name.clone());
            self.settle_matter(cx, Matter::DeviceName { device, name })?;
            self.put_device_name(cx, device, &guest.name);
        }
        if let Some(linking) = &mut self.link.linking {
            linking.stage = Stage::Listing(guest);
        }
        self.change_list(cx, ListChange::Add(entry))
    }

    /// The relay has taken the list: the new device gets what makes it one of this account.
    pub(super) fn list_taken(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let Some(Linking { host, stage: Stage::Listing(guest), .. }) = self.link.linking.clone() else {
            return Ok(());
        };
        if self.list.entry(guest.device).is_none() {
            return Ok(());
        }
        let identity = self.identity_secret(cx)?;
        let handle = self.me.handle.clone();
        let certificate =
            Certificate::issue(&identity, self.me.account, guest.device, handle, guest.key, cx.now);
        match host.bundle(&identity, &certificate, &self.list) {
            Ok(bundle) => {
                let put =
                    wire::PutLink { link: host.link.to_vec().into(), step: BUNDLE, body: bundle.into() };
                self.ask_anonymously(cx, Asked::Link(BUNDLE), request::Op::PutLink(put));
                if let Some(linking) = &mut self.link.linking {
                    linking.stage = Stage::Giving(guest.device);
                }
            }
            Err(error) => self.end_linking(cx, error),
        }
        Ok(())
    }

    /// The relay has not taken the list.
    pub(super) fn list_refused(&mut self, cx: &mut Cx<'_>) {
        let listing = |linking: &Linking| matches!(linking.stage, Stage::Listing(_));
        if self.link.linking.as_ref().is_some_and(listing) {
            self.end_linking(cx, LinkError::Refused);
        }
    }
}
