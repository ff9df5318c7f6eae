//! What a group costs the devices of its members, by its size.
//!
//! Real engines over a real relay. Ana and Bruno are measured; the others are accounts whose devices are added, so that
//! the tree has its leaves. A *cold* group is one whose leaves were added and have not updated yet; in a *warm* one each
//! device has come in and updated its leaf once, as devices do by themselves.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use lacre_client::store::Store;
use lacre_engine::content::Content;
use lacre_engine::{Intent, Records};
use lacre_proto::wire::request::Op;
use lacre_proto::{ConversationId, Handle, limits};
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::cli::Failed;
use crate::curve::{self, Point};
use crate::person::{Cost, Person};
use crate::relay::Relay;
use crate::report::{Reporter, now};
use crate::socket::Target;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long a socket says nothing at most; a relay bears 90 seconds.
const SILENCE: Duration = Duration::from_secs(20);
/// Of what is measured several times, the median counts.
const TIMES: usize = 5;

#[derive(Args)]
pub struct Options {
    /// Sizes, in leaves.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 32, 256, 1024])]
    leaves: Vec<usize>,
    /// Warm trees up to this size; to warm one of 1,024 takes long.
    #[arg(long, default_value_t = 256)]
    warm: usize,
    /// Where to write the plot, an SVG file.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// Print a table in Markdown at the end.
    #[arg(long)]
    table: bool,
}

pub async fn run(options: &Options, relay: &Relay, report: &mut Reporter) -> Result<(), Failed> {
    let rng = &mut StdRng::from_os_rng();
    let target = relay.target();
    let mut points = Vec::new();
    for leaves in &options.leaves {
        if !(2..=limits::MEMBERS).contains(leaves) {
            return Err(format!("a group has from 2 to {} leaves here", limits::MEMBERS).into());
        }
        // Nobody can be added to a full group: its last member is the newcomer who is measured.
        let mut group = Group::make(&target, (*leaves).min(limits::MEMBERS - 1), rng).await?;
        report.progress(&format!("{leaves} leaves, cold"));
        let mut point = Point { leaves: *leaves, ..group.measure(&target, rng).await? };
        if (3..=options.warm).contains(leaves) {
            let mut group = Group::warm(&target, *leaves, rng, report).await?;
            (point.warm_update_ms, point.warm_process_ms, point.warm_update_bytes) =
                group.update().await.map(|it| (Some(it.0), Some(it.1), Some(it.2)))?;
        }
        report.print(&point);
        points.push(point);
    }
    if options.table {
        print!("{}", curve::table(&points));
    }
    if let Some(path) = &options.plot {
        std::fs::write(path, curve::plot(&points))?;
    }
    Ok(())
}

/// A group with two members who are measured.
struct Group {
    id: ConversationId,
    ana: Person,
    bruno: Person,
    leaves: usize,
    mark: u64,
}

impl Group {
    /// Ana's group with Bruno in it.
    async fn begin(target: &Target, rng: &mut StdRng) -> Result<Self, Failed> {
        let mark: u64 = rng.random();
        let mut ana = Person::sign_up(target, &format!("a{mark:016x}"), rng).await?;
        let bruno = Person::sign_up(target, &format!("b{mark:016x}"), rng).await?;
        ana.want(Intent::CreateGroup("the curve".to_owned(), vec![bruno.handle.clone()])).await?;
        let id = Records(ana.store.snapshot()?.as_ref()).conversations()?.first().map(|record| record.id);
        let id = id.ok_or("the group was not made")?;
        let mut group = Self { id, ana, bruno, leaves: 2, mark };
        group.settle().await?;
        Ok(group)
    }

    /// A group of so many leaves, all but two of which were only added.
    async fn make(target: &Target, leaves: usize, rng: &mut StdRng) -> Result<Self, Failed> {
        let mut group = Self::begin(target, rng).await?;
        let mut people = Vec::new();
        for number in 2..leaves {
            people.push(group.newcomer(target, number, rng).await?.handle);
        }
        group.add(people).await?;
        Ok(group)
    }

    /// A group of so many leaves, each of which came in and updated.
    async fn warm(
        target: &Target,
        leaves: usize,
        rng: &mut StdRng,
        report: &Reporter,
    ) -> Result<Self, Failed> {
        let mut group = Self::begin(target, rng).await?;
        for number in 2..leaves {
            let mut newcomer = group.newcomer(target, number, rng).await?;
            group.add(vec![newcomer.handle.clone()]).await?;
            group.joined(&mut newcomer).await?;
            newcomer.want(Intent::UpdateLeaf(group.id)).await?;
            group.settle().await?;
            if number % 64 == 0 {
                report.progress(&format!("{number} of {leaves} leaves are warm"));
            }
        }
        for member in [true, false] {
            let member = if member { &mut group.ana } else { &mut group.bruno };
            member.want(Intent::UpdateLeaf(group.id)).await?;
            group.settle().await?;
        }
        Ok(group)
    }

    async fn newcomer(&mut self, target: &Target, number: usize, rng: &mut StdRng) -> Result<Person, Failed> {
        // A thousand sign-ups take longer than a relay bears silence.
        if number.is_multiple_of(64) {
            self.stay().await?;
        }
        Person::sign_up(target, &format!("c{number}-{:016x}", self.mark), rng).await
    }

