//! Key packages: published by a device, claimed by others, each exactly once. Only the last-resort one, kept
//! for when all others are used, is given more than once, and says so.

use bytes::Bytes;
use lacre_proto::wire::{Claim, ClaimKeyPackages, Claimed, DeviceList, PublishKeyPackages};
use lacre_proto::{AccountId, DeviceId, ErrorCode, Millis, Ticket, limits, mls_framing};
use lacre_store::data::{Batch, Data, Expected, Key};
use prost::Message;

use super::business::Dealing;
use super::rows::{KeyPackageRow, NextKeyPackageRow};
use super::{Answered, Authenticated, Services, bad, keys, not_written, refuse, rows, unavailable};
use crate::limits::Action;

impl<D: Data> Services<D> {
    /// Stores more key packages of a device, or others in place of all that there are; gives how many are left.
    pub(crate) async fn publish_key_packages(
        &self,
        op: PublishKeyPackages,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<u32> {
        self.limiter().take(Action::Publish, &[caller.device.as_ref()], now)?;
        let last_resort = Some(&op.last_resort).filter(|package| !package.is_empty());
        for package in op.key_packages.iter().chain(last_resort) {
            if package.len() > limits::KEY_PACKAGE {
                return refuse(ErrorCode::TooLarge);
            }
            mls_framing::key_package(package).map_err(ErrorCode::from)?;
        }
        let device = caller.device;
        let (next, row) = self.next_number(device).await?;
        let left = if op.replace { 0 } else { self.left(device, next).await? };
        let all = left + op.key_packages.len() as u64;
        if all > limits::KEY_PACKAGES as u64 {
            return refuse(ErrorCode::LimitReached);
        }
        let counter = keys::next_key_package(device);
        let after = NextKeyPackageRow { next: next + op.key_packages.len() as u64 };
        let mut batch = Batch::new()
            .assert(counter.clone(), row.map_or(Expected::Absent, Expected::Value))
            .put(counter, rows::encode(&after));
        if op.replace {
            let (from, to) = keys::key_packages(device);
            batch = batch.delete_range(from, to);
        }
        for (number, package) in (next..).zip(&op.key_packages) {
            batch = batch.put(keys::key_package(device, number), stored(package, now));
        }
        if let Some(package) = last_resort {
            batch = batch.put(keys::last_resort(device), stored(package, now));
        }
        self.0.data.write(batch).await.map_err(not_written)?;
        Ok(all as u32)
    }

    /// Gives a key package of each device of an account, and a ticket with each.
    pub(crate) async fn claim_key_packages(
        &self,
        op: ClaimKeyPackages,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<Claimed> {
        let target = AccountId::try_from(&op.account).map_err(bad)?;
        if !op.devices.is_empty() {
            return self.claim_own(op, target, caller, now).await;
        }
        self.limiter().take(Action::ClaimOne, &[caller.account.as_ref(), target.as_ref()], now)?;
        let (_, account) = self.reachable(target, caller).await?.ok_or(ErrorCode::NoSuchAccount)?;
        let dealing = self.may_deal(caller.account, target, now).await?;
        let device_list = account.device_list.ok_or_else(|| rows::broken("account"))?;
        let list = DeviceList::decode(device_list.body.clone()).map_err(|_| rows::broken("device list"))?;
        // Over the target's limit, its one-time packages are spared: nobody can use them all up.
        let spare = self.limiter().take(Action::ClaimTarget, &[target.as_ref()], now).is_err();
        let mut claims = Vec::new();
        for entry in &list.devices {
            let device = DeviceId::try_from(&entry.device).map_err(|_| rows::broken("device list"))?;
            if device != caller.device {
                claims.extend(self.claim(device, dealing, spare, now).await?);
            }
        }
        if claims.is_empty() && target != caller.account {
            return refuse(ErrorCode::NoKeyPackages);
        }
        Ok(Claimed { device_list: Some(device_list), claims })
    }

    /// Gives key packages of the caller's own devices: several of each, for all the conversations that a new
    /// device is to be in.
    async fn claim_own(
        &self,
        op: ClaimKeyPackages,
        target: AccountId,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<Claimed> {
        let count = op.count.max(1) as usize;
        if target != caller.account || op.devices.len() > limits::DEVICES || count > limits::CLAIMED_OWN {
            return refuse(ErrorCode::BadRequest);
        }
        let account = self.account(target).await?.ok_or(ErrorCode::NoSuchAccount)?;
        let device_list = account.device_list.ok_or_else(|| rows::broken("account"))?;
        let list = DeviceList::decode(device_list.body.clone()).map_err(|_| rows::broken("device list"))?;
        let mut claims = Vec::new();
        for device in list.devices.iter().map(|entry| &entry.device).filter(|id| op.devices.contains(id)) {
            let device = DeviceId::try_from(device).map_err(|_| rows::broken("device list"))?;
            for _ in 0..count {
                let Some(claim) = self.claim(device, None, false, now).await? else { break };
                let last = claim.last_resort;
                claims.push(claim);
                if last {
                    break;
                }
            }
        }
        Ok(Claimed { device_list: Some(device_list), claims })
    }

    /// How many key packages of a device are left, beside the last-resort one.
    pub(crate) async fn key_packages_left(&self, device: DeviceId) -> Answered<u32> {
        let (next, _) = self.next_number(device).await?;
        Ok(self.left(device, next).await? as u32)
    }

    async fn claim(
        &self,
        device: DeviceId,
        dealing: Option<Dealing>,
        spare: bool,
        now: Millis,
    ) -> Answered<Option<Claim>> {
        if !spare && let Some(claim) = self.claim_first(device, dealing, now).await? {
            return Ok(Some(claim));
        }
        let Some(row) = self.0.data.get(&keys::last_resort(device)).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let row: KeyPackageRow = rows::decode(&row)?;
        if !fresh(&row, now) {
            return Ok(None);
        }
        let (ticket, batch) = self.issue(Batch::new(), device, dealing, now);
        self.0.data.write(batch).await.map_err(not_written)?;
        Ok(Some(claim(device, row.key_package, ticket, true)))
    }

    /// Takes the first one: of many claimers, each gets another.
    async fn claim_first(
        &self,
        device: DeviceId,
        dealing: Option<Dealing>,
        now: Millis,
    ) -> Answered<Option<Claim>> {
        let (from, to) = keys::key_packages(device);
        loop {
            let (ticket, batch) = self.issue(Batch::new(), device, dealing, now);
            let mut written =
                self.0.data.write(batch.take_first(from.clone(), to.clone())).await.map_err(not_written)?;
            let Some((_, row)) = written.taken.pop().flatten() else { return Ok(None) };
            let row: KeyPackageRow = rows::decode(&row)?;
            // One that is too old would be refused by its claimer; it is gone now, as it should be.
            if fresh(&row, now) {
                return Ok(Some(claim(device, row.key_package, ticket, false)));
            }
        }
    }

    async fn next_number(&self, device: DeviceId) -> Answered<(u64, Option<Bytes>)> {
        let row = self.0.data.get(&keys::next_key_package(device)).await.map_err(unavailable)?;
        match row {
            Some(bytes) => Ok((rows::decode::<NextKeyPackageRow>(&bytes)?.next, Some(bytes))),
            None => Ok((0, None)),
        }
    }

    /// Numbers are given in order and taken from the front, so the first one left tells how many there are.
    async fn left(&self, device: DeviceId, next: u64) -> Answered<u64> {
        let (from, to) = keys::key_packages(device);
        let first: Vec<(Key, Bytes)> = self.0.data.scan(&from, &to, 1).await.map_err(unavailable)?;
        match first.first() {
            Some((key, _)) => {
                let first = keys::number_of(key).ok_or_else(|| rows::broken("key package"))?;
                Ok(next.saturating_sub(first))
            }
            None => Ok(0),
        }
    }
}

fn stored(package: &Bytes, now: Millis) -> Bytes {
    rows::encode(&KeyPackageRow { published_ms: now, key_package: package.clone() })
}

fn fresh(row: &KeyPackageRow, now: Millis) -> bool {
    now.saturating_sub(row.published_ms) < limits::KEY_PACKAGE_LIFETIME.as_millis() as u64
}

fn claim(device: DeviceId, key_package: Bytes, ticket: Ticket, last_resort: bool) -> Claim {
    Claim { device: device.to_wire(), key_package, ticket: ticket.to_wire(), last_resort }
}
