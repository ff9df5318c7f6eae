//! How far a business may go (ADR 0045): a step, a quality, and what moves them. Pure: rows and the time in, rows out.
//!
//! | rule | figure |
//! | --- | --- |
//! | reached | a customer who was written to outside their window, or sent an offer; once in seven days |
//! | complains | a reached customer who stops it, takes a category back, blocks it or is heard with a report; once in seven days |
//! | GREEN | what is neither of the others |
//! | YELLOW | at least 3 complain, and at least 4 in 100 of those reached |
//! | RED | at least 5 complain, and at least 10 in 100 of those reached |
//! | steps, customers reached outside their windows in 24 hours | 50 unverified; verified 250, 2,000, 10,000, 100,000, any number |
//! | up a step | verified and GREEN, half of the step's figure reached in seven days, a day after the last change |
//! | down a step | with a complaint while RED, once a day, not below 250 |
//! | while RED | no offers; who is unverified reaches nobody outside their window |
//!
//! Hours and days are those of the clock since 1970: the last 24, the running one among them, and the last 7. What is
//! older counts no more, and the sweep removes it.

use lacre_proto::wire::{self, Category};
use lacre_proto::{ErrorCode, Millis};

use super::super::rows::{CountRow, ReachedRow, StandingRow};
use super::DAY;

const HOUR: Millis = 3600 * 1000;
/// Hours that the limit of a day looks back.
const HOURS: u64 = 24;
/// Days that quality looks back.
const DAYS: u64 = 7;
/// Complaints from which it is YELLOW, and in how many of 100.
const YELLOW: (u64, u64) = (3, 4);
/// Complaints from which it is RED, and in how many of 100.
const RED: (u64, u64) = (5, 10);
/// Customers of an unverified business in 24 hours.
const UNVERIFIED: u64 = 50;
/// Customers of a verified business in 24 hours, step by step; above the last is no limit.
const STEPS: [u64; 4] = [250, 2_000, 10_000, 100_000];

/// How customers take what a business sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// Well.
    Green,
    /// Some complained.
    Yellow,
    /// Many complained.
    Red,
}

impl Quality {
    /// The name that people and programs know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Yellow => "YELLOW",
            Self::Red => "RED",
        }
    }
}

/// How a business stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How customers take what it sends.
    pub quality: Quality,
    /// Customers that it may reach outside their windows in 24 hours; `None` when there is no limit.
    pub daily_limit: Option<u64>,
    /// How many it has reached so in the last 24 hours.
    pub reached: u64,
}

impl From<Standing> for wire::BusinessStanding {
    fn from(standing: Standing) -> Self {
        let quality = match standing.quality {
            Quality::Green => wire::Quality::Green,
            Quality::Yellow => wire::Quality::Yellow,
            Quality::Red => wire::Quality::Red,
        };
        let Standing { daily_limit, reached, .. } = standing;
        Self { quality: quality.into(), daily_limit, reached, suspended: false }
    }
}

/// A send that may count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    pub(super) category: Category,
    /// Whether the customer's window is closed.
    pub(super) outside: bool,
    /// Whether the business is verified.
    pub(super) verified: bool,
    pub(super) now: Millis,
}

/// Why a send is refused, and how long that lasts at the least.
pub(super) type Held = (ErrorCode, Millis);

/// What a send changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counted {
    pub(super) standing: StandingRow,
    pub(super) reached: ReachedRow,
}

pub(super) fn hour(now: Millis) -> u64 {
    now / HOUR
}

fn today(now: Millis) -> u64 {
    now / DAY
}

/// Whether something of that hour or day is among the last ones.
fn within(at: Option<u64>, now: u64, last: u64) -> bool {
    at.is_some_and(|at| at + last > now)
}

/// Whether a row counts for nothing any more.
pub(crate) fn is_forgotten(row: &ReachedRow, now: Millis) -> bool {
    !within(row.last_day, today(now), DAYS) && !within(row.complained_day, today(now), DAYS)
}

/// Counts a send, if it may be made and counts.
pub(super) fn count(
    before: &StandingRow,
    known: &ReachedRow,
    sending: Sending,
) -> Result<Option<Counted>, Held> {
    let Sending { category, outside, verified, now } = sending;
    let (mut standing, mut reached) = (before.clone(), *known);
    standing.forget(now);
    let shown = standing.shown(verified, now);
    if category == Category::Marketing && shown.quality == Quality::Red {
        return Err((ErrorCode::MarketingPaused, standing.until_days_go(now)));
    }
    let is_new = outside && !within(reached.hour, hour(now), HOURS);
    let most = shown.daily_limit.unwrap_or(u64::MAX);
    if outside && (most == 0 || is_new && shown.reached >= most) {
        let wait = if most == 0 { standing.until_days_go(now) } else { standing.until_hours_go(now) };
        return Err((ErrorCode::MessagingLimit, wait));
    }
    if !outside && category != Category::Marketing || !is_new && reached.last_day == Some(today(now)) {
        return Ok(None);
    }
    if is_new {
        reached.hour = Some(hour(now));
        bucket(&mut standing.hours, hour(now)).reached += 1;
    }
    if !within(reached.first_day, today(now), DAYS) {
        reached.first_day = Some(today(now));
        bucket(&mut standing.days, today(now)).reached += 1;
    }
    reached.last_day = Some(today(now));
    standing.rise(verified, now);
    Ok(Some(Counted { standing, reached }))
}

