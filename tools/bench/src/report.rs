//! What is printed: a table for people, lines of JSON for programs.

use anyhow::Result;
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

use crate::bench::{Bench, Better, Group, OURS, Target};
use crate::run::{Results, Spread};

/// One line of JSON; the fields and their order are fixed.
#[derive(Serialize)]
struct Line<'a> {
    group: &'a str,
    bench: &'a str,
    subject: &'a str,
    value: f64,
    unit: &'a str,
    better: &'a str,
    min: f64,
    max: f64,
    rounds: usize,
}

/// Writes one line per benchmark and subject.
///
/// # Errors
/// Never for figures that are numbers.
pub(crate) fn json(group: &Group, results: &Results) -> Result<String> {
    let mut text = String::new();
    for bench in group.benches {
        for subject in bench.subjects {
            let Some(samples) = results.get(bench.name, subject) else { continue };
            let spread = samples.spread();
            let line = Line {
                group: group.name,
                bench: bench.name,
                subject,
                value: spread.median,
                unit: bench.unit,
                better: bench.better.name(),
                min: spread.min,
                max: spread.max,
                rounds: samples.rounds(),
            };
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
    }
    Ok(text)
}

/// Writes the table, and below it what single figures are made of.
pub(crate) fn table(group: &Group, results: &Results) -> String {
    let subjects = columns(group, results);
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    let mut header = vec!["bench".to_owned(), "unit".to_owned()];
    header.extend(subjects.iter().map(|&subject| subject.to_owned()));
    header.push("vs best peer".to_owned());
    header.extend(group.floors.iter().map(|floor| format!("vs {floor}")));
    header.push("floors".to_owned());
    table.set_header(header);
    for bench in group.benches {
        if bench.subjects.iter().any(|subject| results.get(bench.name, subject).is_some()) {
            table.add_row(row(group, bench, &subjects, results));
        }
    }
    let mut text = format!("{table}\n");
    text.push_str("Median, below it the smallest and the largest sample; ratios are taken within each round.\n");
    if let Some(warning) = results.busy() {
        text.extend([warning.as_str(), "\n"]);
    }
    for bench in group.benches {
        for subject in bench.subjects {
            let detail = results.get(bench.name, subject).and_then(|found| found.detail.as_ref());
            if let Some(detail) = detail {
                text.extend([bench.name, " ", *subject, ": ", detail.as_str(), "\n"]);
            }
        }
    }
    text
}

/// Returns the measured subjects in the order in which the benchmarks list them.
fn columns(group: &Group, results: &Results) -> Vec<&'static str> {
    let mut subjects: Vec<&'static str> = Vec::new();
    for bench in group.benches {
        for subject in bench.subjects {
            if results.get(bench.name, subject).is_some() && !subjects.contains(subject) {
                subjects.push(subject);
            }
        }
    }
    subjects
}

