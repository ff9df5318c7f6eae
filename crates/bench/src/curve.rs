//! The curve of what a group costs by its size: as a table, and as a plot that needs no program to look at.

use std::fmt::Write;

use serde::Serialize;

use crate::report::rounded;

/// One size.
#[derive(Debug, Default, Serialize)]
pub struct Point {
    /// Leaves of the tree.
    pub leaves: usize,
    /// Sealing a message of 100 bytes: the step, in milliseconds of processor time; and the bytes that it writes.
    pub seal_ms: f64,
    /// The bytes that it writes.
    pub seal_written: usize,
    /// Opening it.
    pub open_ms: f64,
    /// The bytes that this writes.
    pub open_written: usize,
    /// Adding one device: all steps of who adds, from the wish to the merged commit.
    pub add_ms: f64,
    /// The bytes that they write.
    pub add_written: usize,
    /// The commit on the wire.
    pub add_bytes: usize,
    /// The tree on the wire, once for all who are added together.
    pub group_info_bytes: usize,
    /// What a newcomer gets alone.
    pub welcome_bytes: usize,
    /// Joining: the step of the Welcome.
    pub join_ms: f64,
    /// Updating one's leaf in a cold group: all steps of who does.
    pub update_ms: f64,
    /// Taking that in.
    pub process_ms: f64,
    /// The commit on the wire.
    pub update_bytes: usize,
    /// The same in a warm group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_update_ms: Option<f64>,
    /// Taking that in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_process_ms: Option<f64>,
    /// The commit on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_update_bytes: Option<usize>,
    /// Everything in the store of a member.
    pub stored_bytes: usize,
}

type Value = fn(&Point) -> Option<f64>;

const TIMES: [(&str, Value); 8] = [
    ("seal 100 bytes, ms", |point| Some(point.seal_ms)),
    ("open 100 bytes, ms", |point| Some(point.open_ms)),
    ("add one, ms", |point| Some(point.add_ms)),
    ("join, ms", |point| Some(point.join_ms)),
    ("update, cold, ms", |point| Some(point.update_ms)),
    ("take it in, ms", |point| Some(point.process_ms)),
    ("update, warm, ms", |point| point.warm_update_ms),
    ("take it in, ms", |point| point.warm_process_ms),
];

const BYTES: [(&str, Value); 9] = [
    ("written by a message sent, bytes", |point| Some(point.seal_written as f64)),
    ("written by a message that came", |point| Some(point.open_written as f64)),
    ("written by an addition", |point| Some(point.add_written as f64)),
    ("stored by a member", |point| Some(point.stored_bytes as f64)),
    ("commit that adds one, on the wire", |point| Some(point.add_bytes as f64)),
    ("tree, once for all newcomers", |point| Some(point.group_info_bytes as f64)),
    ("Welcome of each", |point| Some(point.welcome_bytes as f64)),
    ("update, cold", |point| Some(point.update_bytes as f64)),
    ("update, warm", |point| point.warm_update_bytes.map(|bytes| bytes as f64)),
];

/// A table in Markdown, a column for each size.
pub fn table(points: &[Point]) -> String {
    let mut out = String::from("| leaves |");
    points.iter().for_each(|point| write!(out, " {} |", point.leaves).expect("a string grows"));
    out.push_str("\n| --- |");
    points.iter().for_each(|_| out.push_str(" ---: |"));
    for (name, value) in TIMES.iter().chain(&BYTES) {
        write!(out, "\n| {name} |").expect("a string grows");
        for point in points {
            match value(point) {
                Some(value) if value < 100.0 => write!(out, " {} |", rounded(value, 2)),
                Some(value) => write!(out, " {} |", grouped(value)),
                None => write!(out, " – |"),
            }
            .expect("a string grows");
        }
    }
    out.push('\n');
    out
}

/// A whole number with commas.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 8] =
    ["#1b6ca8", "#c0392b", "#1e8449", "#8e44ad", "#b9770e", "#5d6d7e", "#117a65", "#a04000"];

/// The times by the size, both axes logarithmic: an SVG document.
pub fn plot(points: &[Point]) -> String {
    let values =
        || TIMES.iter().flat_map(|(_, value)| points.iter().filter_map(value)).filter(|it| *it > 0.0);
    let low = values().fold(f64::INFINITY, f64::min).log10().floor().min(0.0);
    let high = values().fold(0.0, f64::max).max(1.0).log10().ceil().max(low + 1.0);
    let first = points.first().map_or(2.0, |point| point.leaves as f64).log2();
    let last = points.last().map_or(2.0, |point| point.leaves as f64).log2().max(first + 1.0);
    let x = |leaves: usize| LEFT + ((leaves as f64).log2() - first) / (last - first) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - (value.log10() - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>What a group costs a member's device, by its size</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"14\">Processor time of a member's device, ms, by leaves \
         of the group</text>\n"
    );
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    for power in low as i32..=high as i32 {
        let (at, value) = (y(10f64.powi(power)), 10f64.powi(power));
        line(format!(
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>",
            WIDTH - RIGHT
        ));
        line(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            LEFT - 8.0,
            at + 4.0
        ));
    }
    for point in points {
        let at = x(point.leaves);
        let under = HEIGHT - BOTTOM + 20.0;
        line(format!("<text x=\"{at:.1}\" y=\"{under:.1}\" text-anchor=\"middle\">{}</text>", point.leaves));
    }
    for (number, ((name, value), colour)) in TIMES.iter().zip(COLOURS).enumerate() {
        let places: Vec<String> = points
            .iter()
            .filter_map(|point| Some((point.leaves, value(point).filter(|it| *it > 0.0)?)))
            .map(|(leaves, value)| format!("{:.1},{:.1}", x(leaves), y(value)))
            .collect();
        let after = if number > 6 { " (warm)" } else { "" };
        let name = name.trim_end_matches(", ms");
        let at = TOP + 18.0 * number as f64 + 8.0;
        line(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            places.join(" ")
        ));
        for place in places {
            if let Some((cx, cy)) = place.split_once(',') {
                line(format!("<circle cx=\"{cx}\" cy=\"{cy}\" r=\"3\" fill=\"{colour}\"/>"));
            }
        }
        line(format!(
            "<text x=\"{:.1}\" y=\"{at:.1}\" fill=\"{colour}\">{name}{after}</text>",
            WIDTH - RIGHT + 14.0
        ));
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_a_column_of_the_table_and_a_place_in_the_plot() {
        let point = |leaves, seal_ms| Point { leaves, seal_ms, stored_bytes: 1_234_567, ..Point::default() };
        let points = [point(2, 0.05), point(1024, 0.5)];
        let table = table(&points);
        assert!(table.starts_with("| leaves | 2 | 1024 |\n"), "{table}");
        assert!(table.contains("| seal 100 bytes, ms | 0.05 | 0.5 |"), "{table}");
        assert!(table.contains("| update, warm, ms | – | – |"), "{table}");
        assert!(table.contains("| stored by a member | 1,234,567 | 1,234,567 |"), "{table}");
        let plot = plot(&points);
        assert_eq!(plot.matches("<circle").count(), 2, "{plot}");
        assert!(plot.starts_with("<svg") && plot.ends_with("</svg>\n"));
        assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
    }
}
