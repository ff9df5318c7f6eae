//! The relay as a process: started, asked for its processor time and memory by the operating system, stopped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::cli::Failed;
use crate::report::{Told, now};
use crate::socket::Target;

/// How a relay of one's own is to be started.
pub struct Wanted {
    /// The binary; beside this program when not given.
    pub lacre: Option<PathBuf>,
    /// The data folder; a new one when not given.
    pub data: Option<PathBuf>,
    /// Whether its operator's listener is to be open.
    pub admin: bool,
}

/// A relay that runs.
pub struct Relay {
    child: Option<Child>,
    pid: u32,
    address: SocketAddr,
    /// The binary that it is.
    pub binary: PathBuf,
    /// Where its data lies.
    pub data: PathBuf,
    /// Where its operator's listener is, when it is open.
    pub admin: Option<String>,
    _folder: Option<TempDir>,
    /// From the start of the process to its open port.
    pub started_in: Duration,
    /// What it has said of itself when it began to listen.
    pub told: Option<Told>,
}

impl Relay {
    /// One that somebody else started.
    pub fn running(address: &str, pid: u32) -> Result<Self, Failed> {
        let address = address.to_socket_addrs()?.next().ok_or("the address leads nowhere")?;
        let (binary, data) = (PathBuf::new(), PathBuf::new());
        let started_in = Duration::ZERO;
        let (admin, told) = (None, None);
        Ok(Self { child: None, pid, address, binary, data, admin, _folder: None, started_in, told })
    }

    /// Starts one on a free port and waits until it listens.
    pub async fn start(wanted: &Wanted) -> Result<Self, Failed> {
        let here = std::env::current_exe()?;
        let binary = match &wanted.lacre {
            Some(path) => path.clone(),
            None => beside(&here)?,
        };
        let (data, folder) = match &wanted.data {
            Some(path) => (path.clone(), None),
            None => {
                // Beside the program: the folder for temporary files is in memory on many machines.
                let parent = here.parent().ok_or("this program lies nowhere")?;
                let folder = tempfile::Builder::new().prefix("bench-relay-").tempdir_in(parent)?;
                (folder.path().join("relay"), Some(folder))
            }
        };
        let address = free()?;
        let Started { child, started_in, told, admin } =
            launch(&binary, &data, address, wanted.admin).await?;
        let (pid, told) = (child.id(), Some(told));
        Ok(Self { child: Some(child), pid, address, binary, data, admin, _folder: folder, started_in, told })
    }

    /// Stops it and starts it anew on the same data.
    pub async fn restart(&mut self) -> Result<(), Failed> {
        if self.child.is_none() {
            return Err("a relay that was started elsewhere is not restarted from here".into());
        }
        self.stop().await;
        self.launch_again().await
    }

    /// Kills it with -9, and starts it anew on the same data and address at once.
    pub async fn kill_and_start(&mut self) -> Result<(), Failed> {
        let mut child =
            self.child.take().ok_or("a relay that was started elsewhere is not killed from here")?;
        child.kill()?;
        child.wait()?;
        self.launch_again().await
    }

    /// Kills it with -9, and starts it anew on what its data was when this was called first: as a disk would that
    /// says "written" and has not.
    pub async fn kill_and_forget(&mut self) -> Result<(), Failed> {
        let mut child =
            self.child.take().ok_or("a relay that was started elsewhere is not killed from here")?;
        child.kill()?;
        child.wait()?;
        let (database, kept) = (self.data.join("relay.redb"), self.data.join("relay.kept"));
        if kept.exists() {
            fs::copy(&kept, &database)?;
        } else {
            fs::copy(&database, &kept)?;
        }
        self.launch_again().await
    }

    async fn launch_again(&mut self) -> Result<(), Failed> {
        let admin = self.admin.is_some();
        let Started { child, started_in, told, admin } =
            launch(&self.binary, &self.data, self.address, admin).await?;
        (self.told, self.admin) = (Some(told), admin);
        (self.pid, self.started_in) = (child.id(), started_in);
        self.child = Some(child);
        Ok(())
    }

