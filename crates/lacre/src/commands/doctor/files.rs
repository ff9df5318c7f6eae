//! What is looked at where a relay's files lie: how many there are, and whether more can come.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use lacre_relay::files::{Whole, whole};

use super::Check;
use crate::cli::RelayData;
use crate::commands::relay::existing;
use crate::exit::Exit;
use crate::output;

const NAME: &str = "files";
/// Files that are named one by one.
const NAMED: usize = 3;

/// What lies in the folder.
#[derive(Default)]
struct Found {
    /// By name: the place, and how many bytes.
    whole: HashMap<String, (PathBuf, u64)>,
    coming: usize,
}

/// The files that people can fetch, as the data has it; or why it was not asked.
pub(super) async fn named(relay: &RelayData) -> Result<Vec<Whole>, String> {
    let data = existing(relay).map_err(|failure| match failure.exit {
        Exit::InUse => "the relay runs".to_owned(),
        Exit::WrongPassphrase if relay.data_key_file.is_none() => "say --data-key-file FILE".to_owned(),
        _ => failure.message,
    })?;
    whole(&data).await.map_err(|error| error.to_string())
}

/// Looks at the folder of files beside the data, and at which of them the data names.
pub(super) fn checks(data: &Path, named: &Result<Vec<Whole>, String>) -> Vec<Check> {
    let folder = data.join("blobs");
    let shown = folder.display();
    match fs::metadata(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let found = "none beside the data: nobody has sent one, or they lie in a bucket";
            return vec![Check::ok(NAME, found)];
        }
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            let fix = "move it away, and put the folder back from a copy if you have one";
            return vec![Check::bad(NAME, format!("{shown} is not a folder"), fix)];
        }
        Err(error) => return vec![Check::bad(NAME, format!("{shown}: {error}"), "look at the permissions")],
    }
    if let Some((folder, why)) = closed(&folder) {
        let fix = format!(
            "give it to the user that the relay runs as: chown -R USER {shown}; chmod -R u+rwX {shown}"
        );
        let found = format!("{}: {why}; no file can be sent", folder.display());
        return vec![Check::bad(NAME, found, fix)];
    }
    match look(&folder) {
        Ok(found) => compared(&found, named),
        Err(error) => {
            vec![Check::bad(NAME, format!("{shown}: {error}"), "look at the permissions and the disk")]
        }
    }
}

fn compared(found: &Found, named: &Result<Vec<Whole>, String>) -> Vec<Check> {
    let Found { whole, coming } = found;
    let bytes = whole.values().map(|(_, bytes)| bytes).sum();
    let coming = if *coming == 0 { String::new() } else { format!(", {coming} more on their way") };
    let there = format!("{} of {}{coming}", whole.len(), output::bytes(bytes));
    let named = match named {
        Ok(named) => named,
        Err(why) => return vec![Check::ok(NAME, format!("{there}; not compared with the data: {why}"))],
    };
    let mut checks = vec![Check::ok(NAME, there)];
    let is_there =
        |file: &&Whole| whole.get(&file.blob.to_string()).is_some_and(|(_, size)| *size == file.size);
    let lost = named.iter().filter(|file| !is_there(file)).map(|file| file.blob.to_string());
    if let Some((count, names)) = some(lost) {
        let found = format!("{count} of those that people can fetch not there whole: {names}");
        checks.push(match named.iter().any(|file| is_there(&file)) {
            true => Check::bad(
                "lost files",
                found,
                "put them back from a copy of the folder; whoever wants one is told that it is gone",
            ),
            false => Check::notice(
                "lost files",
                found,
                "if files lie in a bucket, all is well; else put them back from a copy of the folder",
            ),
        });
    }
    let known: HashSet<String> = named.iter().map(|file| file.blob.to_string()).collect();
    let left = whole.iter().filter(|(name, _)| !known.contains(*name));
    if let Some((count, names)) = some(left.map(|(_, (path, _))| path.display().to_string())) {
        checks.push(Check::notice(
            "left files",
            format!("{count} that nobody can fetch: {names}"),
            "the relay takes away what was given up, within minutes while it runs; what is still here tomorrow can be \
             deleted",
        ));
    }
    checks
}

