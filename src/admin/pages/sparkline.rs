//! Sparklines: the last probes of an endpoint as a line, with a bar where one failed. The label says the same.

use std::fmt::Write;

use crate::admin::api::ProbeHistory;

/// Size in CSS pixels, and the room that is left around the line for its stroke.
const WIDTH: f64 = 128.0;
const HEIGHT: f64 = 24.0;
const MARGIN: f64 = 3.0;

/// A line of latencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sparkline {
    /// SVG path of the probes that were answered; a gap where one failed.
    pub(super) line: String,
    /// SVG path of a bar for every probe that failed.
    pub(super) failures: String,
    /// What the picture says.
    pub(super) label: String,
}

impl Sparkline {
    /// The line of `history`; `None` before the first probe.
    pub(super) fn new(history: &ProbeHistory) -> Option<Self> {
        let samples = &history.samples;
        let last = u32::try_from(samples.len()).ok()?.checked_sub(1)?;
        let answered = || samples.iter().flatten().copied().filter(|latency| latency.is_finite());
        let most = answered().fold(0.0, f64::max);
        let x = |position: u32| {
            let part = if last == 0 { 1.0 } else { f64::from(position) / f64::from(last) };
            MARGIN + part * (WIDTH - 2.0 * MARGIN)
        };
        // From zero up: a line that fills its height whatever it shows would make noise look like trouble.
        let y = |latency: f64| {
            let part = if most > 0.0 { latency / most } else { 0.0 };
            HEIGHT - MARGIN - part * (HEIGHT - 2.0 * MARGIN)
        };
        let (mut line, mut failures, mut is_drawing) = (String::new(), String::new(), false);
        for (position, sample) in (0_u32..).zip(samples) {
            let x = x(position);
            // Writing to a string does not fail.
            let _written = match sample.filter(|latency| latency.is_finite()) {
                Some(latency) => {
                    let step = if is_drawing { 'L' } else { 'M' };
                    is_drawing = true;
                    write!(line, "{step}{x:.1} {:.1}", y(latency))
                }
                None => {
                    is_drawing = false;
                    write!(failures, "M{x:.1} 4v16")
                }
            };
        }
        let failed = samples.len().saturating_sub(answered().count());
        Some(Self { line, failures, label: label(samples.len(), failed, answered()) })
    }
}

fn label(count: usize, failed: usize, answered: impl Iterator<Item = f64>) -> String {
    let failed = if failed == 0 { "none failed".to_owned() } else { format!("{failed} failed") };
    let range = answered.fold(None, |range: Option<(f64, f64)>, latency| {
        Some(range.map_or((latency, latency), |(least, most)| (least.min(latency), most.max(latency))))
    });
    match range {
        Some((least, most)) => format!("last {count} probes: {failed}, {least:.1} to {most:.1} ms"),
        None => format!("last {count} probes: {failed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: &[Option<f64>]) -> Option<Sparkline> {
        Sparkline::new(&ProbeHistory { monitor: "smtp".into(), samples: samples.to_vec() })
    }

    #[test]
    fn a_failed_probe_is_a_gap_with_a_bar_and_is_counted() {
        let spark = of(&[Some(1.0), Some(2.0), None, Some(4.0)]).unwrap();
        assert_eq!(spark.label, "last 4 probes: 1 failed, 1.0 to 4.0 ms");
        assert_eq!(spark.line.matches('M').count(), 2, "{}", spark.line);
        assert_eq!(spark.failures.matches('M').count(), 1);
        assert!(spark.line.ends_with("125.0 3.0"), "the highest reaches the top: {}", spark.line);
    }

    #[test]
    fn there_may_be_nothing_or_only_trouble_to_draw() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[None, None]).unwrap().label, "last 2 probes: 2 failed");
        for odd in [f64::NAN, f64::INFINITY, 0.0] {
            let spark = of(&[Some(odd)]).unwrap();
            assert!(!format!("{spark:?}").contains("NaN") && !spark.line.contains("inf"), "{spark:?}");
        }
    }
}
