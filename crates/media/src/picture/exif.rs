//! Of Exif only the orientation: read from a TIFF header, and written as the only thing in one.

/// The tag of the orientation (Exif 2.32 §4.6.4).
const ORIENTATION: u16 = 0x0112;
/// A number of two bytes.
const SHORT: u16 = 3;
/// Entries that are looked at.
const ENTRIES: u16 = 512;

/// The orientation, 1 to 8, of a TIFF structure.
pub fn orientation(tiff: &[u8]) -> Option<u8> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = long(4)? as usize;
    let entries = short(directory)?.min(ENTRIES);
    let mut entries = (0..usize::from(entries)).map(|number| directory + 2 + 12 * number);
    let entry = entries.find(|at| short(*at) == Some(ORIENTATION))?;
    let value = short(entry + 8).filter(|_| short(entry + 2) == Some(SHORT))?;
    u8::try_from(value).ok().filter(|value| (1..=8).contains(value))
}

/// A TIFF structure with an orientation and nothing else.
pub fn only(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0".to_vec();
    tiff.extend(ORIENTATION.to_le_bytes());
    tiff.extend(SHORT.to_le_bytes());
    tiff.extend(1u32.to_le_bytes());
    tiff.extend([orientation, 0, 0, 0]);
    tiff.extend([0; 4]);
    tiff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_both_orders() {
        for value in 1..=8 {
            assert_eq!(orientation(&only(value)), Some(value));
        }
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        assert_eq!(orientation(big), Some(6));
        assert_eq!(orientation(&only(9)), None);
        assert_eq!(orientation(b"II*\0\xff\xff\xff\xff"), None);
    }
}
