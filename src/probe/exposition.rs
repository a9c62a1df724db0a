//! The Prometheus text exposition format, version 0.0.4: samples from a page that comes in pieces.

use super::bounds::METRICS_LINE;
use crate::model::Series;

/// One sample: a series and its value. Its timestamp and exemplar are of no use to a probe.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) series: Series,
    pub(super) value: f64,
}

/// The sample of a line about the metric called `name`; `None` for other metrics, comments, and what is no sample.
pub(super) fn sample_of(name: &str, line: &[u8]) -> Option<Sample> {
    let line = line.trim_ascii();
    // Nearly all lines end here.
    if !line.starts_with(name.as_bytes()) {
        return None;
    }
    let (series, rest) = Series::read(std::str::from_utf8(line).ok()?).ok()?;
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = number(words.next()?)?;
    let well_followed = words.next().is_none_or(|next| next.starts_with('#') || number(next).is_some());
    (series.name == name && well_followed).then_some(Sample { series, value })
}

/// A number as Go writes it: also `NaN`, `+Inf` and `-Inf`.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Cuts a page into lines; keeps at most one line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    /// Whether the line that arrives is too long already.
    beyond: bool,
    /// Lines that were longer than [`METRICS_LINE`], and are left out.
    too_long: usize,
}

impl Lines {
    /// Takes the next piece of the page and gives every line that it completes.
    pub(super) fn feed(&mut self, piece: &[u8], mut each: impl FnMut(&[u8])) {
        let mut parts = piece.split(|octet| *octet == b'\n').peekable();
        while let Some(part) = parts.next() {
            let ends = parts.peek().is_some();
            if ends && self.pending.is_empty() && !self.beyond && part.len() <= METRICS_LINE {
                each(part);
                continue;
            }
            self.beyond |= self.pending.len() + part.len() > METRICS_LINE;
            if !self.beyond {
                self.pending.extend_from_slice(part);
            }
            if ends {
                self.complete(&mut each);
            }
        }
    }

    /// Gives the last line, which need not have an end, and says how many lines were too long.
    pub(super) fn finish(mut self, mut each: impl FnMut(&[u8])) -> usize {
        self.complete(&mut each);
        self.too_long
    }

    fn complete(&mut self, each: &mut impl FnMut(&[u8])) {
        if std::mem::take(&mut self.beyond) {
            self.too_long += 1;
        } else {
            each(&self.pending);
        }
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(line: &str) -> Option<f64> {
        sample_of("q", line.as_bytes()).map(|sample| sample.value)
    }

    #[test]
    fn samples_are_read_as_exporters_write_them() {
        assert_eq!(value("q 12"), Some(12.0));
        assert_eq!(value("  q{a=\"b\"}\t-1.5e3 1395066363000  "), Some(-1500.0));
        assert_eq!(value("q{a=\"} 7\"} +Inf"), Some(f64::INFINITY));
        assert_eq!(value("q{} -Inf"), Some(f64::NEG_INFINITY));
        assert!(value("q NaN").is_some_and(f64::is_nan));
        assert_eq!(value("q 5 # {trace_id=\"x\"} 1 1395066363"), Some(5.0));
        assert_eq!(value("q 5\r"), Some(5.0));
        for other in ["", "# q 5", "# HELP q the queue", "q", "q five", "qq 5", "q_total 5", "q{a=\"b\" 5", "q 5 five"]
        {
            assert_eq!(value(other), None, "{other}");
        }
        assert_eq!(sample_of("q", b"q{a=\"\xff\"} 5"), None);
    }

    fn lines(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, usize) {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.feed(piece, |line| all.push(line.to_vec()));
        }
        let too_long = lines.finish(|line| all.push(line.to_vec()));
        (all, too_long)
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_those_around_it_are_not() {
        let long = vec![b'x'; METRICS_LINE + 1];
        let text = [b"a\n", long.as_slice(), b"\nb\n", &long].concat();
        let expected = (vec![b"a".to_vec(), b"b".to_vec()], 2);
        assert_eq!(lines(&[&text]), expected);
        assert_eq!(lines(&text.chunks(1000).collect::<Vec<_>>()), expected);
    }

    proptest! {
        #[test]
        fn a_page_has_the_same_lines_wherever_it_is_cut(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200), size in 1_usize..50,
        ) {
            let whole: Vec<Vec<u8>> = text.split(|octet| *octet == b'\n').map(<[u8]>::to_vec).collect();
            prop_assert_eq!(lines(&text.chunks(size).collect::<Vec<_>>()), (whole, 0));
        }

        #[test]
        fn any_line_is_a_sample_or_none(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let line = [b"q".as_slice(), &line].concat();
            if let Some(sample) = sample_of("q", &line) {
                prop_assert_eq!(sample.series.name, "q");
            }
        }

        #[test]
        fn what_is_written_is_read_again(
            labels in prop::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,5}", "[^\\n]*", 0..4),
            value in any::<f64>(), timestamp in prop::option::of(any::<i64>()),
        ) {
            let series = Series { name: "q".into(), labels: labels.into_iter().collect() };
            let timestamp = timestamp.map_or(String::new(), |timestamp| format!(" {timestamp}"));
            let sample = sample_of("q", format!("{series} {value}{timestamp}").as_bytes()).unwrap();
            prop_assert_eq!(sample.series, series);
            prop_assert!(sample.value == value || value.is_nan() && sample.value.is_nan());
        }
    }
}
