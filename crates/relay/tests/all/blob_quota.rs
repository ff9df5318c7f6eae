//! What an account may upload: counted when it is granted, given back when it is not used, and nothing twice. And what
//! is swept, given up and finished at the same time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use lacre_proto::wire::{self, request::Op};
use lacre_proto::{ErrorCode, Millis, limits};
use lacre_relay::Config;
use lacre_relay::clock::ManualClock;
use lacre_relay::config::Quotas;
use lacre_relay::limits::RateLimits;
use lacre_relay::services::Settings;
use lacre_store::blobs::{BlobStore, MemoryBlobs};
use lacre_store::data::Data;

use crate::blobs::{DAY, READ, UPLOAD, ana, grant, grant_as, start, upload, video};
use crate::sockets::{PATIENCE, config};
use crate::storage::SlowData;
use crate::world::{Answered, NOW, Person, Socket, World, hash};

const MINUTE: Millis = 60 * 1000;
const OTHER: [u8; 32] = [0xc3; 32];

fn settings(blobs: &MemoryBlobs) -> Settings {
    let quotas = Quotas { blobs: 1000, ..Quotas::default() };
    Settings {
        rates: RateLimits::lifted(),
        quotas,
        blobs: BlobStore::Memory(blobs.clone()),
        ..Settings::default()
    }
}

fn world() -> (World, MemoryBlobs) {
    let blobs = MemoryBlobs::new();
    (World::with(settings(&blobs)), blobs)
}

/// Memory is ready at once.
fn done<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("ready at once")
}

fn granted(socket: &mut Socket<impl Data>, op: wire::GrantBlob) -> Answered {
    socket.ask(Op::GrantBlob(op))
}

/// Whether an account may upload so many bytes more; what was granted for it is given up.
fn may(world: &World, socket: &mut Socket<impl Data>, size: usize) -> bool {
    let may = granted(socket, grant_as(size, &OTHER, &[0xd4; 32])).is_ok();
    if may {
        done(world.services.give_up_blob(&OTHER, world.now)).unwrap();
    }
    may
}

#[test]
fn what_is_given_up_is_given_back_and_its_bytes_are_gone() {
    let (world, blobs) = world();
    let (_, mut ana) = world.sign_up("ana");
    granted(&mut ana, grant(600)).unwrap();
    done(world.services.store_part(&UPLOAD, 0, video(600), world.now)).unwrap();
    assert_eq!((may(&world, &mut ana, 401), may(&world, &mut ana, 400)), (false, true));
    done(world.services.give_up_blob(&UPLOAD, world.now)).unwrap();
    assert_eq!(blobs.count(), 0, "what is not counted any more does not lie there either");
    assert_eq!((may(&world, &mut ana, 1001), may(&world, &mut ana, 1000)), (false, true));
}

#[test]
fn what_is_never_finished_is_given_back_after_a_week() {
    let (mut world, blobs) = world();
    let (ana, mut socket) = world.sign_up("ana");
    granted(&mut socket, grant(600)).unwrap();
    done(world.services.store_part(&UPLOAD, 0, video(600), world.now)).unwrap();
    world.now += limits::BLOB_UPLOAD.as_millis() as Millis - 1;
    done(world.services.sweep_blobs(world.now, 100)).unwrap();
    assert!(!may(&world, &mut world.login(&ana), 401), "it may still be finished");
    world.now += 1;
    done(world.services.sweep_blobs(world.now, 100)).unwrap();
    done(world.services.sweep_blobs(world.now, 100)).unwrap();
    let mut socket = world.login(&ana);
    assert_eq!((may(&world, &mut socket, 1001), may(&world, &mut socket, 1000)), (false, true));
    world.now += 11 * MINUTE;
    done(world.services.sweep_blobs(world.now, 100)).unwrap();
    assert_eq!(blobs.count(), 0);
}

