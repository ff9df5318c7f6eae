//! Files: sealed and opened in memory, over the disk, up to a relay and down from it; beside `age`, where it is
//! installed, on the same file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use lacre_client::clock::SystemClock;
use lacre_client::content::{Content, FileRef, Media, Preview};
use lacre_client::files::{FileId, Folder, Pace, Transfer};
use lacre_client::store::MemoryStore;
use lacre_client::transport::{Endpoint, TlsConnect, Trust};
use lacre_client::{Client, Intent, Setting, SignUp};
use lacre_engine::files::{CHUNK, FileKey, FileSeal, Shape};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use serde::Serialize;

use crate::cli::Failed;
use crate::relay::{Relay, own_cpu};
use crate::report::{Reporter, now, rounded};

const MIB: u64 = 1024 * 1024;

#[derive(Args)]
pub struct Options {
    /// MiB of the file.
    #[arg(long, default_value_t = 256)]
    size: u64,
}

/// What one way of a file has cost.
#[derive(Serialize)]
struct Moved {
    workload: &'static str,
    mode: String,
    mib: u64,
    secs: f64,
    mib_per_s: f64,
    /// Of this process, or of `age`.
    cpu_s: f64,
    /// MiB for each second of a core.
    mib_per_cpu_s: f64,
    /// Of the relay's process.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_cpu_s: Option<f64>,
}

/// Measures one thing after the other.
struct Watch<'a> {
    mib: u64,
    relay: Option<&'a Relay>,
    start: Instant,
    own: f64,
    server: f64,
}

impl<'a> Watch<'a> {
    fn begin(mib: u64, relay: Option<&'a Relay>) -> Result<Self, Failed> {
        let server = relay.map(Relay::cpu).transpose()?.unwrap_or_default();
        Ok(Self { mib, relay, own: own_cpu()?, server, start: now() })
    }

    fn end(self, mode: &str, report: &mut Reporter) -> Result<(), Failed> {
        let secs = self.start.elapsed().as_secs_f64();
        let cpu = own_cpu()? - self.own;
        let server = self.relay.map(Relay::cpu).transpose()?.map(|cpu| rounded(cpu - self.server, 2));
        report.print(&moved(mode, self.mib, secs, cpu, server));
        Ok(())
    }
}

fn moved(mode: &str, mib: u64, secs: f64, cpu: f64, server_cpu_s: Option<f64>) -> Moved {
    Moved {
        workload: "media",
        mode: mode.to_owned(),
        mib,
        secs: rounded(secs, 3),
        mib_per_s: rounded(mib as f64 / secs, 1),
        cpu_s: rounded(cpu, 3),
        mib_per_cpu_s: rounded(mib as f64 / cpu.max(0.001), 1),
        server_cpu_s,
    }
}

/// Runs it all, on one file.
pub async fn run(options: &Options, relay: &Relay, report: &mut Reporter) -> Result<(), Failed> {
    let mib = options.size.clamp(1, 2048);
    // Beside this program: the folder for temporary files is in memory on many machines.
    let here = std::env::current_exe()?;
    let folder = tempfile::Builder::new()
        .prefix("bench-media-")
        .tempdir_in(here.parent().ok_or("this program lies nowhere")?)?;
    let mut rng = StdRng::seed_from_u64(1);
    let plain = folder.path().join("plain");
    fill(&plain, mib, &mut rng)?;

    in_memory(mib, &mut rng, report)?;
    age(&plain, folder.path(), mib, report)?;
    let ana = person("ana", &folder.path().join("ana"), relay, &mut rng).await?;
    let bruno = person("bruno", &folder.path().join("bruno"), relay, &mut rng).await?;
    let files = ana.files().ok_or("no place for files")?.clone();

    let watch = Watch::begin(mib, None)?;
    let mut source = BufReader::with_capacity(MIB as usize, File::open(&plain)?);
    let file = files.seal(&mut source, mib * MIB, &mut rng, &mut |_| ())?;
    watch.end("seal, disk to disk", report)?;

    let watch = Watch::begin(mib, Some(relay))?;
    let sent = send(&ana, &bruno, &file).await?;
    watch.end("upload", report)?;
    let watch = Watch::begin(mib, Some(relay))?;
    fetch(&bruno, sent).await?;
    watch.end("download, with the check of the hash", report)?;

    let watch = Watch::begin(mib, None)?;
    let files = bruno.files().ok_or("no place for files")?;
    files.save(&file, &folder.path().join("saved"), &mut rng, &mut |_| ())?;
    watch.end("open, disk to disk", report)?;
    ana.close().await;
    bruno.close().await;
    Ok(())
}

fn fill(path: &Path, mib: u64, rng: &mut StdRng) -> Result<(), Failed> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut piece = vec![0; MIB as usize];
    for _ in 0..mib {
        rng.fill_bytes(&mut piece);
        out.write_all(&piece)?;
    }
    Ok(out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?)
}

