//! Colour profiles (ICC.1:2022) without what they tell: only the numbers of a display's profile stay, so that a
//! picture keeps its colours. Names, devices, texts and dates go; a profile of another kind goes whole.

/// The largest profile that is looked at; those of displays have a few hundred bytes.
const LARGEST: usize = 1024 * 1024;
/// Tags that are looked at.
const TAGS: usize = 100;
/// The tags of a display's profile that are numbers: white point, its adaptation, primaries, curves.
const NUMBERS: [&[u8; 4]; 8] = [b"wtpt", b"chad", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"];
/// The largest of their values: a curve of 4,096 points.
const VALUE: usize = 12 + 2 * 4096;

/// The profile with its numbers only; `None` when it is not the profile of a display in red, green and blue.
pub fn numbers(profile: &[u8]) -> Option<Vec<u8>> {
    let display = profile.get(12..24)? == b"mntrRGB XYZ " && profile.get(36..40)? == b"acsp";
    if !display || profile.len() > LARGEST {
        return None;
    }
    let mut values = Vec::new();
    for name in NUMBERS {
        match tag(profile, name) {
            Some(value) => values.push((name, value)),
            None if matches!(name, b"wtpt" | b"chad") => {}
            None => return None,
        }
    }
    Some(written(profile, &values))
}

/// The value of a tag, when it is of a type that holds nothing but numbers.
fn tag<'a>(profile: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    let count = (long(profile, 128)? as usize).min(TAGS);
    let entry =
        (0..count).map(|number| 132 + 12 * number).find(|at| profile.get(*at..at + 4) == Some(name))?;
    let (at, length) = (long(profile, entry + 4)? as usize, long(profile, entry + 8)? as usize);
    let value = profile.get(at..at.checked_add(length)?).filter(|value| value.len() <= VALUE)?;
    let exact = match value.get(..4)? {
        b"XYZ " => 20,
        b"sf32" => 44,
        b"curv" => (long(value, 8)? as usize).checked_mul(2)?.checked_add(12)?,
        b"para" => 12 + 4 * [1, 3, 4, 5, 7].get(usize::from(*value.get(9)?))?,
        _ => return None,
    };
    // What stands after the numbers is none.
    value.get(..exact)
}

/// A profile of version 4 with these tags, by nobody, made at no time.
fn written(source: &[u8], values: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    const TEXTS: [(&[u8; 4], &[u8]); 2] = [(b"desc", &NO_TEXT), (b"cprt", &NO_TEXT)];
    let tags: Vec<_> = TEXTS.into_iter().chain(values.iter().copied()).collect();
    let mut data = Vec::new();
    let mut table = (tags.len() as u32).to_be_bytes().to_vec();
    let begins = 132 + 12 * tags.len();
    for (name, value) in tags {
        table.extend(name);
        table.extend(((begins + data.len()) as u32).to_be_bytes());
        table.extend((value.len() as u32).to_be_bytes());
        data.extend(value);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    let mut header = vec![0; 128];
    header[..4].copy_from_slice(&((begins + data.len()) as u32).to_be_bytes());
    header[8..12].copy_from_slice(&source[8..12]);
    header[12..24].copy_from_slice(b"mntrRGB XYZ ");
    header[36..40].copy_from_slice(b"acsp");
    // The illuminant of the connection space is always D50.
    header[68..80].copy_from_slice(&[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
    [header, table, data].concat()
}

/// A text in no language (ICC.1:2022 §10.15).
const NO_TEXT: [u8; 16] = [b'm', b'l', b'u', b'c', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12];

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A profile of a display with a device's name in every place that has one.
    pub fn named(device: &str) -> Vec<u8> {
        let xyz = |name: u8| [&b"XYZ \0\0\0\0"[..], &[name; 12]].concat();
        let text = [&b"desc\0\0\0\0\0\0\0\x20"[..], device.as_bytes()].concat();
        let curve = [&b"curv\0\0\0\0\0\0\0\x01\x02\x33"[..], device.as_bytes()].concat();
        let tags: Vec<(&[u8; 4], Vec<u8>)> = vec![
            (b"desc", text.clone()),
            (b"dmdd", text),
            (b"wtpt", xyz(1)),
            (b"rXYZ", xyz(2)),
            (b"gXYZ", xyz(3)),
            (b"bXYZ", xyz(4)),
            (b"rTRC", curve.clone()),
            (b"gTRC", curve.clone()),
            (b"bTRC", curve),
        ];
        let mut source = vec![0; 128];
        source[8..12].copy_from_slice(&[4, 0x30, 0, 0]);
        let values: Vec<_> = tags.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let mut profile = written(&source, &values);
        profile[48..52].copy_from_slice(&device.as_bytes()[..4]);
        profile
    }

    #[test]
    fn a_profile_keeps_its_numbers_and_loses_its_names() {
        let profile = named("Pixel 9");
        let kept = numbers(&profile).expect("a display's profile");
        assert!(!kept.windows(4).any(|window| window == b"Pixe"));
        assert_eq!(tag(&kept, b"gXYZ"), tag(&profile, b"gXYZ"));
        assert_eq!(tag(&kept, b"rTRC"), Some(&b"curv\0\0\0\0\0\0\0\x01\x02\x33"[..]));
        assert_eq!(numbers(&kept), Some(kept.clone()), "what was cleaned is clean");
        assert_eq!(numbers(&profile[..200]), None);
        assert_eq!(numbers(b""), None);
    }
}
