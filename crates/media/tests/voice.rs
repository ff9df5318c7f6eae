//! R11: a voice goes in, the same voice comes out; what is no voice is an error.

use std::f32::consts::PI;
use std::io::Cursor;

use lacre_media::voice::{
    BUCKETS, LONGEST, LOUDEST, Note, RATE, Recorder, Speed, VoiceError, decode, duration, faster, to_wav, wav,
};
use proptest::prelude::*;

/// Somebody who says "ah" for so long, getting louder: a fundamental and overtones.
fn ah(seconds: f32, rate: u32) -> Vec<i16> {
    let count = (seconds * rate as f32) as usize;
    let turn = |at: usize, hertz: f32| (2.0 * PI * hertz * at as f32 / rate as f32).sin();
    let voice = |at| (1..6).map(|over| turn(at, 150.0 * over as f32) / over as f32).sum::<f32>();
    (0..count).map(|at| (voice(at) * 9_000.0 * at as f32 / count as f32) as i16).collect()
}

/// How much of it is the same wave: 1 when it is, 0 when it has nothing to do with it.
fn alike(a: &[i16], b: &[i16]) -> f64 {
    let sum = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    sum(a, b) / (sum(a, a) * sum(b, b)).sqrt()
}

/// How strong each tone of the voice is, the strongest being 1. The encoder turns their phases.
fn tones(samples: &[i16]) -> [f64; 5] {
    let strength = |hertz: f64| {
        let turn = |at: usize| 2.0 * std::f64::consts::PI * hertz * at as f64 / f64::from(RATE);
        let sum = |wave: fn(f64) -> f64| {
            samples.iter().enumerate().map(|(at, sample)| f64::from(*sample) * wave(turn(at))).sum::<f64>()
        };
        sum(f64::sin).hypot(sum(f64::cos))
    };
    let tones: [f64; 5] = std::array::from_fn(|over| strength(150.0 * (over + 1) as f64));
    let strongest = tones.iter().copied().fold(1.0, f64::max);
    tones.map(|tone| tone / strongest)
}

#[test]
fn r11_what_was_said_is_heard_as_long_and_as_it_was() {
    let said = ah(2.345, RATE);
    let note = Note::from_wav(Cursor::new(wav::write(&said, RATE))).expect("a note");
    assert_eq!(note.duration_ms, 2345);
    assert_eq!(duration(&note.bytes), Ok(2345));
    assert!(note.bytes.len() < 24_000 / 8 * 3, "{} bytes", note.bytes.len());
    let heard = decode(&note.bytes).expect("decoded");
    assert_eq!(heard.len(), said.len(), "to the sample");
    for (before, after) in tones(&said).into_iter().zip(tones(&heard)) {
        assert!((before - after).abs() < 0.15, "{:?} {:?}", tones(&said), tones(&heard));
    }
    assert_eq!((note.waveform[BUCKETS - 1], note.waveform[0]), (LOUDEST, 0), "it got louder");
}

#[test]
fn another_decoder_hears_the_same() {
    // The encoder's own, which is not the one that foreign notes go through.
    let note = Note::from_wav(Cursor::new(wav::write(&ah(1.0, RATE), RATE))).expect("a note");
    let heard = decode(&note.bytes).expect("decoded");
    let mut reader = ogg::PacketReader::new(Cursor::new(&note.bytes));
    let mut other = ropus::Decoder::new(RATE, ropus::Channels::Mono).expect("a decoder");
    let (mut all, mut frame) = (Vec::new(), vec![0i16; 5760]);
    while let Ok(Some(packet)) = reader.read_packet() {
        if !packet.data.starts_with(b"Opus") {
            let count = other.decode(&packet.data, &mut frame, ropus::DecodeMode::Normal).expect("decoded");
            all.extend_from_slice(&frame[..count]);
        }
    }
    let skipped = all.len() - heard.len();
    let best = (0..skipped).map(|skip| alike(&all[skip..skip + heard.len()], &heard)).fold(0.0, f64::max);
    assert!(best > 0.999, "{best}");
}

