//! The device list of an account: who may change it, what a change does.
//!
//! A new list must be the next one (version, hash of the one before), signed by the identity key, and come from
//! a device of the current one that is not in quarantine. Devices that it names for the first time may log in;
//! those that it names no more are logged out, and their key packages, tickets and mailbox go.

use bytes::Bytes;
use lacre_proto::wire::{DeviceEntry, DeviceList, UpdateDeviceList};
use lacre_proto::{AccountId, DeviceId, ErrorCode, Millis, label, limits};
use lacre_store::data::{Batch, Data, Expected, WriteError};
use prost::Message;

use super::accounts::{signed, verify};
use super::rows::{AccountRow, DeviceRow, GoneRow};
use super::{Answered, Authenticated, Services, keys, not_written, refuse, rows, sha256, unavailable};
use crate::limits::Action;

impl<D: Data> Services<D> {
    /// Takes the next device list of the caller's account. The same list again is answered as the first time.
    pub(crate) async fn update_device_list(
        &self,
        op: UpdateDeviceList,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<()> {
        let new = signed(op.device_list)?;
        let key = keys::account(caller.account);
        let before =
            self.0.data.get(&key).await.map_err(unavailable)?.ok_or_else(|| rows::broken("account"))?;
        let account: AccountRow = rows::decode(&before)?;
        let current = account.device_list.clone().ok_or_else(|| rows::broken("account"))?;
        if current == new {
            return Ok(());
        }
        self.limiter().take(Action::DeviceList, &[caller.account.as_ref()], now)?;
        let list = DeviceList::decode(current.body.clone()).map_err(|_| rows::broken("device list"))?;
        let me = list.devices.iter().find(|entry| entry.device == caller.device.as_ref());
        match me {
            None => return refuse(ErrorCode::DeviceRemoved),
            Some(me) if me.quarantine_until_ms > now => return refuse(ErrorCode::InQuarantine),
            Some(_) => {}
        }
        let next = DeviceList::decode(new.body.clone()).map_err(|_| ErrorCode::BadRequest)?;
        if next.version != list.version + 1 || next.previous != sha256(&current.body).as_slice() {
            return refuse(ErrorCode::StaleDeviceList);
        }
        check(&list, &next, caller.account)?;
        let identity = account.identity_key.as_ref().try_into().map_err(|_| rows::broken("account"))?;
        verify(&identity, &label::labelled(label::DEVICE_LIST, &new.body), &new.signature)?;
        let after = rows::encode(&AccountRow { device_list: Some(new), ..account });
        let batch = Batch::new().assert(key.clone(), Expected::Value(before)).put(key, after);
        let (batch, gone) = self.change(batch, &list, &next, caller.account, now)?;
        match self.0.data.write(batch).await {
            Ok(_) => {}
            Err(WriteError::Conflict(0)) => return refuse(ErrorCode::StaleDeviceList),
            // A device id that another account has.
            Err(WriteError::Conflict(_)) => return refuse(ErrorCode::BadRequest),
            Err(error) => return Err(not_written(error)),
        }
        for device in gone {
            self.mailbox(device).await?.hang_up();
        }
        Ok(())
    }

    /// What a new list does to the rows of devices; gives those that go.
    fn change(
        &self,
        mut batch: Batch,
        list: &DeviceList,
        next: &DeviceList,
        account: AccountId,
        now: Millis,
    ) -> Answered<(Batch, Vec<DeviceId>)> {
        for entry in next.devices.iter().filter(|entry| same(list, entry).is_none()) {
            let device = DeviceId::try_from(&entry.device).map_err(|_| ErrorCode::BadRequest)?;
            let row = DeviceRow { account: account.to_wire(), signature_key: entry.signature_key.clone() };
            batch = batch
                .assert(keys::device(device), Expected::Absent)
                .assert(keys::gone(device), Expected::Absent)
                .put(keys::device(device), rows::encode(&row));
        }
        let mut gone = Vec::new();
        for entry in list.devices.iter().filter(|entry| same(next, entry).is_none()) {
            let device = DeviceId::try_from(&entry.device).map_err(|_| rows::broken("device list"))?;
            let (from, to) = keys::key_packages(device);
            let row = GoneRow { signature_key: entry.signature_key.clone(), gone_ms: now };
            batch = batch
                .delete(keys::device(device))
                .delete_range(from, to)
                .delete(keys::last_resort(device))
                .delete(keys::next_key_package(device))
                .truncate(keys::log(device), u64::MAX)
                .put(keys::gone(device), rows::encode(&row));
            gone.push(device);
        }
        Ok((batch, gone))
    }

    /// Why a login is refused: a device that was removed, and proves that it is the one, is told so.
    pub(super) async fn why_refused(
        &self,
        device: DeviceId,
        proof: &[u8],
        signature: &[u8],
    ) -> Answered<ErrorCode> {
        let row = self.0.data.get(&keys::gone(device)).await.map_err(unavailable)?;
        let Some(row) = row else { return Ok(ErrorCode::LoginRefused) };
        let row: GoneRow = rows::decode(&row)?;
        let key = row.signature_key.as_ref().try_into().map_err(|_| rows::broken("gone"))?;
        let proved = verify(&key, proof, signature).is_ok();
        Ok(if proved { ErrorCode::DeviceRemoved } else { ErrorCode::LoginRefused })
    }

    /// Why a session is ended from here: the device logged in elsewhere, or it was removed.
    pub(crate) async fn why_ended(&self, device: DeviceId) -> ErrorCode {
        match self.device(device).await {
            Ok(None) => ErrorCode::DeviceRemoved,
            _ => ErrorCode::Replaced,
        }
    }
}

fn same<'a>(list: &'a DeviceList, entry: &DeviceEntry) -> Option<&'a DeviceEntry> {
    list.devices.iter().find(|other| other.device == entry.device)
}

/// What can be said of a list without its signature.
fn check(list: &DeviceList, next: &DeviceList, account: AccountId) -> Answered<()> {
    if next.account != account.as_ref() || next.devices.is_empty() {
        return refuse(ErrorCode::BadRequest);
    }
    if next.devices.len() > limits::DEVICES {
        return refuse(ErrorCode::LimitReached);
    }
    for (at, entry) in next.devices.iter().enumerate() {
        let twice = next.devices[..at]
            .iter()
            .any(|other| other.device == entry.device || other.signature_key == entry.signature_key);
        let keeps = |key: &Bytes| same(list, entry).is_none_or(|before| before.signature_key == *key);
        if twice || entry.signature_key.len() != 32 || !keeps(&entry.signature_key) {
            return refuse(ErrorCode::BadRequest);
        }
    }
    Ok(())
}
