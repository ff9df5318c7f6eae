//! The items of a file (ISO/IEC 14496-12 §8.11, 23008-12 §9.3): what they are, where their data lie, what belongs to what.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{PictureError, inside, range};
use crate::video::boxes::{BoxAt, named};
use PictureError::{Damaged, Unknown};

/// Items and references of a file; a grid of tiles has some dozens.
const ITEMS: u64 = 10_000;

/// What is in a file.
pub struct Items {
    /// The picture that is shown.
    pub primary: u32,
    pub all: BTreeMap<u32, Item>,
    /// Where names of items stand, and their types.
    pub names: Vec<Range<usize>>,
    /// Which items belong together.
    pairs: Vec<(u32, u32)>,
}

/// An item.
#[derive(Debug, Default)]
pub struct Item {
    pub kind: [u8; 4],
    /// Its data, in the file.
    pub places: Vec<Range<usize>>,
}

impl Items {
    /// Whether there are pictures that have nothing to do with the one that is shown.
    pub fn others(&self, picture: impl Fn(&[u8; 4]) -> bool) -> bool {
        let mut beside: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (one, other) in &self.pairs {
            beside.entry(*one).or_default().push(*other);
            beside.entry(*other).or_default().push(*one);
        }
        let (mut known, mut next) = (BTreeSet::from([self.primary]), vec![self.primary]);
        while let Some(item) = next.pop() {
            let found = beside.remove(&item).unwrap_or_default();
            next.extend(found.into_iter().filter(|item| known.insert(*item)));
        }
        self.all.iter().any(|(id, item)| picture(&item.kind) && !known.contains(id))
    }
}

/// Reads them from the boxes of `meta`.
pub fn items(bytes: &[u8], meta: &[BoxAt]) -> Result<Items, PictureError> {
    let body = |name| named(meta, name).map(|part| &bytes[range(part)]).ok_or(Unknown);
    let primary = primary(body(b"pitm")?).ok_or(Damaged)?;
    let (mut all, mut names) = (BTreeMap::new(), Vec::new());
    let iinf = named(meta, b"iinf").ok_or(Unknown)?;
    let head = if bytes[range(iinf)].first() == Some(&0) { 6 } else { 8 };
    for entry in inside(bytes, (iinf.body + head).min(iinf.end), iinf.end)? {
        let (id, kind, length) = information(&bytes[range(&entry)]).ok_or(Damaged)?;
        all.insert(id, Item { kind, places: Vec::new() });
        names.push(range(&entry).start + length..range(&entry).end);
    }
    let idat = named(meta, b"idat").map(range);
    locations(body(b"iloc")?, idat, bytes.len(), &mut all).ok_or(Damaged)?;
    let mut pairs = Vec::new();
    if let Some(iref) = named(meta, b"iref") {
        let width = if bytes[range(iref)].first() == Some(&0) { 2 } else { 4 };
        for part in inside(bytes, (iref.body + 4).min(iref.end), iref.end)? {
            references(&bytes[range(&part)], width, &mut pairs).ok_or(Damaged)?;
        }
    }
    Ok(Items { primary, all, names, pairs })
}

fn primary(body: &[u8]) -> Option<u32> {
    let mut numbers = Numbers(body.get(4..)?);
    numbers.id(if body[0] == 0 { 2 } else { 4 })
}

/// An entry of versions 2 and 3: its number, its kind, and where its name begins.
fn information(body: &[u8]) -> Option<(u32, [u8; 4], usize)> {
    let width = match body.first()? {
        2 => 2,
        3 => 4,
        _ => return None,
    };
    let id = Numbers(body.get(4..)?).id(width)?;
    let kind = body.get(4 + width + 2..4 + width + 6)?.try_into().ok()?;
    Some((id, kind, 4 + width + 6))
}

/// Where the data of items lie: in the file, or in `idat`. Items that are made of others' data are not known here.
fn locations(
    body: &[u8],
    idat: Option<Range<usize>>,
    size: usize,
    all: &mut BTreeMap<u32, Item>,
) -> Option<()> {
    let version = *body.first()?;
    let mut numbers = Numbers(body.get(4..)?);
    let (widths, more) = (numbers.next(1)?, numbers.next(1)?);
    let wide = if version < 2 { 2 } else { 4 };
    for _ in 0..Some(numbers.next(wide)?).filter(|count| *count <= ITEMS)? {
        let id = numbers.id(wide)?;
        let method = if version == 0 { 0 } else { numbers.next(2)? & 0xf };
        let elsewhere = numbers.next(2)?;
        let base = numbers.next((more >> 4) as usize)?;
        let item = all.get_mut(&id)?;
        for _ in 0..numbers.next(2)? {
            numbers.next(if version == 0 { 0 } else { (more & 0xf) as usize })?;
            let from = base.checked_add(numbers.next((widths >> 4) as usize)?)?;
            let length = usize::try_from(numbers.next((widths & 0xf) as usize)?).ok()?;
            let begins = match method {
                0 => 0,
                1 => idat.as_ref()?.start,
                _ => return None,
            };
            let from = usize::try_from(from).ok()?.checked_add(begins)?;
            let place = from..from.checked_add(length)?;
            if place.is_empty() || place.end > size || elsewhere != 0 {
                return None;
            }
            if item.places.len() as u64 >= ITEMS {
                return None;
            }
            item.places.push(place);
        }
    }
    Some(())
}

/// What an item refers to.
fn references(body: &[u8], width: usize, pairs: &mut Vec<(u32, u32)>) -> Option<()> {
    let mut numbers = Numbers(body);
    let from = numbers.id(width)?;
    for _ in 0..numbers.next(2)? {
        if pairs.len() as u64 >= ITEMS {
            return None;
        }
        pairs.push((from, numbers.id(width)?));
    }
    Some(())
}

/// Width and height of a picture as it is shown, and whether it is more than that (23008-12 §6.5).
pub fn shown(bytes: &[u8], meta: &[BoxAt], properties: &[BoxAt], item: u32) -> Option<(u32, u32, bool)> {
    let iprp = named(meta, b"iprp")?;
    let parts = inside(bytes, iprp.body, iprp.end).ok()?;
    let body = &bytes[range(named(&parts, b"ipma")?)];
    let (wide, long) = (if *body.first()? == 0 { 2 } else { 4 }, if body.get(3)? & 1 == 0 { 1 } else { 2 });
    let mut numbers = Numbers(body.get(4..)?);
    let (mut size, mut turned, mut cropped) = ((0, 0), false, false);
    for _ in 0..numbers.next(4)? {
        let id = numbers.id(wide)?;
        for _ in 0..numbers.next(1)? {
            let index = numbers.next(long)? as usize & if long == 1 { 0x7f } else { 0x7fff };
            let Some(part) = index.checked_sub(1).and_then(|at| properties.get(at)).filter(|_| id == item)
            else {
                continue;
            };
            let body = &bytes[range(part)];
            match &part.name {
                b"ispe" => size = (Numbers(body.get(4..)?).id(4)?, Numbers(body.get(8..)?).id(4)?),
                b"irot" => turned = body.first()? & 1 == 1,
                b"clap" => cropped = true,
                _ => {}
            }
        }
    }
    let (width, height) = if turned { (size.1, size.0) } else { size };
    Some((width, height, cropped))
}

/// Numbers of some bytes each, one after the other.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self, width: usize) -> Option<u64> {
        let (bytes, rest) = self.0.split_at_checked(width).filter(|_| width <= 8)?;
        self.0 = rest;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn id(&mut self, width: usize) -> Option<u32> {
        u32::try_from(self.next(width)?).ok()
    }
}