#[test]
fn mallory_gets_nothing_back_for_what_she_has_uploaded_nor_anything_twice_nor_what_is_anothers() {
    let (mut world, _) = world();
    let (mallory, mut hers) = world.sign_up("mallory");
    let (_, mut brunos) = world.sign_up("bruno");
    granted(&mut brunos, grant_as(900, &[8; 32], &[9; 32])).unwrap();
    granted(&mut hers, grant(600)).unwrap();
    done(world.services.store_blob(&UPLOAD, video(600), world.now)).unwrap();
    // The blob goes on as whoever she passes it to has it; only her own reference goes.
    world.connect().ask(crate::blobs::refer(&READ, &[5; 32])).unwrap();
    done(world.services.give_up_blob(&UPLOAD, world.now)).unwrap();
    assert!(!may(&world, &mut hers, 401), "it was uploaded, and stays counted");
    assert_eq!(done(world.services.load_blob(&[5; 32], world.now)).unwrap(), video(600));
    // Again and again: the count does not go below what lies there.
    for _ in 0..3 {
        granted(&mut hers, grant_as(400, &[1; 32], &[2; 32])).unwrap();
        done(world.services.give_up_blob(&[1; 32], world.now)).unwrap();
        let again = done(world.services.give_up_blob(&[1; 32], world.now));
        assert_eq!(again.unwrap_err().code, ErrorCode::NoSuchBlob);
    }
    assert_eq!((may(&world, &mut hers, 401), may(&world, &mut hers, 400)), (false, true));
    // Whatever she gave up of Bruno's would be given back to him: whose it is stands in the row.
    done(world.services.give_up_blob(&[8; 32], world.now)).unwrap();
    assert_eq!((may(&world, &mut hers, 401), may(&world, &mut brunos, 1000)), (false, true));
    // A month later the sweep finds nothing to give back either.
    world.now += 29 * DAY;
    done(world.services.sweep_blobs(world.now, 100)).unwrap();
    assert!(!may(&world, &mut world.login(&mallory), 401));
}

#[test]
fn a_crash_after_an_upload_was_given_up_and_before_its_bytes_went_gives_back_once() {
    let (mut world, blobs) = world();
    let (ana, mut socket) = world.sign_up("ana");
    granted(&mut socket, grant(600)).unwrap();
    done(world.services.store_part(&UPLOAD, 0, video(600), world.now)).unwrap();
    blobs.never_delete(true);
    assert!(world.services.give_up_blob(&UPLOAD, world.now).now_or_never().is_none(), "it dies here");
    blobs.never_delete(false);
    let again = done(world.services.give_up_blob(&UPLOAD, world.now));
    assert_eq!(again.unwrap_err().code, ErrorCode::NoSuchBlob);
    assert_eq!((may(&world, &mut socket, 1001), may(&world, &mut socket, 1000)), (false, true));
    world.now += 11 * MINUTE;
    done(world.services.sweep_blobs(world.now, 100)).unwrap();
    assert_eq!(blobs.count(), 0);
    assert!(!may(&world, &mut world.login(&ana), 1001));
}

/// A relay whose writes can be held, and who is at it.
fn slow() -> (SlowData, World<SlowData>, Socket<SlowData>, MemoryBlobs) {
    let (data, blobs) = (SlowData::default(), MemoryBlobs::new());
    let world = World::over(data.clone(), settings(&blobs));
    let (_, ana) = world.sign_up("ana");
    (data, world, ana, blobs)
}

#[test]
fn an_upload_that_is_finished_while_it_is_given_back_is_one_or_the_other() {
    for cancel_first in [false, true] {
        let (data, world, mut ana, _) = slow();
        granted(&mut ana, grant(3)).unwrap();
        let http = world.services.clone();
        data.hold();
        let mut finish = Box::pin(http.store_blob(&UPLOAD, Bytes::from_static(b"wax"), world.now));
        let mut cancel = Box::pin(http.give_up_blob(&UPLOAD, world.now));
        // Both have read the same rows, and each has written what follows from them.
        if cancel_first {
            assert!((&mut cancel).now_or_never().is_none());
        }
        assert!((&mut finish).now_or_never().is_none());
        if !cancel_first {
            assert!((&mut cancel).now_or_never().is_none());
        }
        data.flow();
        data.let_go(2, None);
        let (finished, cancelled) = (done(finish), done(cancel));
        assert_eq!(finished.is_ok(), !cancel_first, "{finished:?}");
        cancelled.unwrap();
        assert_eq!(
            done(http.load_blob(&READ, world.now)).map_err(|error| error.code),
            Err(ErrorCode::NoSuchBlob)
        );
        // Given back only when it was not finished.
        assert_eq!(granted(&mut ana, grant_as(998, &OTHER, &[0xd4; 32])).is_ok(), cancel_first);
    }
}