#[test]
fn wav_files_of_every_kind_become_the_same_note() {
    let plain = ah(0.5, 16_000);
    let of = |format: u16, bits: u16, channels: u16, sample: &dyn Fn(i16) -> Vec<u8>| {
        let frame = channels * bits / 8;
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x05\0\0\0abcde\0fmt \x10\0\0\0".to_vec();
        bytes.extend(format.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(16_000u32.to_le_bytes());
        bytes.extend((16_000 * u32::from(frame)).to_le_bytes());
        bytes.extend(frame.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        // As a pipe leaves it: the length was never known.
        bytes.extend(b"data\xff\xff\xff\xff");
        bytes.extend(plain.iter().flat_map(|value| sample(*value).repeat(channels.into())));
        bytes
    };
    let files = [
        of(1, 16, 1, &|v| v.to_le_bytes().to_vec()),
        of(1, 16, 2, &|v| v.to_le_bytes().to_vec()),
        of(1, 8, 1, &|v| vec![((v >> 8) + 128) as u8]),
        of(1, 24, 2, &|v| [&[0][..], &v.to_le_bytes()].concat()),
        of(1, 32, 1, &|v| [&[0, 0][..], &v.to_le_bytes()].concat()),
        of(3, 32, 6, &|v| (f32::from(v) / 32_768.0).to_le_bytes().to_vec()),
        of(3, 64, 1, &|v| (f64::from(v) / 32_768.0).to_le_bytes().to_vec()),
    ];
    let first = decode(&Note::from_wav(Cursor::new(&files[0])).expect("a note").bytes).expect("decoded");
    for (number, file) in files.iter().enumerate() {
        let note = Note::from_wav(Cursor::new(file)).expect("a note");
        assert!((499..=501).contains(&note.duration_ms), "{number}: {}", note.duration_ms);
        let heard = decode(&note.bytes).expect("decoded");
        assert!(alike(&heard, &first) > 0.95, "{number}: {}", alike(&heard, &first));
    }
}

#[test]
fn a_note_is_a_wav_file_again_and_goes_faster() {
    let note = Note::from_wav(Cursor::new(wav::write(&ah(3.0, RATE), RATE))).expect("a note");
    let file = to_wav(&note.bytes).expect("a file");
    let again = Note::from_wav(Cursor::new(&file)).expect("a note of the note");
    assert_eq!(again.duration_ms, note.duration_ms);
    let samples = decode(&note.bytes).expect("decoded");
    let fast = faster(&samples, Speed::Double);
    assert!(fast.len().abs_diff(samples.len() / 2) < 4800);
}

#[test]
fn a_note_that_is_there_is_taken_as_it_is_and_one_that_names_somebody_is_made_anew() {
    let note = Note::from_wav(Cursor::new(wav::write(&ah(1.0, RATE), RATE))).expect("a note");
    let again = Note::of(Cursor::new(&note.bytes)).expect("a note");
    assert_eq!((&again.bytes, again.duration_ms), (&note.bytes, note.duration_ms));
    assert_eq!(
        Note::of(Cursor::new(to_wav(&note.bytes).expect("a file"))).map(|note| note.duration_ms),
        Ok(1000)
    );

    let mut writer = ogg::PacketWriter::new(Cursor::new(Vec::new()));
    let mut reader = ogg::PacketReader::new(Cursor::new(&note.bytes));
    while let Ok(Some(packet)) = reader.read_packet() {
        let (at, tags) = (packet.absgp_page(), packet.data.starts_with(b"OpusTags"));
        let named = b"OpusTags\x01\0\0\0x\x01\0\0\0\x0a\0\0\0ARTIST=Ana".to_vec();
        let data = if tags { named } else { packet.data };
        writer.write_packet(data, 9, ogg::PacketWriteEndInfo::EndPage, at).expect("written");
    }
    let named = writer.into_inner().into_inner();
    assert!(named.windows(3).any(|window| window == b"Ana"));
    let anew = Note::of(Cursor::new(&named)).expect("a note");
    assert!(!anew.bytes.windows(3).any(|window| window == b"Ana"));
    assert_eq!(anew.duration_ms, note.duration_ms);
    assert_eq!(Note::of(Cursor::new(b"Og")).map(|_| ()), Err(VoiceError::Unknown));
}

#[test]
fn nothing_in_a_note_tells_who_made_it_or_when() {
    let record = || {
        let mut recorder = Recorder::new().expect("a recorder");
        ah(1.0, RATE).chunks(777).for_each(|block| recorder.push_whole(block).expect("short enough"));
        recorder.finish().expect("a note")
    };
    assert_eq!(record(), record(), "the same words make the same note, whenever and wherever");
}

#[test]
fn w05_what_is_no_sound_is_an_error_and_no_more() {
    let wav_error = |bytes: &[u8]| Note::from_wav(Cursor::new(bytes)).expect_err("no sound");
    assert_eq!(wav_error(b""), VoiceError::Unknown);
    assert_eq!(wav_error(b"RIFF\0\0\0\0WAVE"), VoiceError::Damaged);
    assert_eq!(wav_error(b"RIFF\0\0\0\0WAVEdata\x02\0\0\0ab"), VoiceError::Damaged);
    assert_eq!(wav_error(&wav::write(&[], RATE)), VoiceError::Empty);
    let mut odd = wav::write(&[1, 2], RATE);
    odd[24..28].copy_from_slice(&0u32.to_le_bytes());
    assert_eq!(wav_error(&odd), VoiceError::Unknown, "no samples a second");
    odd[24..28].copy_from_slice(&RATE.to_le_bytes());
    odd[20] = 0x55;
    assert_eq!(wav_error(&odd), VoiceError::Unknown, "MP3 in a WAV file");
    assert_eq!(decode(b"OggS"), Err(VoiceError::Damaged));
    assert_eq!(decode(b"RIFF"), Err(VoiceError::Unknown));
    assert_eq!(decode(&vec![b'O'; 17 * 1024 * 1024]), Err(VoiceError::TooLong));
}

#[test]
fn w05_a_note_that_says_it_is_longer_than_it_may_be_is_refused_before_it_is_decoded() {
    // Packets of one byte that stand for 120 ms each: a megabyte would be 33 hours, and 11 GB.
    let mut writer = ogg::PacketWriter::new(Cursor::new(Vec::new()));
    let mut put = |packet: Vec<u8>, end, at| writer.write_packet(packet, 7, end, at).expect("written");
    put(b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0".to_vec(), ogg::PacketWriteEndInfo::EndPage, 0);
    put(b"OpusTags\0\0\0\0\0\0\0\0".to_vec(), ogg::PacketWriteEndInfo::EndPage, 0);
    for number in 0..20_000u64 {
        put(vec![0x1b, 2], ogg::PacketWriteEndInfo::NormalPacket, number);
    }
    let bytes = writer.into_inner().into_inner();
    const { assert!(LONGEST < 20_000 * 120 / 1000) };
    assert_eq!(decode(&bytes), Err(VoiceError::TooLong));
    assert_eq!(duration(&bytes), Err(VoiceError::TooLong));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn packets_of_any_bytes_make_no_panic(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..6)) {
        let mut writer = ogg::PacketWriter::new(Cursor::new(Vec::new()));
        let mut put = |packet: Vec<u8>| writer.write_packet(packet, 7, ogg::PacketWriteEndInfo::EndPage, 0).expect("written");
        put(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\x01\0\0".to_vec());
        put(b"OpusTags\0\0\0\0\0\0\0\0".to_vec());
        packets.into_iter().for_each(put);
        let _ = decode(&writer.into_inner().into_inner());
    }

    #[test]
    fn files_of_any_bytes_make_no_panic(magic in proptest::sample::select(vec!["OggS", "RIFF"]), rest in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [magic.as_bytes(), &rest].concat();
        let _ = (decode(&bytes), duration(&bytes));
        let wav = [b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\xbb\0\0\0\0\0\0\x02\0\x10\0", &rest[..]].concat();
        let _ = Note::from_wav(Cursor::new(wav));
    }

    #[test]
    fn flipped_bytes_in_a_note_make_no_panic(flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let mut recorder = Recorder::new().expect("a recorder");
        recorder.push_whole(&ah(0.1, RATE)).expect("short enough");
        let mut bytes = recorder.finish().expect("a note").bytes;
        for (at, value) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        let _ = decode(&bytes);
    }
}
