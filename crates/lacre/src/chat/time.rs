//! Times as people read them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use lacre_proto::Millis;

/// The time of day.
pub fn clock(at: Millis, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%H:%M").to_string()
}

/// The time of day with seconds.
pub fn clock_exact(at: Millis, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%H:%M:%S").to_string()
}

/// The day, short: without the year when it is this year.
pub fn day(at: Millis, now: Millis, zone: &TimeZone) -> String {
    let (at, now) = (zoned(at, zone), zoned(now, zone));
    let format = if at.year() == now.year() { "%-d %b" } else { "%-d %b %Y" };
    at.strftime(format).to_string()
}

/// The time of day when it is today, else the day.
pub fn clock_or_day(at: Millis, now: Millis, zone: &TimeZone) -> String {
    if date(at, zone) == date(now, zone) { clock(at, zone) } else { day(at, now, zone) }
}

/// So many seconds, in the largest unit that says enough.
pub fn about(seconds: u64) -> String {
    let (number, unit) = [(604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]
        .into_iter()
        .find(|(size, _)| seconds >= *size)
        .map_or((0, "second"), |(size, unit)| (seconds / size, unit));
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// The day in full, or its name when it is near.
pub fn day_name(at: Millis, now: Millis, zone: &TimeZone) -> String {
    let (then, today) = (date(at, zone), date(now, zone));
    if then == today {
        "Today".to_owned()
    } else if today.yesterday().is_ok_and(|yesterday| then == yesterday) {
        "Yesterday".to_owned()
    } else {
        zoned(at, zone).strftime("%A, %-d %B %Y").to_string()
    }
}

/// The day, to be compared.
pub fn date(at: Millis, zone: &TimeZone) -> Date {
    zoned(at, zone).date()
}

/// A time that no calendar knows is shown as the first one: a relay may send any number.
fn zoned(at: Millis, zone: &TimeZone) -> Zoned {
    let millis = i64::try_from(at).unwrap_or(0);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Millis = 1_795_348_800_000; // 2026-11-22 12:00 UTC
    const DAY: Millis = 86_400_000;

    #[test]
    fn times_near_are_short() {
        let zone = TimeZone::UTC;
        assert_eq!(clock_or_day(NOON - 60_000, NOON, &zone), "11:59");
        assert_eq!(clock_or_day(NOON - DAY, NOON, &zone), "21 Nov");
        assert_eq!(clock_or_day(NOON - 400 * DAY, NOON, &zone), "18 Oct 2025");
        assert_eq!(day_name(NOON, NOON, &zone), "Today");
        assert_eq!(day_name(NOON - DAY, NOON, &zone), "Yesterday");
        assert_eq!(day_name(NOON - 2 * DAY, NOON, &zone), "Friday, 20 November 2026");
    }

    #[test]
    fn a_false_time_is_shown_and_breaks_nothing() {
        assert_eq!(clock(u64::MAX, &TimeZone::UTC), "00:00");
    }
}