    /// Where clients sign up.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        let deadline = now() + Duration::from_secs(10);
        while now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Where to connect.
    pub fn target(&self) -> Target {
        Target::new(self.address)
    }

    /// Processor time used so far, user and system, in seconds; its unit is the tick of 10 ms.
    pub fn cpu(&self) -> Result<f64, Failed> {
        cpu_of(&self.pid.to_string())
    }

    /// Memory in KiB: the process's own pages and its share of common ones.
    pub fn pss(&self) -> Result<u64, Failed> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        let line =
            rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss in smaps_rollup")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Processor time of this process, in seconds.
pub fn own_cpu() -> Result<f64, Failed> {
    cpu_of("self")
}

/// User and system time from `/proc/PID/stat` (fields 14 and 15, after the name in brackets).
pub fn cpu_of(pid: &str) -> Result<f64, Failed> {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<u64>().ok());
    let ticks = field(14).zip(field(15)).ok_or("no times in the process's stat")?;
    Ok((ticks.0 + ticks.1) as f64 / TICKS_A_SECOND)
}

/// The `lacre` binary beside this program, or one folder up, where Cargo puts what is not a test.
fn beside(here: &Path) -> Result<PathBuf, Failed> {
    here.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("lacre"))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            "the lacre binary is not beside this program: build it, or name it with --lacre".into()
        })
}

/// A port that nobody has.
fn free() -> Result<SocketAddr, Failed> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A relay that has just begun to listen.
struct Started {
    child: Child,
    started_in: Duration,
    told: Told,
    admin: Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "asks whether the port is open")]
async fn launch(binary: &Path, data: &Path, address: SocketAddr, admin: bool) -> Result<Started, Failed> {
    let start: Instant = now();
    let mut child = Command::new(binary)
        .args(["--json", "relay", "--listen", &address.to_string(), "--limits", "lifted"])
        .args(admin.then_some(["--admin", "127.0.0.1:0"]).into_iter().flatten())
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(data.with_extension("log"))?)
        .spawn()
        .map_err(|error| format!("{} does not start: {error}", binary.display()))?;
    loop {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            let started_in = start.elapsed();
            return match told(&mut child) {
                Ok((told, admin)) => Ok(Started { child, started_in, told, admin }),
                Err(error) => {
                    // One that says nothing that is understood here is not left behind.
                    let _ = child.kill();
                    let _ = child.wait();
                    Err(error)
                }
            };
        }
        if child.try_wait()?.is_some() || start.elapsed() > Duration::from_secs(30) {
            let _ = child.kill();
            let said = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
            return Err(format!("the relay did not start: {}", said.trim()).into());
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
}

/// The line that a relay prints when it listens.
fn told(child: &mut Child) -> Result<(Told, Option<String>), Failed> {
    let mut line = String::new();
    let out = child.stdout.take().ok_or("the relay's output is not there")?;
    BufReader::new(out).read_line(&mut line)?;
    let line: serde_json::Value = serde_json::from_str(&line)?;
    let url = line["url"].as_str().ok_or("the relay does not say where it listens")?;
    let durable = line["durable"].as_bool().ok_or("the relay does not say whether it is durable")?;
    let admin = line["admin"].as_str().map(str::to_owned);
    Ok((Told { tls: url.starts_with("https://"), durable }, admin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_from_the_system_and_grows_with_work() {
        let before = own_cpu().unwrap();
        let start = now();
        let mut sum = 0u64;
        while start.elapsed() < Duration::from_secs(20) && own_cpu().unwrap() < before + 0.05 {
            sum = (0..1_000_000u64).fold(sum, |sum, i| sum.wrapping_mul(31).wrapping_add(i));
        }
        assert!(own_cpu().unwrap() >= before + 0.05, "{sum}");
    }
}