fn row(group: &Group, bench: &Bench, subjects: &[&'static str], results: &Results) -> Vec<Cell> {
    let mut cells = vec![Cell::new(bench.name), Cell::new(bench.unit)];
    for subject in subjects {
        let text = results.get(bench.name, subject).map_or_else(String::new, |samples| {
            let Spread { median, min, max } = samples.spread();
            format!("{}\n{} .. {}", short(median), short(min), short(max))
        });
        cells.push(Cell::new(text).set_alignment(CellAlignment::Right));
    }
    // Peers are those whose users have a choice; floors and ourselves are none.
    let is_peer = |subject: &&str| *subject != OURS && !group.floors.contains(subject);
    let peers: Vec<&'static str> = bench.subjects.iter().copied().filter(is_peer).collect();
    let floors = group.floors.iter().map(std::slice::from_ref);
    for against in std::iter::once(peers.as_slice()).chain(floors) {
        let text = best(bench, against, results).map(|(subject, ratio)| match against.len() {
            1 => spread_of(ratio),
            _ => format!("{}\n({subject})", spread_of(ratio)),
        });
        cells.push(Cell::new(text.unwrap_or_default()).set_alignment(CellAlignment::Right));
    }
    let floors: Vec<String> =
        bench.targets.iter().map(|target| floor(bench, *target, results)).collect();
    cells.push(Cell::new(floors.join("\n")));
    cells
}

/// Returns the best of these subjects and how many times as good as it we are.
fn best(
    bench: &Bench,
    against: &[&'static str],
    results: &Results,
) -> Option<(&'static str, Spread)> {
    let ours = results.get(bench.name, OURS)?;
    let measured = against.iter().filter_map(|subject| {
        let theirs = results.get(bench.name, subject)?;
        Some((*subject, ours.ratio(theirs, bench.better)?))
    });
    measured.min_by(|left, right| left.1.median.total_cmp(&right.1.median))
}

/// Writes a floor and whether we hold it.
fn floor(bench: &Bench, target: Target, results: &Results) -> String {
    let ours = results.get(bench.name, OURS).map(|samples| samples.spread().median);
    let (met, text) = match target {
        Target::AtMost(most) => (ours.map(|ours| ours <= most), format!("at most {}", short(most))),
        Target::Times(least, against) => {
            let found = best(bench, against, results).map(|(_, ratio)| ratio.median);
            let text = format!("{least}x {}{}", against.join("/"), reached(found));
            (found.map(|found| found >= least), text)
        }
        Target::Within(most, against) => {
            let found = best(bench, against, results).map(|(_, ratio)| 1.0 / ratio.median);
            let text = format!("within {most}x of {}{}", against.join("/"), reached(found));
            (found.map(|found| found <= most), text)
        }
        Target::Flat(most, base) => {
            let base_of = |name| results.get(name, OURS);
            let found = base_of(bench.name).zip(base_of(base));
            let found = found.and_then(|(ours, base)| ours.ratio(base, Better::Higher));
            let found = found.map(|ratio| match bench.better {
                Better::Lower => ratio.median,
                Better::Higher => 1.0 / ratio.median,
            });
            (found.map(|found| found <= most), format!("{most}x {base}{}", reached(found)))
        }
    };
    match met {
        Some(true) => format!("met: {text}"),
        Some(false) => format!("MISSED: {text}"),
        None => text,
    }
}

/// Writes, behind a floor, the ratio it is judged by.
fn reached(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!(" ({})", times(ratio)))
}

/// Writes a ratio and below it what the rounds lie between.
fn spread_of(ratio: Spread) -> String {
    let Spread { median, min, max } = ratio;
    format!("{}\n{} .. {}", times(median), times(min), times(max))
}

/// Writes a ratio.
fn times(ratio: f64) -> String {
    if ratio.is_infinite() {
        return "none left".to_owned();
    }
    format!("{ratio:.2}x")
}

/// Writes a figure with three digits or so.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2} M", value / 1e6),
        size if size >= 1e4 => format!("{:.0} k", value / 1e3),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Sample;
    use std::time::Duration;

    const BENCHES: &[Bench] = &[
        Bench::throughput(
            "rate",
            "per s",
            &[OURS, "ractor", "kameo", "tokio"],
            &[
                Target::Times(6.0, &["ractor", "kameo"]),
                Target::Times(1.1, &["tokio"]),
                Target::Within(0.5, &["tokio"]),
            ],
        ),
        Bench::cost("faults", "count", &[OURS, "ractor"], &[Target::AtMost(0.0)]),
        Bench::cost("time", "ns", &[OURS], &[]),
        Bench::cost("time_large", "ns", &[OURS], &[Target::Flat(2.0, "time")]),
    ];
    const GROUP: Group = Group {
        name: "test",
        benches: BENCHES,
        floors: &["tokio"],
        time_max: Duration::MAX,
        measure: |_, _, _| Ok(Sample { value: 0.0, detail: None }),
    };

    fn results() -> Results {
        let mut results = Results::default();
        results.add("rate", OURS, &[30e6, 28e6, 31e6]);
        results.add("rate", "ractor", &[4e6, 4e6, 4e6]);
        results.add("rate", "kameo", &[3e6]);
        results.add("rate", "tokio", &[29e6]);
        results.add("faults", OURS, &[0.0]);
        results.add("faults", "ractor", &[200.0]);
        results.add("time", OURS, &[100.0]);
        results.add("time_large", OURS, &[250.0]);
        results
    }

    #[test]
    fn a_json_line_has_exactly_the_agreed_fields() {
        let text = json(&GROUP, &results()).unwrap();
        assert_eq!(
            text.lines().next(),
            Some(
                r#"{"group":"test","bench":"rate","subject":"foundation","value":30000000.0,"unit":"per s","better":"higher","min":28000000.0,"max":31000000.0,"rounds":3}"#
            )
        );
        assert_eq!(text.lines().count(), 8);
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn floors_are_judged_against_the_best_subject() {
        let [rate, faults, _, large] = BENCHES else { unreachable!("there are four") };
        let judge = |bench: &Bench, index: usize| floor(bench, bench.targets[index], &results());
        assert_eq!(judge(rate, 0), "met: 6x ractor/kameo (7.50x)");
        assert_eq!(judge(rate, 1), "MISSED: 1.1x tokio (1.03x)");
        assert_eq!(judge(rate, 2), "MISSED: within 0.5x of tokio (0.97x)");
        assert_eq!(judge(faults, 0), "met: at most 0");
        assert_eq!(judge(large, 0), "MISSED: 2x time (2.50x)");
    }

    #[test]
    fn without_our_figure_nothing_is_judged() {
        let mut peers = Results::default();
        peers.add("rate", "ractor", &[4e6]);
        assert_eq!(floor(&BENCHES[0], BENCHES[0].targets[0], &peers), "6x ractor/kameo");
        assert!(!table(&GROUP, &peers).contains("met"));
    }

    #[test]
    fn lower_is_better_turns_the_ratio_round() {
        assert!((Better::Lower.ratio(2.0, 8.0) - 4.0).abs() < f64::EPSILON);
        assert_eq!(times(Better::Lower.ratio(0.0, 200.0)), "none left");
        assert_eq!(times(Better::Lower.ratio(0.0, 0.0)), "1.00x");
    }

    #[test]
    fn figures_are_short() {
        let all = [32_360_000.0, 98_400.0, 531.0, 47.25, 0.0].map(short);
        assert_eq!(all, ["32.36 M", "98 k", "531", "47.2", "0"]);
    }
}
