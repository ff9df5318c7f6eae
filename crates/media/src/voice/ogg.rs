//! Opus packets in Ogg: RFC 3533 for pages, RFC 7845 for what is in them.

use std::io::Cursor;

use ::ogg::{PacketReader, PacketWriteEndInfo, PacketWriter};

use super::VoiceError;
use VoiceError::{Damaged, TooLong, Unknown};

/// Packets on a page: a second.
const PAGE: usize = 50;
/// The number of the only stream: it tells nothing.
const SERIAL: u32 = 1;
/// Who made it, in the header of comments: the same for all (RFC 7845 §5.2).
const TAGS: &[u8] = b"OpusTags\x05\0\0\0lacre\0\0\0\0";
/// The longest packet (RFC 6716 §3.2.1: 48 frames cannot be, and one has at most 1,275 bytes).
const PACKET: usize = 48 * 1276;

/// A stream of packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Samples at the beginning that are not played.
    pub skip: u16,
    /// Louder or softer by so many 256ths of a decibel.
    pub gain: i16,
    /// The packets.
    pub packets: Vec<Vec<u8>>,
    /// Samples up to the end, with those at the beginning, as the last page says.
    pub end: u64,
    /// Whether its comments say nothing, as in a note that was made here.
    pub plain: bool,
}

/// Writes a stream of one channel; each packet is `frame` samples.
pub fn write(stream: &Stream, frame: u64) -> Result<Vec<u8>, VoiceError> {
    let mut writer = PacketWriter::new(Cursor::new(Vec::new()));
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(stream.skip.to_le_bytes());
    head.extend(super::RATE.to_le_bytes());
    head.extend(stream.gain.to_le_bytes());
    head.push(0);
    let mut put = |packet: &[u8], end, position| {
        writer.write_packet(packet.to_vec(), SERIAL, end, position).map_err(|_| VoiceError::Encoder)
    };
    put(&head, PacketWriteEndInfo::EndPage, 0)?;
    put(TAGS, PacketWriteEndInfo::EndPage, 0)?;
    for (packet, number) in stream.packets.iter().zip(1..) {
        let last = number == stream.packets.len();
        let end = match number % PAGE {
            _ if last => PacketWriteEndInfo::EndStream,
            0 => PacketWriteEndInfo::EndPage,
            _ => PacketWriteEndInfo::NormalPacket,
        };
        let position = if last { stream.end } else { number as u64 * frame };
        put(packet, end, position)?;
    }
    Ok(writer.into_inner().into_inner())
}

/// Reads a stream of one or two channels; others beside it are left out.
pub fn read(bytes: &[u8]) -> Result<Stream, VoiceError> {
    if bytes.len() > super::FILE {
        return Err(TooLong);
    }
    if !bytes.starts_with(b"OggS") {
        return Err(Unknown);
    }
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let first = reader.read_packet().map_err(|_| Damaged)?.ok_or(Damaged)?;
    let serial = first.stream_serial();
    let (skip, gain) = head(&first.data)?;
    let mut stream = Stream { skip, gain, packets: Vec::new(), end: 0, plain: false };
    let mut tags = false;
    // A file that was cut off is played as far as it goes.
    while let Ok(Some(packet)) = reader.read_packet() {
        if packet.stream_serial() != serial {
            continue;
        }
        if !tags {
            tags = packet.data.starts_with(b"OpusTags");
            if !tags {
                return Err(Damaged);
            }
            stream.plain = packet.data == TAGS;
            continue;
        }
        if packet.data.len() > PACKET {
            return Err(Damaged);
        }
        stream.end = stream.end.max(Some(packet.absgp_page()).filter(|end| *end != u64::MAX).unwrap_or(0));
        stream.packets.push(packet.data);
    }
    Ok(stream)
}

/// The header (RFC 7845 §5.1): what to skip, and the gain.
fn head(head: &[u8]) -> Result<(u16, i16), VoiceError> {
    let head = head.strip_prefix(b"OpusHead").ok_or(Unknown)?;
    match head {
        // Version 1 in its first half byte's sense, one or two channels, the family that has no table.
        [version, 1 | 2, low, high, _, _, _, _, gain_low, gain_high, 0, ..] if version >> 4 == 0 => {
            Ok((u16::from_le_bytes([*low, *high]), i16::from_le_bytes([*gain_low, *gain_high])))
        }
        _ => Err(Unknown),
    }
}
