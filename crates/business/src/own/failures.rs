//! Sign-ins, and tokens of programs, that failed, in the audit log: a row when a run of them begins, one when it is over, and one an hour while it
//! goes on. So whoever guesses is seen, and fills nothing.

use std::collections::HashMap;

use lacre_proto::Millis;

/// After so long without a failure a run is over.
const OVER: Millis = 10 * 60 * 1_000;
/// One that goes on is told of so often.
const EACH: Millis = 60 * 60 * 1_000;

/// The runs that go on, by whose login it is; those at logins of nobody are one.
#[derive(Debug, Default)]
pub(crate) struct Failures(HashMap<Option<u64>, Run>);

#[derive(Debug, Clone, Copy)]
struct Run {
    since: Millis,
    last: Millis,
    /// Failures that no row tells of yet.
    count: u64,
}

impl Failures {
    /// One more; what is to be written down now.
    pub(crate) fn failed(&mut self, who: Option<u64>, now: Millis) -> Vec<String> {
        let mut rows = self.over(now);
        match self.0.get_mut(&who) {
            None => {
                self.0.insert(who, Run { since: now, last: now, count: 0 });
                rows.push(format!("{}, the first of a run", named(who)));
            }
            Some(run) => {
                run.count += 1;
                run.last = now;
                if now.saturating_sub(run.since) >= EACH {
                    rows.extend(row(who, *run));
                    (run.since, run.count) = (now, 0);
                }
            }
        }
        rows
    }

    /// Drops the runs that are over; what is to be written down of them.
    pub(crate) fn over(&mut self, now: Millis) -> Vec<String> {
        let over: Vec<_> = self.0.extract_if(|_, run| run.last.saturating_add(OVER) <= now).collect();
        over.into_iter().filter_map(|(who, run)| row(who, run)).collect()
    }
}

fn row(who: Option<u64>, run: Run) -> Option<String> {
    let seconds = run.last.saturating_sub(run.since).div_ceil(1_000);
    (run.count > 0).then(|| format!("{}, {} more in {seconds} seconds", named(who), run.count))
}

fn named(who: Option<u64>) -> String {
    who.map_or("nobody".to_owned(), |id| format!("person {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_a_row_at_its_beginning_one_at_its_end_and_one_an_hour() {
        let mut failures = Failures::default();
        assert_eq!(failures.failed(Some(1), 0), ["person 1, the first of a run"]);
        let mut rows = 0;
        for n in 1..=7_000 {
            rows += failures.failed(Some(1), n * 1_000).len();
        }
        assert_eq!(rows, 1, "in nearly two hours");
        assert!(failures.over(7_000_000 + OVER - 1).is_empty());
        assert_eq!(failures.over(7_000_000 + OVER), ["person 1, 3400 more in 3400 seconds"]);
        assert_eq!(failures.failed(None, 9_000_000), ["nobody, the first of a run"]);
        assert!(failures.over(19_000_000).is_empty(), "it was one");
    }
}
