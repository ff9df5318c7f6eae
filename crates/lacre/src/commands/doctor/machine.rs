//! What a relay and a profile have in common: folder, disk, clock, version.

use std::fs;
use std::path::Path;

use lacre_client::clock::{Clock, SystemClock};
use lacre_proto::frame::{VERSION_MAX, VERSION_MIN};

use super::Check;

/// Less free room than this is too little.
const LEAST_FREE: u64 = 256 * 1024 * 1024;
/// Less than this is worth saying.
const LITTLE_FREE: u64 = 2 * 1024 * 1024 * 1024;
/// The first second in which this program can have run.
const FIRST_DAY_MS: u64 = 1_767_225_600_000;
/// How far ahead of the clock a file may have been written.
const SLACK_MS: u64 = 5 * 60 * 1000;

/// This program and what it speaks.
pub(super) fn version() -> Check {
    let version = env!("CARGO_PKG_VERSION");
    Check::ok("version", format!("lacre {version}, wire {VERSION_MIN} to {VERSION_MAX}"))
}

/// Whether a folder or file is its owner's alone.
pub(super) fn private(name: &'static str, path: &Path) -> Check {
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            return Check::bad(name, format!("{shown}: {error}"), "look whether the path is right");
        }
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Check::bad(
                name,
                format!("{shown} can be used by others on this machine (mode {mode:o})"),
                format!("chmod {} {shown}", if metadata.is_dir() { "700" } else { "600" }),
            );
        }
        Check::ok(name, format!("{shown} is its owner's alone (mode {mode:o})"))
    }
    #[cfg(not(unix))]
    Check::ok(name, format!("{shown} is there ({} bytes)", metadata.len()))
}

/// Whether there is room on the disk.
pub(super) fn disk(path: &Path) -> Check {
    #[cfg(unix)]
    match rustix::fs::statvfs(path) {
        Ok(room) => {
            let free = room.f_bavail.saturating_mul(room.f_frsize);
            let found = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
            let fix = "make room: without it nothing new is accepted, and nothing is lost";
            match free {
                0..LEAST_FREE => Check::bad("disk", found, fix),
                LEAST_FREE..LITTLE_FREE => Check::notice("disk", found, fix),
                _ => Check::ok("disk", found),
            }
        }
        Err(error) => Check::bad("disk", error.to_string(), "look whether the path is right"),
    }
    #[cfg(not(unix))]
    Check::notice("disk", format!("not looked at: {}", path.display()), "look at the free room yourself")
}

/// Whether the clock can be right: it stands behind nothing that was written in the folder.
pub(super) fn clock(folder: &Path) -> Check {
    let now = SystemClock.now();
    let fix = "set this machine's clock, and keep it set (ntp)";
    let newest = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.metadata().ok()?.modified().ok())
        .filter_map(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .map(|since| since.as_millis() as u64)
        .max()
        .unwrap_or_default()
        .max(FIRST_DAY_MS);
    let shown = crate::output::rfc3339(now);
    if now + SLACK_MS < newest {
        let behind = (newest - now) / 1000;
        return Check::bad("clock", format!("{shown}, which is {behind} s behind what is stored"), fix);
    }
    Check::ok("clock", shown)
}
