//! Prometheus: a number from a page of metrics, held against thresholds.

use std::collections::BTreeMap;

use async_trait::async_trait;
use reqwest::Response;
use tokio::time::timeout_at;

use super::Target;
use super::bounds::{METRICS_BODY, METRICS_LINE, METRICS_PAIRS};
use super::check::{Conversation, Notes, Place};
use super::exposition::{Lines, Sample, sample_of};
use super::http::{Answered, Client, HttpProbe, of_error, out_of_time};
use super::reading::judge_number;
use super::transcript::{Speaker, Transcript};
use crate::health::Outcome;
use crate::model::{Combine, PrometheusCheck, Series};

/// The format that is asked for: exporters of later ones send this where nothing else is accepted.
const ACCEPT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";

/// A Prometheus monitor applied to a target.
#[derive(Debug)]
pub(super) struct PrometheusProbe {
    page: HttpProbe,
    check: PrometheusCheck,
    /// The value in words.
    what: String,
}

impl PrometheusProbe {
    pub(super) fn new(check: &PrometheusCheck, target: &Target) -> Self {
        let what = match &check.divide_by {
            Some(divisor) => format!("{} / {divisor}", check.series),
            None => check.series.to_string(),
        };
        Self { page: HttpProbe::new(&check.page, target), check: check.clone(), what }
    }

    async fn converse(&self, client: &Client, transcript: &mut Transcript) -> Result<Outcome, Outcome> {
        let Answered { response, trouble } = self.page.get(Some(ACCEPT), client, transcript).await?;
        let mut gathering = Gathering::new(&self.check);
        let too_long = read(response, |line| gathering.take(line)).await?;
        if too_long > 0 {
            let note = format!("{too_long} lines of more than {METRICS_LINE} octets are left out");
            transcript.push(Speaker::Note, note.as_bytes());
        }
        let (levels, missing) = (self.check.levels, self.check.missing);
        let outcome = judge_number(&self.what, gathering.value(), levels, missing, transcript);
        Ok(match (outcome, trouble) {
            (Outcome::Ok, Some(trouble)) => trouble.outcome(),
            (outcome, _) => outcome,
        })
    }
}

#[async_trait]
impl Conversation for PrometheusProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        let client = match self.page.client(place).await {
            Ok(client) => client,
            Err(ended) => return ended,
        };
        let outcome = timeout_at(place.deadline, self.converse(&client, &mut notes.transcript)).await;
        outcome.unwrap_or_else(|_| Err(out_of_time())).unwrap_or_else(|ended| ended)
    }
}

/// Reads the page line by line; says how many lines were too long.
async fn read(mut response: Response, mut each: impl FnMut(&[u8])) -> Result<usize, Outcome> {
    let (mut lines, mut octets) = (Lines::default(), 0);
    while let Some(piece) = response.chunk().await.map_err(|error| of_error(&error))? {
        octets += piece.len();
        if octets > METRICS_BODY {
            // A bound of ours, not a fault of the endpoint.
            let why = format!("the page of metrics has more than {METRICS_BODY} octets, and the rest is not read");
            return Err(Outcome::Deferring(why));
        }
        lines.feed(&piece, &mut each);
    }
    Ok(lines.finish(each))
}

/// What is kept of a page.
struct Gathering<'c> {
    check: &'c PrometheusCheck,
    counted: Tally,
    divisors: Tally,
}

/// The samples of one selector.
#[derive(Default)]
struct Tally {
    /// All values together, those that are no numbers left out.
    folded: Option<f64>,
    /// Each by its labels, where pairs are to be made.
    each: BTreeMap<Vec<(String, String)>, f64>,
    matched: usize,
}

impl<'c> Gathering<'c> {
    fn new(check: &'c PrometheusCheck) -> Self {
        Self { check, counted: Tally::default(), divisors: Tally::default() }
    }

    fn take(&mut self, line: &[u8]) {
        let combine = self.check.combine;
        let pairs = self.check.divide_by.is_some() && combine != Combine::Sum;
        let selectors =
            [(Some(&self.check.series), &mut self.counted), (self.check.divide_by.as_ref(), &mut self.divisors)];
        for (selector, tally) in selectors {
            let Some(selector) = selector else { continue };
            if let Some(sample) = sample_of(&selector.name, line).filter(|sample| selector.matches(&sample.series)) {
                tally.add(sample, combine, pairs);
            }
        }
    }

