//! `$GENERATE`, BIND's directive for records that differ by a number: its range and its templates.

use std::fmt::Write;

use super::bounds::{MAX_GENERATED_OCTETS, MAX_GENERATED_WIDTH};
use super::fields::number;
use super::findings::{Finding, quote};
use super::head::Head;
use super::lexer::{Spot, Token};

/// How the directive is written, for remedies.
const EXAMPLE: &str = "$GENERATE 1-254 host$ A 192.0.2.$";

/// What `$GENERATE range owner [ttl] [class] type data` says.
#[derive(Debug)]
pub(super) struct Generate {
    /// The numbers.
    pub(super) range: Range,
    owner: Template,
    /// TTL, class and type between spaces.
    middle: String,
    data: Template,
}

impl Generate {
    /// Reads what stands behind the directive.
    ///
    /// # Errors
    /// What is wrong, and where; nowhere is the directive itself.
    pub(super) fn read(arguments: &[Token<'_>]) -> Result<Self, (Option<Spot>, Finding)> {
        let [range, owner, rest @ ..] = arguments else {
            let finding = Finding::error("$GENERATE without range, owner, type and data", EXAMPLE, remedy());
            return Err((None, finding));
        };
        let at = |token: &Token<'_>| {
            let spot = token.spot;
            move |finding| (Some(spot), finding)
        };
        let head = Head::read(rest)?;
        let data = match head.data {
            [data] if data.quoted => Template::read(&unquoted(data.raw)).map_err(at(data))?,
            [data] => Template::read(data.raw).map_err(at(data))?,
            data => {
                let what = format!("{} values as the data of $GENERATE", data.len());
                let remedy = "put the data in quotes, as in $GENERATE 1-9 host$ MX \"10 mx$\"";
                return Err((data.first().map(|data| data.spot), Finding::error(what, "one value", remedy)));
            }
        };
        let words: Vec<&str> = rest.iter().take(rest.len() - 1).map(|token| token.raw).collect();
        Ok(Self {
            range: Range::read(range.raw).map_err(at(range))?,
            owner: Template::read(owner.raw).map_err(at(owner))?,
            middle: format!(" {} ", words.join(" ")),
            data,
        })
    }

    /// The record of `number`.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn line(&self, number: u32) -> Result<String, Finding> {
        let mut line = String::new();
        self.owner.write(number, &mut line)?;
        line.push_str(&self.middle);
        self.data.write(number, &mut line)?;
        Ok(line)
    }
}

fn remedy() -> String {
    format!("write it as in {EXAMPLE}")
}

/// The numbers that a template is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    start: u32,
    stop: u32,
    step: u32,
}

impl Range {
    /// Reads `start-stop` or `start-stop/step`.
    fn read(word: &str) -> Result<Self, Finding> {
        Self::of(word).ok_or_else(|| {
            let what = format!("the range {}", quote(word));
            let expected = "start-stop or start-stop/step, with start at most stop, and 1 to 2147483647 as step";
            Finding::error(what, expected, remedy())
        })
    }

    fn of(word: &str) -> Option<Self> {
        let (ends, step) = word.split_once('/').unwrap_or((word, "1"));
        let (start, stop) = ends.split_once('-')?;
        let bounded = |word| number(word).filter(|number: &u32| i32::try_from(*number).is_ok());
        let range = Self { start: bounded(start)?, stop: bounded(stop)?, step: bounded(step)? };
        (range.start <= range.stop && range.step > 0).then_some(range)
    }

    /// How many numbers there are.
    pub(super) const fn len(self) -> usize {
        ((self.stop - self.start) / self.step) as usize + 1
    }

    /// The numbers.
    pub(super) fn numbers(self) -> impl Iterator<Item = u32> {
        let Self { start, stop, step } = self;
        std::iter::successors(Some(start), move |number| number.checked_add(step).filter(|next| *next <= stop))
    }
}