/// How many there are, and the first of them.
fn some(names: impl Iterator<Item = String>) -> Option<(usize, String)> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    let count = names.len();
    names.truncate(NAMED);
    let more = if count > NAMED { ", …" } else { "" };
    (count > 0).then(|| (count, format!("{}{more}", names.join(", "))))
}

/// The first of its folders in which nothing can be written, and why.
fn closed(folder: &Path) -> Option<(PathBuf, io::Error)> {
    let folders = ["", "whole", "parts", "temporary"].map(|name| folder.join(name));
    folders.into_iter().filter(|folder| folder.exists()).find_map(|folder| {
        let error = writable(&folder).err()?;
        Some((folder, error))
    })
}

#[cfg(unix)]
fn writable(folder: &Path) -> io::Result<()> {
    use rustix::fs::Access;
    Ok(rustix::fs::access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)?)
}

#[cfg(not(unix))]
fn writable(folder: &Path) -> io::Result<()> {
    match fs::metadata(folder)?.permissions().readonly() {
        true => Err(ErrorKind::PermissionDenied.into()),
        false => Ok(()),
    }
}

fn look(folder: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for shelf in entries(&folder.join("whole"))? {
        for file in entries(&shelf)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let size = size(&file)?;
            found.whole.insert(name, (file, size));
        }
    }
    found.coming = entries(&folder.join("parts"))?.len();
    Ok(found)
}

/// The bytes of a file, or of a folder of parts; none when it went meanwhile.
fn size(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
        Ok(about) if about.is_file() => Ok(about.len()),
        Ok(_) => entries(path)?.iter().map(|part| size(part)).sum(),
    }
}

/// What is in a folder; nothing when it went meanwhile: a relay may run on it.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use lacre_store::blobs::BlobId;

    use super::*;
    use crate::commands::doctor::Verdict;

    fn write(data: &Path, name: &str, bytes: usize) {
        let path = data.join("blobs").join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("made");
        fs::write(path, vec![0; bytes]).expect("written");
    }

    #[test]
    fn files_are_counted_in_one_piece_and_in_parts() {
        let data = tempfile::tempdir().expect("a folder");
        let runs = Err("the relay runs".to_owned());
        assert_eq!(checks(data.path(), &runs)[0].verdict, Verdict::Ok, "nobody has sent one");
        write(data.path(), "whole/ab/abcd", 1024);
        write(data.path(), "whole/cd/cdef/0", 1024);
        write(data.path(), "whole/cd/cdef/1", 512);
        write(data.path(), "parts/ef/0", 100);
        let found = &checks(data.path(), &runs)[0];
        assert_eq!(found.verdict, Verdict::Ok);
        assert!(found.found.starts_with("2 of 2.5 KiB, 1 more on their way; not compared"), "{found:?}");
        fs::remove_dir_all(data.path().join("blobs")).expect("it goes");
        fs::write(data.path().join("blobs"), "x").expect("written");
        assert_eq!(checks(data.path(), &runs)[0].verdict, Verdict::Bad);
    }

    #[test]
    fn what_is_lost_cut_or_left_over_is_named() {
        let data = tempfile::tempdir().expect("a folder");
        let file = |byte: u8| Whole { blob: BlobId([byte; 16]), size: 100 };
        for (byte, size) in [(1, 100), (2, 99), (4, 100)] {
            write(data.path(), &format!("whole/{byte:02x}/{}", BlobId([byte; 16])), size);
        }
        let found = checks(data.path(), &Ok(vec![file(1), file(2), file(3)]));
        let verdicts: Vec<_> = found.iter().map(|check| (check.name, check.verdict)).collect();
        let wanted = [("files", Verdict::Ok), ("lost files", Verdict::Bad), ("left files", Verdict::Notice)];
        assert_eq!(verdicts, wanted);
        let (two, three, four) = ("02".repeat(16), "03".repeat(16), "04".repeat(16));
        assert!(found[1].found.starts_with("2 ") && found[1].found.contains(&format!("{two}, {three}")));
        assert!(found[2].found.starts_with("1 ") && found[2].found.contains(&four));
    }
}
