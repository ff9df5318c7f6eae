//! What a sealed file withstands, and its bytes.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

const KEY: FileKey = FileKey { key: [7; 32], nonce: [9; 7] };

fn file(size: u64) -> Vec<u8> {
    (0..size).map(|at| (at % 251) as u8).collect()
}

fn seal(key: &FileKey, file: &[u8]) -> Vec<u8> {
    let seal = FileSeal::new(key, Shape::of(file.len() as u64).unwrap());
    let mut sealed = Vec::new();
    for chunk in 0..seal.shape().chunks() {
        let plain = seal.shape().plain(chunk);
        let mut buffer = file[plain.start as usize..plain.end as usize].to_vec();
        seal.seal(chunk, &mut buffer).unwrap();
        sealed.extend(buffer);
    }
    sealed
}

fn open(key: &FileKey, size: u64, sealed: &[u8]) -> Result<Vec<u8>, FileError> {
    let seal = FileSeal::new(key, Shape::of(size)?);
    if sealed.len() as u64 != seal.shape().sealed() {
        return Err(FileError::Length);
    }
    let mut file = Vec::new();
    for chunk in 0..seal.shape().chunks() {
        let place = seal.shape().place(chunk);
        let mut buffer = sealed[place.start as usize..place.end as usize].to_vec();
        seal.open(chunk, &mut buffer)?;
        file.extend(buffer);
    }
    Ok(file)
}

#[test]
fn files_of_every_awkward_size_come_back_and_only_the_padded_size_shows() {
    const C: u64 = CHUNK as u64;
    for size in [0, 1, 15, C - 1, C, C + 1, 2 * C, 3 * C + 77, 1_000_000] {
        let (plain, shape) = (file(size), Shape::of(size).unwrap());
        let sealed = seal(&KEY, &plain);
        assert_eq!(sealed.len() as u64, shape.sealed());
        assert_eq!(open(&KEY, size, &sealed), Ok(plain), "{size} bytes");
    }
    assert_eq!(Shape::of(1_000_000).unwrap().sealed(), Shape::of(1_010_000).unwrap().sealed());
}

#[test]
fn the_largest_file_has_a_shape_and_one_byte_more_has_none() {
    let shape = Shape::of(limits::FILE).unwrap();
    assert!(shape.sealed() <= limits::BLOB);
    assert_eq!(Shape::of(limits::FILE + 1), Err(FileError::TooLarge));
    assert_eq!(Shape::of(u64::MAX), Err(FileError::TooLarge));
}

#[test]
fn a_chunk_opens_alone_and_only_in_its_place() {
    let size = 5 * CHUNK as u64 + 9;
    let (plain, shape) = (file(size), Shape::of(size).unwrap());
    let (sealed, seal) = (seal(&KEY, &plain), FileSeal::new(&KEY, shape));
    let chunk = |at: u32| sealed[shape.place(at).start as usize..shape.place(at).end as usize].to_vec();
    let mut third = chunk(2);
    seal.open(2, &mut third).unwrap();
    assert_eq!(third, plain[2 * CHUNK..3 * CHUNK]);
    for place in [0, 1, 3, 4] {
        let mut moved = chunk(2);
        assert_eq!(seal.open(place, &mut moved), Err(FileError::Altered), "as chunk {place}");
        assert!(moved.is_empty(), "nothing of it is given out");
    }
    assert_eq!(seal.open(shape.chunks(), &mut chunk(2)), Err(FileError::NoSuchChunk));
    assert_eq!(shape.chunks_of(CHUNK as u64 - 1..CHUNK as u64 + 1), 0..2);
    assert_eq!(shape.chunks_of(CHUNK as u64..2 * CHUNK as u64), 1..2);
    assert_eq!(shape.chunks_of(size..size + 5), 0..0);
}

