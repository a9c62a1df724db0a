//! Words of the file in messages: quoted safely, and compared with those that were probably meant.

/// The longest text from the file that a message repeats, in characters.
const QUOTED: usize = 60;
/// Longer texts than this are not compared with known words, in octets.
const COMPARED: usize = 64;

/// The known word that `text` was probably meant to be.
pub(super) fn similar<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if text.len() > COMPARED {
        return None;
    }
    let text = text.to_lowercase();
    // A third of the letters wrong, a swap counted once, is the most that still looks like a slip.
    let most = (text.chars().count() / 3).max(1);
    known
        .map(|word| (strsim::damerau_levenshtein(&text, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= most && *distance < word.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `text` in quotes as messages show it: without control characters, cut when long.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", cut(text))
}

/// `text` without control characters, cut when long.
pub(super) fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED).flat_map(shown).collect();
    if text.chars().nth(QUOTED).is_some() {
        shown.push('…');
    }
    shown
}

/// Letters of any script as they are; what would move the cursor or hide itself as an escape.
fn shown(letter: char) -> impl Iterator<Item = char> {
    let plain = letter == '"' || letter == '\'' || letter == '\\';
    let escaped = (!plain).then(|| letter.escape_debug());
    escaped.into_iter().flatten().chain(plain.then_some(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["name", "networks", "capacity"];
        let meant = |text| similar(text, known.into_iter());
        assert_eq!(meant("nmae"), Some("name"));
        assert_eq!(meant("Networks"), Some("networks"));
        assert_eq!(meant("network"), Some("networks"));
        assert_eq!(meant("capasity"), Some("capacity"));
        assert_eq!(meant("weight"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant(&"n".repeat(1000)), None);
    }

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(quoted("mx ö"), "\"mx ö\"");
        assert_eq!(quoted("a\u{1b}\n"), "\"a\\u{1b}\\n\"");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), QUOTED + 3);
    }
}
