//! Pictures made for the tests, with everything in them that a telephone puts there: place, device, owner, time.
#![allow(dead_code, reason = "each test takes what it needs")]

use image_webp::{ColorType, WebPEncoder};
use lacre_media::picture::{Decoded, Pixels, resized};

/// What must not leave a device, as text.
pub const SECRETS: [&str; 4] = ["Pixel 9 Pro", "Rua das Flores 7", "Ana Silva", "2026:11:28 10:20:30"];
/// 38° 43' 20.28" as Exif keeps it, each number over another.
const PLACE: [u32; 6] = [38, 1, 43, 1, 2028, 100];

/// Every form in which what must not leave could be there: as bytes, in UTF-16, and the place as numbers, in both
/// orders of bytes.
pub fn forms() -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for secret in SECRETS {
        forms.push(secret.as_bytes().to_vec());
        forms.push(secret.encode_utf16().flat_map(u16::to_le_bytes).collect());
        forms.push(secret.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    forms.push(PLACE.iter().flat_map(|number| number.to_le_bytes()).collect());
    forms.push(PLACE.iter().flat_map(|number| number.to_be_bytes()).collect());
    forms
}

/// Which of the forms are in the bytes.
pub fn found(bytes: &[u8]) -> usize {
    forms().iter().filter(|form| bytes.windows(form.len()).any(|window| window == &form[..])).count()
}

/// A picture with a gradient and a bright corner at the top left, so that its orientation is seen.
pub fn pixels(width: u32, height: u32, channels: usize) -> Pixels {
    let mut bytes = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let corner = x < width / 4 && y < height / 4;
            let (r, g) = ((x * 200 / width) as u8, (y * 200 / height) as u8);
            let pixel = if corner { [250, 250, 250, 255] } else { [r, g, 60, 128] };
            bytes.extend(&pixel[..channels]);
        }
    }
    Pixels::new(width, height, channels, bytes).expect("as many as needed")
}

/// Exif of a telephone, in this order of bytes: orientation, device, owner, time, a place, and a preview with a name.
pub fn exif(little: bool, orientation: u16) -> Vec<u8> {
    let short = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
    let long = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(short).collect() };
    let place: Vec<u8> = PLACE.iter().flat_map(|number| long(*number)).collect();
    let values: Vec<(u16, u16, Vec<u8>)> = vec![
        (0x0110, 2, SECRETS[0].as_bytes().to_vec()),
        (0x0112, 3, short(orientation).to_vec()),
        (0x0132, 2, SECRETS[3].as_bytes().to_vec()),
        (0x013b, 2, SECRETS[2].as_bytes().to_vec()),
        (0x0002, 5, place),
        (0x9c9b, 1, SECRETS.iter().flat_map(|secret| wide(secret)).collect()),
        (0x9c9c, 1, SECRETS[1].as_bytes().to_vec()),
    ];
    let mut tiff = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
    tiff.extend(long(8));
    tiff.extend(short(values.len() as u16));
    let mut data_at = 8 + 2 + 12 * values.len() + 4;
    let mut data = Vec::new();
    for (tag, kind, value) in values {
        let size = match kind {
            3 => 2,
            5 => 8,
            _ => 1,
        };
        tiff.extend(short(tag));
        tiff.extend(short(kind));
        tiff.extend(long((value.len() / size) as u32));
        if value.len() <= 4 {
            tiff.extend(value.iter().copied().chain([0; 4]).take(4));
        } else {
            tiff.extend(long(data_at as u32));
            data_at += value.len();
            data.extend(value);
        }
    }
    tiff.extend([0; 4]);
    [tiff, data].concat()
}

/// All secrets as XMP.
pub fn xmp() -> Vec<u8> {
    format!("<x:xmpmeta><rdf:Description a=\"{}\"/></x:xmpmeta>", SECRETS.join("|")).into_bytes()
}

/// A JPEG of a telephone.
pub fn jpeg(little: bool, orientation: u16) -> Vec<u8> {
    let plain = plain_jpeg(80, 40);
    let segment = |marker: u8, parts: &[&[u8]]| {
        let body = parts.concat();
        [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), &body].concat()
    };
    let words = SECRETS.join(" ");
    let told = [
        segment(0xe1, &[b"Exif\0\0", &exif(little, orientation)]),
        segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", &xmp()]),
        segment(0xed, &[b"Photoshop 3.0\08BIM\x04\x04\0\0", words.as_bytes()]),
        segment(0xe2, &[b"MPF\0", words.as_bytes()]),
        segment(0xe5, &[words.as_bytes()]),
        segment(0xfe, &[words.as_bytes()]),
        segment(0xe0, &[b"JFXX\0\x10", words.as_bytes()]),
    ];
    // A second picture after the end, as live photos have.
    [&plain[..2], &told.concat(), &plain[2..], &plain_jpeg(16, 16), words.as_bytes()].concat()
}

pub fn plain_jpeg(width: u32, height: u32) -> Vec<u8> {
    let decoded = Decoded { pixels: pixels(width, height, 3), profile: None, moves: false, upright: true };
    resized(&decoded).0
}

/// A PNG of an editor, in three channels or with transparency.
pub fn png(channels: usize, orientation: u16) -> Vec<u8> {
    let picture = pixels(80, 40, channels);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 80, 40);
    encoder.set_color(if channels == 4 { png::ColorType::Rgba } else { png::ColorType::Rgb });
    let words = SECRETS.join(" ");
    encoder.add_text_chunk("Author".into(), words.clone()).expect("a text");
    encoder.add_ztxt_chunk("Comment".into(), words.clone()).expect("a text");
    encoder.add_itxt_chunk("XML:com.adobe.xmp".into(), words.clone()).expect("a text");
    let mut writer = encoder.write_header().expect("a header");
    writer.write_chunk(png::chunk::eXIf, &exif(true, orientation)).expect("a chunk");
    writer.write_chunk(png::chunk::ChunkType(*b"prVt"), words.as_bytes()).expect("a chunk");
    writer.write_image_data(picture.bytes()).expect("pixels");
    writer.finish().expect("an end");
    [bytes, words.into_bytes()].concat()
}

/// A WebP with Exif and XMP.
pub fn webp(channels: usize, orientation: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif(false, orientation));
    encoder.set_xmp_metadata(xmp());
    let color = if channels == 4 { ColorType::Rgba8 } else { ColorType::Rgb8 };
    encoder.encode(pixels(80, 40, channels).bytes(), 80, 40, color).expect("pixels");
    [bytes, SECRETS.join(" ").into_bytes()].concat()
}

/// A GIF of so many pictures, with comments, texts and another application's block.
pub fn gif(frames: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    {
        let mut encoder = gif::Encoder::new(&mut bytes, 8, 8, &[0, 0, 0, 255, 255, 255]).expect("a header");
        encoder.set_repeat(gif::Repeat::Finite(3)).expect("a repeat");
        for number in 0..frames {
            let mut frame = gif::Frame::from_indexed_pixels(8, 8, vec![(number % 2) as u8; 64], None);
            frame.delay = 10;
            encoder.write_frame(&frame).expect("a frame");
            let words = SECRETS.join(" ");
            let comment = gif::AnyExtension(0xfe);
            encoder.write_raw_extension(comment, &[words.as_bytes()]).expect("a comment");
            let app: [&[u8]; 2] = [b"XMP DataXMP", words.as_bytes()];
            encoder.write_raw_extension(gif::AnyExtension(0xff), &app).expect("an application's block");
        }
    }
    [bytes, SECRETS.join(" ").into_bytes()].concat()
}
