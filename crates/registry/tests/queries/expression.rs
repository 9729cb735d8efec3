//! Queries made at random over the fields that the tests' entries have, with values that some of them carry.

use foundation_testkit::Swarm;

/// A path, and values that it is compared with: most of them somebody has.
const FIELDS: [(&str, &[&str]); 12] = [
    ("capability", &["all", "third", "rare", "nobody", "3"]),
    ("health", &["healthy", "degraded", "unhealthy", "1"]),
    ("type", &["agent", "service", "nothing"]),
    ("node", &["0", "0.0", "1", "here"]),
    ("name_node", &["0", "7", "7.5"]),
    ("namespace", &["agents", "tools"]),
    ("id", &["a-000003", "a-000050", "a-002000", "b"]),
    ("load", &["0.0", "0.25", "0.5", "0.9375", "low"]),
    ("resources.load", &["0", "0.125", "0.75"]),
    ("custom.shelf", &["0", "3", "7.0", "10", "\"3\""]),
    ("shelf", &["1", "4", "5.5"]),
    ("nothing", &["1", "x"]),
];
const OPERATORS: [&str; 9] = [":", ":", ":", ":", "!=", "<", "<=", ">", ">="];
/// Levels of AND, OR and NOT, of two parts each: 16 conditions at most.
const DEPTH_MAX: u32 = 4;

/// Makes the text of a filter.
pub(crate) fn filter(swarm: &mut Swarm) -> String {
    within(swarm, DEPTH_MAX)
}

/// Makes the text of an order and a limit.
pub(crate) fn order_and_limit(swarm: &mut Swarm) -> String {
    let one = |swarm: &mut Swarm| format!("{}{}", sign(swarm), field(swarm).0);
    let (first, limit) = (one(swarm), swarm.choose(&[0, 1, 2, 7, 64, 5_000]).copied());
    let limit = limit.expect("there are some");
    if swarm.chance(0.5) {
        return format!("order:{first} limit:{limit}");
    }
    format!("order:{first},{} limit:{limit}", one(swarm))
}

fn sign(swarm: &mut Swarm) -> &'static str {
    if swarm.chance(0.5) { "-" } else { "" }
}

fn within(swarm: &mut Swarm, depth: u32) -> String {
    if depth == 0 || swarm.chance(0.3) {
        return condition(swarm);
    }
    match swarm.range(0..=4) {
        0 | 1 => format!("({} {})", within(swarm, depth - 1), within(swarm, depth - 1)),
        2 | 3 => format!("({} OR {})", within(swarm, depth - 1), within(swarm, depth - 1)),
        _ => format!("NOT ({})", within(swarm, depth - 1)),
    }
}

fn condition(swarm: &mut Swarm) -> String {
    let (path, values) = field(swarm);
    let value = |swarm: &mut Swarm| *swarm.choose(values).expect("some");
    match swarm.range(0..=9) {
        0 => format!("has:{path}"),
        1 => format!("{path} in ({}, {})", value(swarm), value(swarm)),
        2 => format!("{path} not in ({}, {})", value(swarm), value(swarm)),
        3 if swarm.chance(0.2) => "*".to_owned(),
        _ => format!("{path}{}{}", swarm.choose(&OPERATORS).expect("some"), value(swarm)),
    }
}

/// One that has an index as often as another.
fn field(swarm: &mut Swarm) -> (&'static str, &'static [&'static str]) {
    let end = if swarm.chance(0.5) { 3 } else { FIELDS.len() - 1 };
    let at = usize::try_from(swarm.range(0..=end as u64)).expect("small");
    FIELDS.get(at).copied().expect("it is one of them")
}