/// A text with places for a number.
#[derive(Debug, PartialEq, Eq)]
struct Template(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Number { offset: i64, width: usize, base: Base },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Decimal,
    Octal,
    Hexadecimal,
    UpperHexadecimal,
    /// Hexadecimal digits from the last to the first with dots between, as names below ip6.arpa have them.
    Nibbles,
    UpperNibbles,
}

impl Template {
    /// Reads a text where `$` or `${offset,width,base}` stand for the number, and `\$` or `$$` for a dollar sign.
    fn read(raw: &str) -> Result<Self, Finding> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = raw;
        while let Some(at) = rest.find(['$', '\\']) {
            let (before, found) = rest.split_at_checked(at).unwrap_or((rest, ""));
            text.push_str(before);
            if found.starts_with('\\') {
                // The escape is for the reader of the record.
                let length = 1 + found.chars().nth(1).map_or(0, char::len_utf8);
                text.push_str(found.get(..length).unwrap_or(found));
                rest = found.get(length..).unwrap_or_default();
            } else if let Some(after) = found.strip_prefix("$$") {
                text.push('$');
                rest = after;
            } else {
                parts.push(Part::Text(std::mem::take(&mut text)));
                let (part, after) = match found.strip_prefix("${") {
                    None => (Part::plain(), found.get(1..).unwrap_or_default()),
                    Some(inner) => Part::modified(inner).ok_or_else(|| modifier(found))?,
                };
                parts.push(part);
                rest = after;
            }
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Ok(Self(parts))
    }

    /// Appends the text with `number` at its places to `line`.
    fn write(&self, number: u32, line: &mut String) -> Result<(), Finding> {
        let start = line.len();
        for part in &self.0 {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Number { offset, width, base } => {
                    let value = i64::from(number) + offset;
                    let unsigned = u32::try_from(value);
                    // Writing to a string cannot fail.
                    let _ = match (base, unsigned) {
                        (Base::Decimal, _) => write!(line, "{value:0width$}"),
                        (_, Err(_)) => {
                            let what = format!("the number {value} in base 8 or 16");
                            let remedy = "raise the offset, or start the range higher";
                            return Err(Finding::error(what, "0 to 4294967295", remedy));
                        }
                        (Base::Octal, Ok(value)) => write!(line, "{value:0width$o}"),
                        (Base::Hexadecimal, Ok(value)) => write!(line, "{value:0width$x}"),
                        (Base::UpperHexadecimal, Ok(value)) => write!(line, "{value:0width$X}"),
                        (Base::Nibbles, Ok(value)) => write!(line, "{}", nibbles(value, *width)),
                        (Base::UpperNibbles, Ok(value)) => {
                            write!(line, "{}", nibbles(value, *width).to_ascii_uppercase())
                        }
                    };
                }
            }
            if line.len() - start > MAX_GENERATED_OCTETS {
                let what = format!("a generated text of more than {MAX_GENERATED_OCTETS} octets");
                return Err(Finding::error(what, "a shorter one", "write the records out"));
            }
        }
        Ok(())
    }
}

impl Part {
    const fn plain() -> Self {
        Self::Number { offset: 0, width: 0, base: Base::Decimal }
    }

    /// The part behind `${`, and the text behind its `}`.
    fn modified(inner: &str) -> Option<(Self, &str)> {
        let (inner, after) = inner.split_once('}')?;
        let mut values = inner.split(',');
        let offset = values.next()?;
        let (sign, digits) = match offset.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, offset.strip_prefix('+').unwrap_or(offset)),
        };
        let offset = sign * i64::from(number::<i32>(digits)?);
        let width = values.next().map_or(Some(0), number)?;
        let base = match values.next() {
            None | Some("d") => Base::Decimal,
            Some("o") => Base::Octal,
            Some("x") => Base::Hexadecimal,
            Some("X") => Base::UpperHexadecimal,
            Some("n") => Base::Nibbles,
            Some("N") => Base::UpperNibbles,
            Some(_) => return None,
        };
        let is_good = width <= MAX_GENERATED_WIDTH && values.next().is_none();
        is_good.then_some((Self::Number { offset, width, base }, after))
    }
}