/// The cipher alone.
fn in_memory(mib: u64, rng: &mut StdRng, report: &mut Reporter) -> Result<(), Failed> {
    let seal = FileSeal::new(&FileKey::random(rng), Shape::of(mib * MIB)?);
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    let held = (16 * MIB as usize / CHUNK) as u32;
    let rounds = seal.shape().chunks().min(held);
    for _ in 0..rounds {
        let mut chunk = vec![0; CHUNK];
        rng.fill_bytes(&mut chunk);
        chunk.reserve(64);
        chunks.push(chunk);
    }
    // The same chunks again and again: what lies in the cache is not what is measured.
    let times = seal.shape().chunks() / rounds;
    let done = u64::from(rounds) * u64::from(times) * CHUNK as u64 / MIB;
    let watch = Watch::begin(done, None)?;
    for _ in 0..times {
        for (number, chunk) in (0..).zip(&mut chunks) {
            if number + 1 < seal.shape().chunks() {
                chunk.truncate(CHUNK);
                seal.seal(number, chunk)?;
            }
        }
    }
    watch.end("seal, in memory", report)?;
    let watch = Watch::begin(done, None)?;
    for _ in 0..times {
        for (number, chunk) in (0..).zip(&chunks) {
            if number + 1 < seal.shape().chunks() {
                seal.open(number, &mut chunk.clone())?;
            }
        }
    }
    watch.end("open, in memory", report)
}

/// The same file through `age`.
fn age(plain: &Path, folder: &Path, mib: u64, report: &mut Reporter) -> Result<(), Failed> {
    let key = folder.join("age.key");
    let made = Command::new("age-keygen").arg("-o").arg(&key).stderr(Stdio::null()).status();
    if !made.is_ok_and(|status| status.success()) {
        report.progress("age is not installed: nothing to compare with");
        return Ok(());
    }
    let about = std::fs::read_to_string(&key)?;
    let public = about.lines().find_map(|line| line.strip_prefix("# public key: "));
    let public = public.ok_or("age-keygen has told no public key")?.to_owned();
    let (sealed, opened) = (folder.join("sealed.age"), folder.join("opened"));
    let timed = |mode: &str, command: &mut Command, report: &mut Reporter| -> Result<(), Failed> {
        let (start, before) = (now(), children_cpu()?);
        if !command.status()?.success() {
            return Err(format!("{mode} failed").into());
        }
        let (secs, cpu) = (start.elapsed().as_secs_f64(), children_cpu()? - before);
        report.print(&moved(mode, mib, secs, cpu, None));
        Ok(())
    };
    let mut seal = Command::new("age");
    timed("age, seal", seal.args(["-r", &public, "-o"]).arg(&sealed).arg(plain), report)?;
    let mut open = Command::new("age");
    timed("age, open", open.args(["-d", "-i"]).arg(&key).arg("-o").arg(&opened).arg(&sealed), report)
}

/// Processor time of the programs that this one has started and that have ended: fields 16 and 17 of `stat`.
fn children_cpu() -> Result<f64, Failed> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit_once(')').ok_or("not a stat line")?.1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    // Counted from the state, which is field 3; a hundred ticks a second everywhere on Linux.
    Ok((ticks(13) + ticks(14)) / 100.0)
}

async fn person(name: &str, files: &Path, relay: &Relay, rng: &mut StdRng) -> Result<Client, Failed> {
    let endpoint = Endpoint { address: relay.url().parse()?, trust: Trust::FirstUse };
    let setting = Setting {
        store: Arc::new(MemoryStore::default()),
        connect: Arc::new(TlsConnect::default()),
        clock: Arc::new(SystemClock),
        rng: Box::new(StdRng::from_rng(rng)),
        files: Some(Folder::open(files)?),
        pace: Pace::default(),
    };
    let client = Client::sign_up(setting, SignUp { endpoint, handle: name.parse()?, invite: None }).await?;
    client.flush().await;
    Ok(client)
}

/// Sends a sealed file, and waits until it is at the other end; names it there.
async fn send(ana: &Client, bruno: &Client, file: &FileRef) -> Result<FileId, Failed> {
    let mut events = bruno.events();
    let media =
        Media { files: vec![(file.clone(), Preview::default())], caption: String::new(), sticker: false };
    let (conversation, id) = ana.send_to(&bruno.me()?.handle, Content::Media(media)).await?;
    ana.wait_sent(conversation, id).await?;
    loop {
        for talk in bruno.conversations()? {
            if talk.is_request() {
                bruno.intend(Intent::Accept(talk.id)).await?;
            }
            if bruno.read(|views| views.message(talk.id, id))?.is_some() {
                return Ok(FileId { conversation: talk.id, message: id, index: 0 });
            }
        }
        events.recv().await?;
    }
}

async fn fetch(bruno: &Client, file: FileId) -> Result<(), Failed> {
    let mut events = bruno.events();
    bruno.intend(Intent::Fetch(file)).await?;
    loop {
        match bruno.read(|views| views.records().transfer(file))? {
            Transfer::None => return Ok(()),
            Transfer::NotFetched(why) => return Err(why.into()),
            Transfer::Fetching | Transfer::Sending => drop(events.recv().await?),
        }
    }
}
