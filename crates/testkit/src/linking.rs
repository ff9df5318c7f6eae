//! A device lets in a new one, over the world's own network.

use lacre_engine::identity::{LinkNumber, Newcomer};
use lacre_engine::{Engine, Event, Intent};
use lacre_proto::error::WireError;
use lacre_proto::frame::{self, FromRelay};
use lacre_proto::wire::{
    ClientFrame, PutLink, Request, Response, ServerFrame, TakeLink, client_frame, request, response,
    server_frame,
};
use lacre_relay::session::{Outgoing, Session};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::device::Device;
use crate::store::Store;
use crate::world::{World, at_once};

impl World {
    /// A device of an account lets in a new one, which is called `new` from now on (`ana/phone`, say). Both are
    /// online, and the new one gets into the conversations as time passes.
    pub fn link(&mut self, old: &str, new: &str) {
        let mut rng = ChaCha20Rng::seed_from_u64(self.random());
        let mut newcomer = Newcomer::new(self.relay().relay(), new, &mut rng);
        let link: bytes::Bytes = newcomer.link().to_vec().into();
        let put = |step, body: Vec<u8>| {
            request::Op::PutLink(PutLink { link: link.clone(), step, body: body.into() })
        };
        self.ask_anonymously(put(1, newcomer.offer())).expect("an offer is taken");
        self.person(old).clear_events();
        self.intend(old, Intent::Link(newcomer.code().clone()));
        self.settle();
        let shown = self.device(old).events().iter().find_map(|event| match event {
            Event::LinkNumber(number, _) => Some(*number),
            _ => None,
        });
        let shown: LinkNumber =
            shown.unwrap_or_else(|| panic!("{old} shows no number: {:?}", self.device(old).events()));
        self.ask_anonymously(put(2, newcomer.proof(shown))).expect("a proof is taken");
        self.pass(2_000);
        let take = request::Op::TakeLink(TakeLink { link, step: 3 });
        let Ok(response::Result::LinkBody(bundle)) = self.ask_anonymously(take) else {
            panic!("{old} gives no bundle: {:?}", self.device(old).events())
        };
        let admission = newcomer.admitted(&bundle.body).expect("the bundle is for the newcomer");
        let (engine, changes) = Engine::admitted(admission, self.now());
        let mut store = Store::default();
        store.put(changes);
        self.move_in(Device::new(new, engine, store, rng));
        self.settle();
    }

    fn random(&mut self) -> u64 {
        self.rng().random()
    }

    /// One request on a socket of its own that nobody has logged in on, past the network and its faults.
    pub fn ask_anonymously(&mut self, op: request::Op) -> Result<response::Result, WireError> {
        let (mut session, _) = Session::greet(self.relay().clone(), None, self.now());
        let request = client_frame::Body::Request(Request { id: 1, op: Some(op) });
        let bytes = frame::encode_client(1, &ClientFrame { body: Some(request) });
        let answer = at_once(session.handle(bytes, self.now()));
        let Outgoing::Frame(bytes) = at_once(answer) else { panic!("a request is answered") };
        match frame::decode_relay(&bytes) {
            Ok(FromRelay::Frame(ServerFrame {
                body: Some(server_frame::Body::Response(Response { result: Some(result), .. })),
            })) => match result {
                response::Result::Error(error) => Err(error.into()),
                result => Ok(result),
            },
            other => panic!("not an answer: {other:?}"),
        }
    }
}