/// A part that stands for no number.
fn modifier(found: &str) -> Finding {
    let whole = found.split_inclusive('}').next().unwrap_or(found);
    let expected =
        format!("${{offset,width,base}} with a width up to {MAX_GENERATED_WIDTH} and a base of d, o, x, X, n or N");
    Finding::error(quote(whole), expected, "write it as in ${0,3,d}, or \\$ for a dollar sign")
}

/// Digits of base 16 from the last to the first with dots between, `width` octets with the dots, or more where the
/// number needs them. An even width ends with a dot, as BIND has it.
fn nibbles(mut value: u32, mut width: usize) -> String {
    let mut text = String::new();
    loop {
        let _ = write!(text, "{:x}", value & 0xf);
        value >>= 4;
        width = width.saturating_sub(1);
        if width > 0 || value != 0 {
            text.push('.');
            width = width.saturating_sub(1);
        }
        if width == 0 && value == 0 {
            return text;
        }
    }
}

/// The value of a quoted right side: quotes in it are written with a backslash, and end up as quotes of the record.
fn unquoted(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\\' && characters.peek() != Some(&'"') {
            text.push(character);
            text.extend(characters.next());
        } else if character != '\\' {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expand(template: &str, number: u32) -> Option<String> {
        let mut line = String::new();
        Template::read(template).ok()?.write(number, &mut line).ok()?;
        Some(line)
    }

    #[test]
    fn a_range_has_two_ends_and_a_step() {
        let numbers = |word: &str| Range::read(word).ok().map(|range| range.numbers().collect::<Vec<_>>());
        assert_eq!(numbers("1-3"), Some(vec![1, 2, 3]));
        assert_eq!(numbers("0-5/2"), Some(vec![0, 2, 4]));
        assert_eq!(numbers("7-7/9"), Some(vec![7]));
        assert_eq!(numbers("2147483646-2147483647/2147483647"), Some(vec![2_147_483_646]));
        for word in ["", "1", "3-1", "1-3/0", "a-3", "1-3x", "-1-3", "1-", "1-2147483648", "1-2/", "1-2/3/4", "1--2"] {
            assert_eq!(numbers(word), None, "{word}");
        }
    }

    #[test]
    fn a_template_is_filled_as_bind_does() {
        for (template, number, text) in [
            ("h$", 7, "h7"),
            ("h${10,5,d}x$", 1, "h00011x1"),
            ("${-1}", 0, "-1"),
            ("${+1,2}", 1, "02"),
            ("${0,4,x}-${0,0,X}-${0,3,o}", 171, "00ab-AB-253"),
            ("${0,3,n}", 10, "a.0"),
            ("${0,4,n}", 10, "a.0."),
            ("${0,0,N}", 0x1ab, "B.A.1"),
            ("$$x\\$y\\\\$", 3, "$x\\$y\\\\3"),
            ("\\", 3, "\\"),
        ] {
            assert_eq!(expand(template, number).as_deref(), Some(text), "{template}");
        }
        for template in ["${", "${}", "${,}", "${0,3,q}", "${0,3", "${0x10}", "${0,128}", "${0,1,d,}", "${-1,1,x}"] {
            assert_eq!(expand(template, 0), None, "{template}");
        }
    }

    #[test]
    fn quotes_behind_backslashes_become_quotes() {
        assert_eq!(unquoted("\\\"a b\\\" \\\\ \\$ \\; c"), "\"a b\" \\\\ \\$ \\; c");
    }

    proptest! {
        #[test]
        fn any_template_and_number_end(template in "[$\\\\{},0-9dxnNo\"a\u{e9}-]{0,20}", number in 0_u32..=0x7fff_ffff) {
            let text = expand(&unquoted(&template), number).unwrap_or_default();
            prop_assert!(text.len() <= MAX_GENERATED_OCTETS + 255);
        }
    }
}
