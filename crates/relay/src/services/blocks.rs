//! Blocks: whom an account does not want to be reached by.
//!
//! To the blocked, the account is not there: look-ups and claims take the way of an account that does not exist,
//! with the same reads of the store, and are answered with the same bytes. Tickets for the account's devices that
//! were out at the time are void. What is said in conversations that both are in is not for the relay to stop,
//! because it does not know who sends: the blocker's devices leave them.

use lacre_proto::wire::{Block, Unblock};
use lacre_proto::{AccountId, ErrorCode, Millis, limits};
use lacre_store::data::{Batch, Data, Expected};

use super::business::Dealing;
use super::rows::{AccountRow, BlockRow, BlocksRow};
use super::{Answered, Authenticated, Services, bad, keys, not_written, refuse, rows, unavailable};
use crate::limits::Action;

/// An account that is nobody's: what is read instead of one that is not there, or not for the caller.
pub(super) const NOBODY: AccountId = AccountId([0; 16]);

impl<D: Data> Services<D> {
    /// Blocks an account. The same block again changes nothing, nor does it matter whether there is such an account.
    pub(crate) async fn block(&self, op: Block, caller: Authenticated, now: Millis) -> Answered<()> {
        let blocked = AccountId::try_from(&op.account).map_err(bad)?;
        if blocked == caller.account {
            return refuse(ErrorCode::BadRequest);
        }
        self.limiter().take(Action::Block, &[caller.account.as_ref()], now)?;
        let key = keys::block(caller.account, blocked);
        if self.0.data.get(&key).await.map_err(unavailable)?.is_some() {
            return Ok(());
        }
        let (blocks, expected) = self.blocks(caller.account).await?;
        if blocks.count >= limits::BLOCKED as u64 {
            return refuse(ErrorCode::LimitReached);
        }
        let after = BlocksRow { count: blocks.count + 1, last_ms: now };
        let batch = Batch::new()
            .assert(key.clone(), Expected::Absent)
            .assert(keys::blocks(caller.account), expected)
            .put(key, rows::encode(&BlockRow { since_ms: now }))
            .put(keys::blocks(caller.account), rows::encode(&after));
        // A block of a business counts against it.
        let dealing = Dealing::new(blocked, caller.account);
        self.write_complaining(dealing, batch, now).await?.map_err(not_written)
    }

    /// Takes a block back; one that is not there is none.
    pub(crate) async fn unblock(&self, op: Unblock, caller: Authenticated, now: Millis) -> Answered<()> {
        let blocked = AccountId::try_from(&op.account).map_err(bad)?;
        self.limiter().take(Action::Block, &[caller.account.as_ref()], now)?;
        let key = keys::block(caller.account, blocked);
        let Some(row) = self.0.data.get(&key).await.map_err(unavailable)? else { return Ok(()) };
        let (blocks, expected) = self.blocks(caller.account).await?;
        let after = BlocksRow { count: blocks.count.saturating_sub(1), ..blocks };
        let batch = Batch::new()
            .assert(key.clone(), Expected::Value(row))
            .assert(keys::blocks(caller.account), expected)
            .delete(key)
            .put(keys::blocks(caller.account), rows::encode(&after));
        self.0.data.write(batch).await.map(drop).map_err(not_written)
    }

    /// The account, if it is there and has not blocked the caller. Reads the same rows either way.
    pub(super) async fn reachable(
        &self,
        account: AccountId,
        caller: Authenticated,
    ) -> Answered<Option<(AccountId, AccountRow)>> {
        let block = self.0.data.get(&keys::block(account, caller.account)).await.map_err(unavailable)?;
        let account = if block.is_some() { NOBODY } else { account };
        let row = self.account(account).await?;
        Ok(row.filter(|_| account != NOBODY).map(|row| (account, row)))
    }

    /// When an account last blocked somebody.
    pub(super) async fn last_block(&self, account: AccountId) -> Answered<Option<Millis>> {
        let row = self.0.data.get(&keys::blocks(account)).await.map_err(unavailable)?;
        row.map(|row| Ok(rows::decode::<BlocksRow>(&row)?.last_ms)).transpose()
    }

    async fn blocks(&self, account: AccountId) -> Answered<(BlocksRow, Expected)> {
        match self.0.data.get(&keys::blocks(account)).await.map_err(unavailable)? {
            Some(row) => Ok((rows::decode(&row)?, Expected::Value(row))),
            None => Ok((BlocksRow::default(), Expected::Absent)),
        }
    }
}
