//! The step's view of the store: what the step has written lies over what the last commit left.

use std::cell::RefCell;
use std::ops::Bound;

use crate::api::{Changes, ReadError, Reader};

/// Reads its own writes first, then the store; gives the writes up as the step's [`Changes`].
///
/// A `RefCell`, because OpenMLS writes through shared references.
pub(crate) struct Overlay<'a> {
    reader: &'a dyn Reader,
    changes: RefCell<Changes>,
    /// What each write since the last mark has replaced, the first first.
    undo: RefCell<Option<Vec<Replaced>>>,
    failed: RefCell<Option<ReadError>>,
}

/// A key, and what was written of it in the step before, if anything was.
type Replaced = (Vec<u8>, Option<Option<Vec<u8>>>);

/// A place in a step to go back to: the newest one is good.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(());

impl<'a> Overlay<'a> {
    pub(crate) fn new(reader: &'a dyn Reader) -> Self {
        Self { reader, changes: RefCell::default(), undo: RefCell::default(), failed: RefCell::default() }
    }

    pub(crate) fn put(&self, key: Vec<u8>, value: Vec<u8>) {
        self.change(key, Some(value));
    }

    pub(crate) fn delete(&self, key: Vec<u8>) {
        self.change(key, None);
    }

    fn change(&self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let before = self.changes.borrow_mut().insert(key.clone(), value);
        if let Some(undo) = self.undo.borrow_mut().as_mut() {
            undo.push((key, before));
        }
    }

    pub(crate) fn into_changes(self) -> Changes {
        self.changes.into_inner()
    }

    /// The first read of the store that failed, whatever was made of it: a step that has not seen the store as
    /// it is must not decide anything, and least of all that something is lost.
    pub(crate) fn failed(&self) -> Option<ReadError> {
        self.failed.borrow().clone()
    }

    fn note<T>(&self, read: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(error) = &read {
            self.failed.borrow_mut().get_or_insert_with(|| error.clone());
        }
        read
    }

    /// A place to go back to when the part of the step that begins here comes to nothing. Marks do not nest.
    pub(crate) fn mark(&self) -> Mark {
        *self.undo.borrow_mut() = Some(Vec::new());
        Mark(())
    }

    /// Forgets everything written since [`mark`](Self::mark), the last first. The mark stays good.
    pub(crate) fn back_to(&self, _: Mark) {
        let mut changes = self.changes.borrow_mut();
        for (key, before) in self.undo.borrow_mut().iter_mut().flat_map(|undo| undo.drain(..).rev()) {
            match before {
                Some(before) => changes.insert(key, before),
                None => changes.remove(&key),
            };
        }
    }
}

impl Reader for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        match self.changes.borrow().get(key) {
            Some(written) => Ok(written.clone()),
            None => self.note(self.reader.get(key)),
        }
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        let range = (Bound::Included(from.to_vec()), Bound::Excluded(to.to_vec()));
        let written: Vec<(Vec<u8>, Option<Vec<u8>>)> = if from < to {
            let changes = self.changes.borrow();
            changes.range(range).map(|(key, value)| (key.clone(), value.clone())).collect()
        } else {
            Vec::new()
        };
        let mut written: Box<dyn Iterator<Item = _>> =
            if backwards { Box::new(written.into_iter().rev()) } else { Box::new(written.into_iter()) };
        let mut next = written.next();
        let mut going = true;
        let read = self.reader.scan(from, to, backwards, &mut |key, value| {
            while let Some((mine, change)) = &next {
                let before = if backwards { mine.as_slice() > key } else { mine.as_slice() < key };
                let same = mine.as_slice() == key;
                if !before && !same {
                    break;
                }
                if let Some(change) = change {
                    going = visit(mine, change);
                }
                next = written.next();
                if same || !going {
                    return going;
                }
            }
            going = visit(key, value);
            going
        });
        self.note(read)?;
        while let (true, Some((mine, change))) = (going, &next) {
            if let Some(change) = change {
                going = visit(mine, change);
            }
            next = written.next();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::harness::MapStore;

    fn rows(reader: &dyn Reader, from: u8, to: u8, backwards: bool, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        reader
            .scan(&[from], &[to], backwards, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                rows.len() < limit
            })
            .unwrap();
        rows
    }

    proptest! {
        #[test]
        fn what_came_to_nothing_leaves_no_trace(
            before in proptest::collection::vec((0u8..8, any::<Option<u8>>()), 0..12),
            nothing in proptest::collection::vec((0u8..8, any::<Option<u8>>()), 0..12),
            after in proptest::collection::vec((0u8..8, any::<Option<u8>>()), 0..12),
        ) {
            let write = |overlay: &Overlay<'_>, writes: &[(u8, Option<u8>)]| {
                for (key, value) in writes {
                    match value {
                        Some(value) => overlay.put(vec![*key], vec![*value]),
                        None => overlay.delete(vec![*key]),
                    }
                }
            };
            let store = MapStore::default();
            let (overlay, other) = (Overlay::new(&store), Overlay::new(&store));
            write(&overlay, &before);
            let mark = overlay.mark();
            write(&overlay, &nothing);
            overlay.back_to(mark);
            write(&overlay, &after);
            write(&other, &before);
            write(&other, &after);
            prop_assert_eq!(overlay.into_changes(), other.into_changes());
        }

        #[test]
        fn an_overlay_reads_as_the_store_would_after_the_commit(
            below in proptest::collection::btree_map(0u8..32, any::<u8>(), 0..20),
            above in proptest::collection::btree_map(0u8..32, any::<Option<u8>>(), 0..20),
            from in 0u8..32, to in 0u8..33, backwards: bool, limit in 1usize..12,
        ) {
            let store = MapStore(below.into_iter().map(|(key, value)| (vec![key], vec![value])).collect());
            let overlay = Overlay::new(&store);
            let mut committed = MapStore(store.0.clone());
            for (key, value) in above {
                match value {
                    Some(value) => overlay.put(vec![key], vec![value]),
                    None => overlay.delete(vec![key]),
                }
            }
            for key in 0..32 {
                let change = overlay.changes.borrow().get(&vec![key]).cloned();
                if let Some(change) = change {
                    committed.commit([(vec![key], change)].into());
                }
                prop_assert_eq!(overlay.get(&[key]).unwrap(), committed.get(&[key]).unwrap());
            }
            prop_assert_eq!(
                rows(&overlay, from, to, backwards, limit),
                rows(&committed, from, to, backwards, limit)
            );
        }
    }
}