/// Hostile forms of a sealed file, each of which must be refused: W-08.
#[test]
fn w08_what_was_cut_moved_swapped_added_or_sealed_for_another_file_is_refused() {
    let size = 4 * CHUNK as u64;
    let (plain, other) = (file(size), vec![1; 4 * CHUNK]);
    let sealed = seal(&KEY, &plain);
    let whole = |at: usize| at * SEALED_CHUNK..(at + 1) * SEALED_CHUNK;
    let hostile: [(&str, Vec<u8>); 6] = [
        ("a byte less", sealed[..sealed.len() - 1].to_vec()),
        ("a byte more", [&sealed[..], &[0]].concat()),
        ("a chunk less", sealed[..3 * SEALED_CHUNK].to_vec()),
        ("two chunks in each other's place", {
            let mut moved = sealed.clone();
            moved[whole(0)].copy_from_slice(&sealed[whole(1)]);
            moved[whole(1)].copy_from_slice(&sealed[whole(0)]);
            moved
        }),
        ("a chunk twice", [&sealed[whole(0)], &sealed[whole(0)], &sealed[2 * SEALED_CHUNK..]].concat()),
        ("another file", seal(&FileKey { key: [8; 32], nonce: [9; 7] }, &other)),
    ];
    for (what, bytes) in hostile {
        assert!(open(&KEY, size, &bytes).is_err(), "{what}");
    }
    // Shortened together with the size that the message claims: the last chunk is no last one.
    assert_eq!(open(&KEY, 3 * CHUNK as u64, &sealed[..3 * SEALED_CHUNK]), Err(FileError::Altered));
    for (key, what) in [
        (FileKey { key: [0; 32], ..KEY.clone() }, "key"),
        (FileKey { nonce: [0; 7], ..KEY.clone() }, "nonce"),
    ] {
        assert_eq!(open(&key, size, &sealed), Err(FileError::Altered), "a wrong {what}");
    }
}

fn arrive(size: u64, sealed: &[u8]) -> Arriving {
    let mut arriving = Arriving::new(Shape::of(size).unwrap());
    sealed.chunks(1000).for_each(|bytes| arriving.take(bytes));
    arriving
}

/// Mallory seals two files under one key, sends one, and has the relay put the other in its place later: every chunk
/// of it opens.
#[test]
fn w08_a_sender_who_swaps_the_file_later_is_found_out_by_the_hash_and_by_nothing_else() {
    let size = 2 * CHUNK as u64;
    let (sent, other) = (seal(&KEY, &file(size)), seal(&KEY, &vec![1; 2 * CHUNK]));
    let hash: [u8; 32] = Sha256::digest(&sent).into();
    assert!(arrive(size, &sent).check(&hash).is_ok());
    assert_eq!(arrive(size, &other).check(&hash), Err(FileError::Altered));
    assert_eq!(arrive(size, &sent[1..]).check(&hash), Err(FileError::Length));
    // Without the check it would be opened.
    #[cfg(feature = "evil")]
    {
        let Whole(()) = arrive(size, &other).unchecked();
        assert_eq!(open(&KEY, size, &other), Ok(vec![1; 2 * CHUNK]));
    }
}

#[test]
fn what_hides_in_the_padding_is_refused() {
    let size = 1_000_001;
    let shape = Shape::of(size).unwrap();
    let last = shape.chunks() - 1;
    let plain = shape.plain(last);
    let mut buffer = vec![3; shape.padded(last)];
    assert!(buffer.len() as u64 > plain.end - plain.start, "there is padding");
    let seal = FileSeal::new(&KEY, shape);
    seal.stream.encrypt_in_place(last, true, &seal.associated, &mut buffer).unwrap();
    assert_eq!(seal.open(last, &mut buffer), Err(FileError::Altered));
}

#[test]
fn the_format_has_these_bytes() {
    let hash = |size| hex::encode(Sha256::digest(seal(&KEY, &file(size))));
    let sealed = seal(&KEY, b"Lacre");
    assert_eq!(hex::encode(&sealed), VECTOR_LACRE);
    assert_eq!([hash(0), hash(65_536), hash(200_000)], VECTOR_HASHES);
}

/// Made by another implementation (AES-GCM of OpenSSL); `docs/protocol/sealed-file.md` prints them.
const VECTOR_LACRE: &str = "f165c54bda20a6b1cbb2ee2ef9137fcfa0ebfdd46e";
const VECTOR_HASHES: [&str; 3] = [
    "0d8e67c35fa6488353aeba0f150b60db9638f8f52fb9f02199bb5a430615c0da",
    "480476a6a4c97b35006c472b17f6562204cc37f425bc75cbbbe654078d934bb9",
    "5f111c13c13201eb00faa3d0883ba405bc7656c17fa5af9234da04c524f0e8ed",
];

proptest! {
    #[test]
    fn a_flipped_bit_is_refused_wherever_it_is(size in 0u64..200_000, at: prop::sample::Index, bit in 0u8..8) {
        let mut sealed = seal(&KEY, &file(size));
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert_eq!(open(&KEY, size, &sealed), Err(FileError::Altered));
    }
}
