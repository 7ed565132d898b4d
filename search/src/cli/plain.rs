//! Text for a terminal: what data, runs and workers say cannot move its cursor, change its colors or turn its lines.

/// `text` with a replacement character for every control character but line ends and tabs, and for the marks that
/// change the direction of writing.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect()
}

/// `1 trial`, `2 trials`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn is_plain(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    matches!(c, '\n' | '\t') || !(c.is_control() || turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_defused_and_writing_is_left_alone() {
        assert_eq!(plain("\u{1b}[2J\u{9b}1m\r\u{7}\u{7f}"), "\u{fffd}[2J\u{fffd}1m\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(plain("a\u{202e}b\u{2066}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(plain("mamba+glu ×2 · gru ↔\n\té日本"), "mamba+glu ×2 · gru ↔\n\té日本");
    }
}