    /// The value, or why there is none.
    fn value(&self) -> Result<f64, String> {
        let Some(divisor) = &self.check.divide_by else { return self.counted.value(&self.check.series) };
        let (counted, by) = (self.counted.value(&self.check.series)?, self.divisors.value(divisor)?);
        if self.check.combine == Combine::Sum {
            return divided(counted, by).ok_or_else(|| format!("{divisor} is {by}"));
        }
        if self.counted.each.len().max(self.divisors.each.len()) > METRICS_PAIRS {
            return Err(format!("more than {METRICS_PAIRS} series match; name more labels"));
        }
        // A single divisor is that of all; else each has the one with the same labels.
        let single = if self.divisors.matched == 1 { Some(by) } else { None };
        let divisor_of = |labels| self.divisors.each.get(labels).copied().or(single);
        let ratios = self.counted.each.iter().filter_map(|(labels, value)| divided(*value, divisor_of(labels)?));
        ratios
            .reduce(|one, other| self.check.combine.fold(one, other))
            .ok_or_else(|| format!("no {divisor} with the labels of {} is above or below 0", self.check.series))
    }
}

impl Tally {
    fn add(&mut self, sample: Sample, combine: Combine, keep: bool) {
        self.matched = self.matched.saturating_add(1);
        if sample.value.is_nan() {
            return;
        }
        self.folded = Some(self.folded.map_or(sample.value, |folded| combine.fold(folded, sample.value)));
        // One more than is allowed tells that there are too many.
        if keep && self.each.len() <= METRICS_PAIRS {
            self.each.insert(sample.series.labels, sample.value);
        }
    }

    fn value(&self, selector: &Series) -> Result<f64, String> {
        self.folded.filter(|value| !value.is_nan()).ok_or_else(|| match self.matched {
            0 => format!("there is no {selector} on the page"),
            _ => format!("{selector} is not a number"),
        })
    }
}

fn divided(value: f64, by: f64) -> Option<f64> {
    let ratio = value / by;
    (!ratio.is_nan() && by != 0.0).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HttpCheck, Levels, Missing, TlsMode, TlsPolicy};

    fn check(series: &str, combine: Combine, divide_by: Option<&str>) -> PrometheusCheck {
        let tls = TlsPolicy {
            mode: TlsMode::Off,
            verify: true,
            ca: None,
            name: None,
            expiry_warning: std::time::Duration::ZERO,
        };
        PrometheusCheck {
            page: HttpCheck { host: None, path: "/metrics".into(), status: vec![], body: None, tls },
            series: series.parse().unwrap(),
            combine,
            divide_by: divide_by.map(|series| series.parse().unwrap()),
            levels: Levels::default(),
            missing: Missing::Defer,
        }
    }

    fn value(page: &str, check: &PrometheusCheck) -> Result<f64, String> {
        let mut gathering = Gathering::new(check);
        page.lines().for_each(|line| gathering.take(line.as_bytes()));
        gathering.value()
    }

    const PAGE: &str = "\
# HELP avail free octets
avail{fs=\"/\"} 10
avail{fs=\"/var\"} 30
avail{fs=\"/proc\"} 0
size{fs=\"/\"} 100
size{fs=\"/var\"} 40
size{fs=\"/proc\"} 0
total 400
broken NaN
";

    #[test]
    fn several_series_are_combined_as_configured() {
        for (combine, expected) in [(Combine::Max, 30.0), (Combine::Min, 0.0), (Combine::Sum, 40.0)] {
            assert_eq!(value(PAGE, &check("avail", combine, None)), Ok(expected));
        }
        assert_eq!(value(PAGE, &check("avail{fs=\"/\"}", Combine::Max, None)), Ok(10.0));
    }

    #[test]
    fn each_series_is_divided_by_the_one_with_its_labels() {
        let ratio = |combine| value(PAGE, &check("avail", combine, Some("size")));
        // Nothing is said of a file system without size.
        assert_eq!(ratio(Combine::Min), Ok(0.1));
        assert_eq!(ratio(Combine::Max), Ok(0.75));
        assert!((ratio(Combine::Sum).unwrap() - 40.0 / 140.0).abs() < 1e-9);
        assert_eq!(value(PAGE, &check("avail", Combine::Max, Some("total"))), Ok(30.0 / 400.0));
    }

    #[test]
    fn a_value_that_cannot_be_found_says_why() {
        let why = |series, by| value(PAGE, &check(series, Combine::Max, by)).unwrap_err();
        assert_eq!(why("avail{fs=\"/home\"}", None), "there is no avail{fs=\"/home\"} on the page");
        assert_eq!(why("broken", None), "broken is not a number");
        assert_eq!(why("total", Some("nothing")), "there is no nothing on the page");
        assert!(why("avail{fs=\"/proc\"}", Some("size")).contains("above or below 0"));
        let many: String = (0..=METRICS_PAIRS).map(|n| format!("m{{n=\"{n}\"}} 1\n")).collect();
        assert!(value(&many, &check("m", Combine::Max, Some("m"))).unwrap_err().contains("more than 1024"));
        assert_eq!(value(&many, &check("m", Combine::Sum, None)), Ok(1025.0));
    }
}
