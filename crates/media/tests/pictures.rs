//! W-05, W-06: what a picture tells about its maker does not leave the device, and no picture takes more than it may.

mod made;

use lacre_media::picture::{
    Format, PictureError, SIDE, Sending, THUMBNAIL, THUMBNAIL_SIDE, blur, decode, decode_small, prepare,
    strip, thumbnail, unblur,
};
use made::{found, pixels};
use proptest::prelude::*;

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("jpeg, little", made::jpeg(true, 1)),
        ("jpeg, big, turned", made::jpeg(false, 6)),
        ("png", made::png(3, 1)),
        ("png, transparent, turned", made::png(4, 8)),
        ("webp", made::webp(3, 1)),
        ("webp, transparent, turned", made::webp(4, 3)),
        ("gif", made::gif(1)),
        ("gif, moving", made::gif(3)),
    ]
}

#[test]
fn w06_place_device_owner_and_time_go_in_and_none_of_it_comes_out() {
    for (name, sample) in samples() {
        assert!(found(&sample) >= 4, "{name}: the sample has them");
        for sending in [Sending::Resized, Sending::Original] {
            let picture = prepare(&sample, sending).expect(name);
            assert_eq!(found(&picture.bytes), 0, "{name}, {sending:?}");
            assert_eq!(found(&picture.thumbnail), 0, "{name}, {sending:?}: thumbnail");
            assert_eq!(found(&picture.blur), 0, "{name}");
        }
    }
}

#[test]
fn w06_stripping_leaves_every_pixel_as_it_was_and_the_orientation() {
    for (name, sample) in samples() {
        let stripped = strip(&sample).expect(name);
        let (before, after) = (decode(&sample).expect(name), decode(&stripped).expect(name));
        assert_eq!(before, after, "{name}");
        assert_eq!(strip(&stripped), Ok(stripped.clone()), "{name}: what is clean stays as it is");
        assert!(stripped.len() < sample.len(), "{name}");
    }
    let turned = decode(&strip(&made::jpeg(true, 6)).expect("stripped")).expect("decoded");
    assert_eq!((turned.pixels.width(), turned.pixels.height()), (40, 80), "it is seen upright");
    let corner = turned.pixels.at(38, 2);
    assert!(corner.iter().all(|value| *value > 220), "the corner was turned to the right: {corner:?}");
}

