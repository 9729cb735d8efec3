//! The few parts of Markdown that are read: links, code, headings, marked blocks.

#[cfg(test)]
mod tests;

/// A link and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link<'a> {
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// What stands between the parentheses, without a title.
    pub(crate) target: &'a str,
}

/// Returns all links outside code: `[text](target)`, images, and `[name]: target`.
pub(crate) fn links(text: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    for (line, text, in_block) in lines(text) {
        if in_block {
            continue;
        }
        // Every second part between backticks is code.
        let mut from = 0;
        let mut in_code = false;
        for part in text.split_inclusive('`') {
            let prose = if in_code { "" } else { part };
            for (at, _) in prose.match_indices("](") {
                let rest = text.get(from + at + 2..).unwrap_or_default();
                let target = rest.split([')', ' ']).next().unwrap_or_default();
                links.push(Link { line, target: target.trim_matches(['<', '>']) });
            }
            from += part.len();
            in_code = !in_code;
        }
        let definition = text.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        if let Some((_, target)) = definition {
            let target = target.split_whitespace().next().unwrap_or_default();
            links.push(Link { line, target });
        }
    }
    links
}

/// Returns every word of inline code and of code blocks, with its line.
///
/// A word with a placeholder (`<name>`, `*`, `{}`) names nothing and is left out.
pub(crate) fn code_words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, text, in_block) in lines(text) {
        let parts = text.split('`').enumerate();
        let code = parts.filter(|(index, _)| in_block || index % 2 == 1).map(|(_, part)| part);
        for word in code.flat_map(str::split_whitespace) {
            let word = word.trim_matches(['"', '\'', ',', ';', '(', ')', '[', ']', '.']);
            if !word.contains(['<', '>', '*', '{', '$', '…']) && !word.contains("://") {
                found.push((line, word));
            }
        }
    }
    found
}

/// Returns the names under which the headings can be linked, by the rule of common hosts.
pub(crate) fn headings(text: &str) -> impl Iterator<Item = String> {
    lines(text).filter(|(_, text, in_block)| !in_block && text.starts_with('#')).map(
        |(_, text, _)| {
            let title = text.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|sign| sign.is_alphanumeric() || " -_".contains(*sign));
            kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect()
        },
    )
}

/// Returns the lines of the first code block after the line `<!-- marker -->`.
pub(crate) fn marked_block<'a>(text: &'a str, marker: &str) -> Option<Vec<&'a str>> {
    let marker = format!("<!-- {marker} -->");
    let mut rest = text.lines().skip_while(|line| line.trim() != marker);
    rest.next()?;
    let mut rest = rest.skip_while(|line| line.trim().is_empty());
    rest.next().filter(|line| line.trim_start().starts_with("```"))?;
    let block: Vec<&str> = rest.take_while(|line| line.trim() != "```").map(str::trim).collect();
    Some(block.into_iter().filter(|line| !line.is_empty() && !line.starts_with('#')).collect())
}

/// Iterates over lines with their number and whether they stand in a fenced block.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str, bool)> {
    let mut in_block = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            return None;
        }
        Some((index + 1, line, in_block))
    })
}
