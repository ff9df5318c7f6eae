//! What is looked at where a relay's files lie: how many there are, and whether more can come.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::Check;
use crate::output;

const NAME: &str = "files";

/// What lies in the folder.
#[derive(Default)]
struct Found {
    whole: u64,
    bytes: u64,
    coming: u64,
}

/// Looks at the folder of files beside the data.
pub(super) fn check(data: &Path) -> Check {
    let folder = data.join("blobs");
    let shown = folder.display();
    match fs::metadata(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Check::ok(NAME, "none beside the data: nobody has sent one, or they lie in a bucket");
        }
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            let fix = "move it away, and put the folder back from a copy if you have one";
            return Check::bad(NAME, format!("{shown} is not a folder"), fix);
        }
        Err(error) => return Check::bad(NAME, format!("{shown}: {error}"), "look at the permissions"),
    }
    if let Some((folder, why)) = closed(&folder) {
        let fix = format!(
            "give it to the user that the relay runs as: chown -R USER {shown}; chmod -R u+rwX {shown}"
        );
        return Check::bad(NAME, format!("{}: {why}; no file can be sent", folder.display()), fix);
    }
    match count(&folder) {
        Ok(Found { whole, bytes, coming }) => {
            let coming = if coming == 0 { String::new() } else { format!(", {coming} more on their way") };
            Check::ok(NAME, format!("{whole} of {}{coming}", output::bytes(bytes)))
        }
        Err(error) => Check::bad(NAME, format!("{shown}: {error}"), "look at the permissions and the disk"),
    }
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

fn count(folder: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for shelf in entries(&folder.join("whole"))? {
        for file in entries(&shelf)? {
            found.whole += 1;
            found.bytes += size(&file)?;
        }
    }
    found.coming = entries(&folder.join("parts"))?.len() as u64;
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
    use super::*;
    use crate::commands::doctor::Verdict;

    #[test]
    fn files_are_counted_in_one_piece_and_in_parts() {
        let data = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: usize| {
            let path = data.path().join("blobs").join(name);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("made");
            fs::write(path, vec![0; bytes]).expect("written");
        };
        assert_eq!(check(data.path()).verdict, Verdict::Ok, "nobody has sent one");
        write("whole/ab/abcd", 1024);
        write("whole/cd/cdef/0", 1024);
        write("whole/cd/cdef/1", 512);
        write("parts/ef/0", 100);
        let found = check(data.path());
        assert_eq!((found.verdict, found.found.as_str()), (Verdict::Ok, "2 of 2.5 KiB, 1 more on their way"));
        fs::remove_dir_all(data.path().join("blobs")).expect("it goes");
        fs::write(data.path().join("blobs"), "x").expect("written");
        assert_eq!(check(data.path()).verdict, Verdict::Bad);
    }
}