#[test]
fn w09_the_thumbnail_shows_what_the_picture_shows() {
    for (name, sample) in samples() {
        let picture = prepare(&sample, Sending::Resized).expect(name);
        let (large, small) = (decode(&picture.bytes).expect(name), decode(&picture.thumbnail).expect(name));
        let (width, height) = (small.pixels.width(), small.pixels.height());
        let expected = large.pixels.shrunk(width, height).on_white();
        let apart: u64 =
            expected.bytes().iter().zip(small.pixels.bytes()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(apart / (expected.bytes().len() as u64) < 12, "{name}: {apart}");
    }
}

#[test]
fn the_default_is_small_upright_and_of_a_fitting_format() {
    let photo = prepare(&made::jpeg(true, 8), Sending::Resized).expect("a photo");
    assert_eq!((photo.format, photo.width, photo.height), (Format::Jpeg, 40, 80));
    assert!(decode(&photo.bytes).expect("decoded").upright, "the pixels are turned, not a note beside them");
    let drawing = prepare(&made::png(4, 1), Sending::Resized).expect("a drawing");
    assert_eq!(drawing.format, Format::Png, "what can be seen through stays so");
    let moving = prepare(&made::gif(3), Sending::Resized).expect("a GIF");
    assert_eq!(moving.format, Format::Gif, "what moves goes on moving");
    assert!(decode(&moving.bytes).expect("decoded").moves);

    let large = lacre_media::picture::Decoded {
        pixels: pixels(2600, 1300, 3),
        profile: None,
        moves: false,
        upright: true,
    };
    let (bytes, _, size) = lacre_media::picture::resized(&large);
    assert_eq!(size, (SIDE, SIDE / 2));
    assert!(bytes.len() < 400_000, "{}", bytes.len());
}

#[test]
fn a_picture_that_is_made_anew_need_not_hold_together_after_its_pixels() {
    // After the only picture stands what is no block of a GIF.
    let mut sample = made::gif(1);
    let end = sample.windows(2).rposition(|window| window == [0, b';']).expect("an end") + 1;
    sample[end] = 0x55;
    assert_eq!(strip(&sample), Err(PictureError::Damaged));
    let picture = prepare(&sample, Sending::Resized).expect("its pixels are whole");
    assert_eq!((picture.width, picture.height, found(&picture.bytes)), (8, 8, 0));
    assert_eq!(prepare(&sample, Sending::Original), Err(PictureError::Damaged));
}

#[test]
fn thumbnails_are_small_whatever_the_picture() {
    // Noise is the worst that can be packed.
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let bytes = (0..640 * 640 * 3).map(|_| noise()).collect();
    let noisy = lacre_media::picture::Pixels::new(640, 640, 3, bytes).expect("pixels");
    for picture in [noisy, pixels(1000, 10, 3), pixels(1, 1, 4), pixels(1, 900, 3)] {
        let small = thumbnail(&picture);
        assert!(small.len() <= THUMBNAIL, "{}", small.len());
        let decoded = decode(&small).expect("a thumbnail is a picture");
        assert!(decoded.pixels.width() <= THUMBNAIL_SIDE && decoded.pixels.height() <= THUMBNAIL_SIDE);
        let hash = blur(&picture);
        assert!(hash.len() <= 32, "{}", hash.len());
        assert!(unblur(&hash).is_some());
    }
    assert_eq!(unblur(b"abc"), None);
}

#[test]
fn w05_pictures_that_say_they_are_huge_are_refused_before_anything_is_allocated() {
    // 100,000 × 100,000 pixels are 40 GB; were they allocated, this test would not end.
    let mut png = made::png(3, 1);
    png[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(decode(&png), Err(PictureError::TooManyPixels));

    let mut jpeg = made::plain_jpeg(16, 16);
    let frame = jpeg.windows(2).position(|window| window == [0xff, 0xc0]).expect("a frame");
    jpeg[frame + 5..frame + 9].fill(0xff);
    assert_eq!(decode(&jpeg), Err(PictureError::TooManyPixels));

    let mut gif = made::gif(1);
    gif[6..10].fill(0xff);
    assert_eq!(decode(&gif), Err(PictureError::TooManyPixels));

    // A frame that is larger than its screen.
    let mut gif = made::gif(1);
    let frame =
        gif.windows(10).position(|window| window == [b',', 0, 0, 0, 0, 8, 0, 8, 0, 0]).expect("a frame");
    gif[frame + 5..frame + 9].fill(0xff);
    assert!(decode(&gif).is_err());

    // A thumbnail of a few hundred bytes that is a picture of two million pixels.
    let large = made::plain_jpeg(2000, 1000);
    assert_eq!(decode_small(&large), Err(PictureError::TooManyPixels));
    assert!(decode(&large).is_ok());

    // WebP: 16,384 × 16,384 in its lossless header, and as much in the extended one.
    let mut webp = made::webp(3, 1);
    webp[24..30].copy_from_slice(&[0xff, 0x3f, 0, 0xff, 0x3f, 0]);
    assert_eq!(decode(&webp), Err(PictureError::TooManyPixels));
}

#[test]
fn w05_texts_and_profiles_that_unpack_to_gigabytes_are_not_unpacked() {
    // A text and a profile of zeros, packed, in a picture of one pixel.
    const ZEROS: usize = 30_000_000;
    let mut info = png::Info::with_size(1, 1);
    info.color_type = png::ColorType::Rgb;
    info.icc_profile = Some(vec![0; ZEROS].into());
    let mut packed = Vec::new();
    {
        let mut encoder = png::Encoder::with_info(&mut packed, info).expect("it fits");
        encoder.add_ztxt_chunk("a".into(), "0".repeat(ZEROS)).expect("a text");
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&[1, 2, 3]).expect("a pixel");
    }
    assert!(packed.len() < ZEROS / 50, "{}", packed.len());
    assert_eq!(decode(&packed).expect("it is a picture").pixels.bytes(), [1, 2, 3]);
    assert!(strip(&packed).expect("stripped").len() < 200);
}

#[test]
fn a_picture_that_is_cut_off_or_nothing_is_an_error_and_no_more() {
    for (name, sample) in samples() {
        for end in (0..sample.len()).step_by(7) {
            let _ = (decode(&sample[..end]), strip(&sample[..end]));
        }
        assert_eq!(decode(&sample[..3]).map(|_| ()), Err(decode(&sample[..3]).expect_err(name)));
    }
    assert_eq!(decode(b""), Err(PictureError::Unknown));
    assert_eq!(strip(b"%PDF-1.7"), Err(PictureError::Unknown));
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 },
        )
    };
    !bytes.iter().fold(!0, step)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn flipped_bytes_make_no_panic_and_let_nothing_through(
        which in 0usize..8,
        flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..12),
    ) {
        let (_, mut bytes) = samples().swap_remove(which);
        for (at, value) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        let _ = decode(&bytes);
        if let Ok(stripped) = strip(&bytes) {
            prop_assert_eq!(strip(&stripped), Ok(stripped));
        }
    }

    #[test]
    fn any_bytes_after_a_magic_make_no_panic(
        magic in proptest::sample::select(vec![&b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ", b"GIF89a"]),
        rest in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let bytes = [magic, &rest].concat();
        let _ = (decode(&bytes), strip(&bytes), unblur(&rest));
    }
}