#[test]
fn an_upload_that_is_finished_while_old_ones_are_swept_is_not_swept_with_them() {
    let (data, mut world, mut ana, _) = slow();
    // By their upload capabilities the first two are swept first; by their references the first and the last.
    let ordered = |mut all: [[u8; 32]; 3]| {
        all.sort_by_key(|capability| hash(capability));
        all
    };
    let [u0, u1, u2] = ordered([[1; 32], [2; 32], [3; 32]]);
    let [r0, r2, r1] = ordered([[4; 32], [5; 32], [6; 32]]);
    for (upload, read) in [(u0, r0), (u1, r1), (u2, r2)] {
        granted(&mut ana, grant_as(3, &upload, &read)).unwrap();
    }
    let before = world.now + limits::BLOB_UPLOAD.as_millis() as Millis - 1;
    world.now = before + 1;
    let http = world.services.clone();
    data.hold();
    let mut sweep = Box::pin(http.sweep_blobs(world.now, 2));
    // The two grants, and then the first of two references.
    for _ in 0..2 {
        assert!((&mut sweep).now_or_never().is_none());
        data.let_go(1, None);
    }
    assert!((&mut sweep).now_or_never().is_none());
    // The last upload was begun in time, and its end comes now.
    let mut finish = Box::pin(http.store_blob(&u2, Bytes::from_static(b"wax"), before));
    assert!((&mut finish).now_or_never().is_none());
    data.flow();
    data.let_go(2, None);
    done(finish).unwrap();
    done(sweep).unwrap();
    assert_eq!(done(http.load_blob(&r2, world.now)).unwrap(), "wax");
}

#[test]
fn of_two_ends_of_an_upload_the_one_with_a_wrong_hash_does_not_delete_what_the_other_finds_right() {
    let (data, world, mut ana, _) = slow();
    granted(&mut ana, grant(3)).unwrap();
    let http = world.services.clone();
    data.hold();
    let mut right = Box::pin(http.store_blob(&UPLOAD, Bytes::from_static(b"wax"), world.now));
    assert!((&mut right).now_or_never().is_none());
    let wrong = done(http.store_blob(&UPLOAD, Bytes::from_static(b"ink"), world.now));
    assert_eq!(wrong.unwrap_err().code, ErrorCode::SlowDown);
    data.flow();
    data.let_go(1, None);
    done(right).unwrap();
    assert_eq!(done(http.load_blob(&READ, world.now)).unwrap(), "wax");
}

#[test]
fn after_a_crash_between_the_parts_and_their_end_nothing_is_sent_again() {
    let (data, _, _, blobs) = slow();
    let size = limits::BLOB_PART as usize + 3;
    let settings = Settings { quotas: Quotas::default(), ..settings(&blobs) };
    let world = World::over(data.clone(), settings);
    let mut ana = world.login(&Person::new("ana"));
    granted(&mut ana, grant(size)).unwrap();
    data.hold();
    let first = world.services.store_blob(&UPLOAD, video(size), world.now).now_or_never();
    assert!(first.is_none(), "it dies when the parts were put together, before that was written down");
    data.flow();
    let parts = done(world.services.stored_parts(&UPLOAD, world.now)).unwrap();
    assert_eq!(parts, [0, 1]);
    done(world.services.store_blob(&UPLOAD, video(size), world.now)).unwrap();
    assert!(done(world.services.load_blob(&READ, world.now)).unwrap() == video(size));
}

#[tokio::test]
async fn a_place_for_files_that_does_not_answer_holds_nothing_else_up() {
    let (blobs, clock) = (MemoryBlobs::new(), Arc::new(ManualClock::at(NOW)));
    let place = BlobStore::Memory(blobs.clone());
    let sweep = Duration::from_millis(20);
    let relay = start(Config { blobs: Some(place), clock: clock.clone(), sweep, ..config() }).await;
    let op = wire::GrantBlob { keep_ms: DAY, ..grant(3) };
    ana(&relay).await.ask(Op::GrantBlob(op)).await.unwrap();
    upload(&relay, &UPLOAD, b"wax").await;
    blobs.never_delete(true);
    clock.advance(2 * DAY);
    tokio::time::timeout(PATIENCE, async {
        while !blobs.is_asked() {
            clock.advance(DAY);
            tokio::time::sleep(sweep).await;
        }
    })
    .await
    .expect("it is swept in time");
    tokio::time::timeout(PATIENCE, relay.stop()).await.expect("it stops all the same");
}