/// Counts that a customer complains, if they were reached and have not yet.
pub(super) fn complain(
    before: &StandingRow,
    known: &ReachedRow,
    verified: bool,
    now: Millis,
) -> Option<Counted> {
    let (mut standing, mut reached) = (before.clone(), *known);
    let day = today(now);
    if !within(reached.last_day, day, DAYS) || within(reached.complained_day, day, DAYS) {
        return None;
    }
    standing.forget(now);
    reached.complained_day = Some(day);
    // With the day on which they were counted as reached: the two are forgotten together.
    let counted = match reached.first_day.filter(|first| within(Some(*first), day, DAYS)) {
        Some(first) => first,
        None => {
            reached.first_day = Some(day);
            bucket(&mut standing.days, day).reached += 1;
            day
        }
    };
    bucket(&mut standing.days, counted).complaints += 1;
    standing.fall(verified, now);
    Some(Counted { standing, reached })
}

impl StandingRow {
    /// How it stands now.
    pub(crate) fn shown(&self, verified: bool, now: Millis) -> Standing {
        let recent = self.hours.iter().filter(|it| within(Some(it.at), hour(now), HOURS));
        let quality = self.quality(now);
        let daily_limit = match verified {
            true => STEPS.get(self.step as usize).copied(),
            false if quality == Quality::Red => Some(0),
            false => Some(UNVERIFIED),
        };
        Standing { quality, daily_limit, reached: recent.map(|it| it.reached).sum() }
    }

    /// Customers reached and customers who complained, in seven days.
    fn week(&self, now: Millis) -> (u64, u64) {
        let recent = self.days.iter().filter(|it| within(Some(it.at), today(now), DAYS));
        recent.fold((0, 0), |(reached, complaints), it| (reached + it.reached, complaints + it.complaints))
    }

    fn quality(&self, now: Millis) -> Quality {
        let (reached, complaints) = self.week(now);
        let is = |(least, of_100): (u64, u64)| complaints >= least && complaints * 100 >= reached * of_100;
        match () {
            () if is(RED) => Quality::Red,
            () if is(YELLOW) => Quality::Yellow,
            () => Quality::Green,
        }
    }

    fn forget(&mut self, now: Millis) {
        self.hours.retain(|it| within(Some(it.at), hour(now), HOURS));
        self.days.retain(|it| within(Some(it.at), today(now), DAYS));
    }

    fn until_hours_go(&self, now: Millis) -> Millis {
        let first = self.hours.iter().map(|it| it.at).min().unwrap_or_else(|| hour(now));
        ((first + HOURS) * HOUR).saturating_sub(now)
    }

    fn until_days_go(&self, now: Millis) -> Millis {
        let first = self.days.iter().map(|it| it.at).min().unwrap_or_else(|| today(now));
        ((first + DAYS) * DAY).saturating_sub(now)
    }

    fn rise(&mut self, verified: bool, now: Millis) {
        if self.changed_ms == 0 {
            // From the first customer on: nobody has had the time to complain before.
            self.changed_ms = now;
        }
        let Some(figure) = STEPS.get(self.step as usize) else { return };
        let used = self.week(now).0 * 2 >= *figure;
        if verified && used && self.quality(now) == Quality::Green && self.changed_ms + DAY <= now {
            (self.step, self.changed_ms) = (self.step + 1, now);
        }
    }

    fn fall(&mut self, verified: bool, now: Millis) {
        let due = self.fell_ms == 0 || self.fell_ms + DAY <= now;
        if verified && due && self.step > 0 && self.quality(now) == Quality::Red {
            (self.step, self.changed_ms, self.fell_ms) = (self.step - 1, now, now);
        }
    }
}

fn bucket(rows: &mut Vec<CountRow>, at: u64) -> &mut CountRow {
    let index = rows.iter().position(|row| row.at == at).unwrap_or_else(|| {
        rows.push(CountRow { at, reached: 0, complaints: 0 });
        rows.len() - 1
    });
    &mut rows[index]
}
