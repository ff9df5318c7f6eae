//! Files that are sealed at rest, while they are being sent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A plain copy of a sealed file, which goes with the last that holds it. It says nothing of which file it is.
#[derive(Debug, Clone, Default)]
pub struct Opened(Option<Arc<Copied>>);

#[derive(Debug)]
struct Copied(PathBuf);

impl Opened {
    /// The copy at a path.
    pub fn at(path: PathBuf) -> Self {
        Self(Some(Arc::new(Copied(path))))
    }

    /// Where it lies, when there is one.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref().map(|it| it.0.as_path())
    }
}

impl PartialEq for Opened {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Opened {}

impl Drop for Copied {
    fn drop(&mut self) {
        // One that stays is gone at the next start.
        drop(std::fs::remove_file(&self.0));
    }
}