    /// Keeps open the sockets of those who are measured.
    async fn stay(&mut self) -> Result<(), Failed> {
        self.ana.stay().await?;
        self.bruno.stay().await
    }

    /// Has Ana add people, and everybody who is measured take it in.
    async fn add(&mut self, people: Vec<Handle>) -> Result<(), Failed> {
        if people.is_empty() {
            return Ok(());
        }
        self.leaves += people.len();
        self.ana.want(Intent::AddToGroup(self.id, people)).await?;
        self.settle().await
    }

    /// Until Ana and Bruno have the same leaves and nothing more comes.
    async fn settle(&mut self) -> Result<(), Failed> {
        let deadline = now() + PATIENCE;
        let (mut quiet, mut stayed) = (0, None);
        while quiet < 3 {
            // A thousand people are looked up at the relay's pace.
            if stayed.is_none_or(|time| now() > time + SILENCE) {
                self.stay().await?;
                stayed = Some(now());
            }
            if now() > deadline {
                return Err("the group does not come to rest".into());
            }
            let moved = self.ana.turn().await? | self.bruno.turn().await?;
            let whole = members(&self.ana, self.id)? == self.leaves;
            quiet =
                if !moved && whole && members(&self.bruno, self.id)? == self.leaves { quiet + 1 } else { 0 };
        }
        Ok(())
    }

    /// Until somebody is in the group as well.
    async fn joined(&mut self, newcomer: &mut Person) -> Result<(), Failed> {
        let deadline = now() + PATIENCE;
        while members(newcomer, self.id)? != self.leaves {
            if now() > deadline {
                return Err("a newcomer does not come in".into());
            }
            newcomer.turn().await?;
        }
        // Nothing leaves a device before a request is accepted, the update of its leaf neither.
        newcomer.accept(self.id).await.map(drop)
    }

    async fn measure(&mut self, target: &Target, rng: &mut StdRng) -> Result<Point, Failed> {
        let mut point = Point::default();
        let (mut seals, mut opens) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            let content = Content::Text { text: "a".repeat(100) };
            (self.ana.costs, self.bruno.costs) = (Vec::new(), Vec::new());
            self.ana.write(Intent::Send(self.id, content)).await?;
            seals.push(self.ana.costs.first().copied().unwrap_or_default());
            while self.bruno.costs.is_empty() {
                self.bruno.turn().await?;
            }
            opens.push(self.bruno.costs.first().copied().unwrap_or_default());
            self.settle().await?;
        }
        (point.seal_ms, point.seal_written) = median(seals);
        (point.open_ms, point.open_written) = median(opens);

        (point.update_ms, point.process_ms, point.update_bytes) = self.update().await?;
        point.stored_bytes = stored(&self.ana)?;

        let mut newcomer = self.newcomer(target, self.leaves, rng).await?;
        (self.ana.costs, self.ana.handshakes) = (Vec::new(), Vec::new());
        self.add(vec![newcomer.handle.clone()]).await?;
        let added = Cost::of(&self.ana.costs);
        (point.add_ms, point.add_written) = (millis(added.cpu), added.written);
        if let Some(Op::Commit(commit)) = self.ana.handshakes.first() {
            point.add_bytes = commit.commit.len();
            point.group_info_bytes = commit.group_info.len();
            point.welcome_bytes = commit.additions.iter().map(Message::encoded_len).sum();
        }
        newcomer.costs = Vec::new();
        self.joined(&mut newcomer).await?;
        point.join_ms = newcomer.costs.iter().map(|cost| millis(cost.cpu)).fold(0.0, f64::max);
        Ok(point)
    }

    /// Bruno's update of his leaf: milliseconds of his, and of Ana's who takes it in, and bytes of the commit.
    async fn update(&mut self) -> Result<(f64, f64, usize), Failed> {
        self.bruno.accept(self.id).await?;
        self.settle().await?;
        (self.ana.costs, self.bruno.costs) = (Vec::new(), Vec::new());
        self.bruno.handshakes = Vec::new();
        self.bruno.want(Intent::UpdateLeaf(self.id)).await?;
        self.settle().await?;
        let commit = self.bruno.handshakes.first();
        let Some(Op::Commit(commit)) = commit else { return Err("an update made no commit".into()) };
        let cpu = |person: &Person| millis(Cost::of(&person.costs).cpu);
        Ok((cpu(&self.bruno), cpu(&self.ana), commit.commit.len()))
    }
}

/// How many leaves somebody's group has.
fn members(person: &Person, id: ConversationId) -> Result<usize, Failed> {
    let reader = person.store.snapshot()?;
    Ok(Records(reader.as_ref()).group_members(id)?.iter().map(|member| member.devices).sum())
}

/// Bytes in somebody's store.
fn stored(person: &Person) -> Result<usize, Failed> {
    let mut bytes = 0;
    person.store.snapshot()?.scan(&[0], &[0xff; 2], false, &mut |key, value| {
        bytes += key.len() + value.len();
        true
    })?;
    Ok(bytes)
}

fn millis(cpu: Duration) -> f64 {
    cpu.as_secs_f64() * 1000.0
}

fn median(mut costs: Vec<Cost>) -> (f64, usize) {
    costs.sort_by_key(|cost| cost.cpu);
    let middle = costs.get(costs.len() / 2).copied().unwrap_or_default();
    (millis(middle.cpu), middle.written)
}
