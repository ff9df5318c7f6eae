//! A conversation that says that it is of somebody's own devices, with a stranger in it (D-11).

use lacre_proto::wire::{self, item::Kind};
use lacre_proto::{AccountId, ConversationId, Millis};
use rand_core::CryptoRng;

use crate::EngineError;
use crate::api::Reader;
use crate::content::{Address, Content, MessageId, MimiId};
use crate::engine::Engine;
use crate::mls::extension::LacreConversation;
use crate::mls::group::{self, Plan, sealing};
use crate::mls::provider::{Provider, Rand};
use crate::mls::storage::Storage;
use crate::records::Overlay;

impl Engine {
    /// Makes a conversation of the devices of `of`, with the device of a key package in it, and says something there;
    /// gives the two items that a relay makes of it.
    pub fn look_alike(
        &self,
        reader: &dyn Reader,
        id: ConversationId,
        (of, package): (AccountId, &[u8]),
        content: Content<MimiId>,
        now: Millis,
        rng: &mut dyn CryptoRng,
    ) -> Result<[Kind; 2], EngineError> {
        let store = Overlay::new(reader);
        let provider = Provider { crypto: &self.crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let package = group::key_package_in(&provider, package).ok_or(EngineError::Corrupt("no package"))?;
        let conversation = LacreConversation::own(of);
        let mut group = group::create(&provider, &self.myself(), id, &conversation, now)?;
        let plan = Plan { add: vec![package], ..Plan::default() };
        let made = group::commit(&provider, &mut group, &self.myself(), plan)?;
        group.merge_pending_commit(&provider).map_err(sealing)?;
        let welcomed = wire::Welcomed {
            conversation: id.to_wire(),
            sequence: 1,
            welcome: made.welcomes.each.concat().into(),
            capability_hash: made.capability_hash.to_vec().into(),
            group_info: made.welcomes.group_info.into(),
        };
        let address = Address::new(self.me().account, conversation.room(id));
        let bytes = self.signed_plaintext(id, &address, MessageId([7; 16]), content, 0)?;
        let sealed = wire::Sealed {
            conversation: id.to_wire(),
            sequence: 2,
            epoch: group.epoch().as_u64(),
            message: group::seal(&provider, &mut group, &self.myself(), &bytes)?.into(),
            dedupe: 1,
            category: 0,
        };
        Ok([Kind::Welcomed(welcomed), Kind::Sealed(sealed)])
    }
}
