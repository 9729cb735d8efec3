//! "Did you mean": the known word nearest to an unknown one.

#[cfg(test)]
mod tests;

/// Bytes in the longest word that is compared; the comparison takes quadratic time.
const WORD_BYTES_MAX: usize = 128;

/// Returns the candidate nearest to a word, or `None` if none is near: at most a third of the word's
/// characters may differ. Of several equally near ones the first counts.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= WORD_BYTES_MAX)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Counts the insertions, deletions, replacements and swaps of neighbours that turn one word into the
/// other (optimal string alignment, the restricted form of Damerau 1964).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut left_before = None;
    for (row, l) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut right_before = None;
        for (column, r) in right.iter().copied().enumerate() {
            let cell =
                |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let replaced = cell(&above, column) + usize::from(l != r);
            let removed = cell(&above, column + 1) + 1;
            let inserted = cell(&current, column) + 1;
            let mut best = replaced.min(removed).min(inserted);
            if left_before == Some(r) && right_before == Some(l) && column > 0 {
                best = best.min(cell(&before, column - 1) + 1);
            }
            current.push(best);
            right_before = Some(r);
        }
        before = std::mem::replace(&mut above, current);
        left_before = Some(l);
    }
    above.last().copied().unwrap_or(0)
}
