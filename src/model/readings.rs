//! Readings: the checks of monitors that read a number or a word, and the thresholds that numbers are held against.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{HttpCheck, Series};

/// What a Prometheus monitor asks of an exporter.
#[derive(Clone, Debug, PartialEq)]
pub struct PrometheusCheck {
    /// The page of metrics.
    pub page: HttpCheck,
    /// Which samples count.
    pub series: Series,
    /// What becomes of several.
    pub combine: Combine,
    /// The value is divided by these samples.
    pub divide_by: Option<Series>,
    /// What the value is held against.
    pub levels: Levels,
    /// What it means that there is no value.
    pub missing: Missing,
}

/// What a JSON monitor asks of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonCheck {
    /// The document.
    pub page: HttpCheck,
    /// Where in it the value is.
    pub pointer: JsonPointer,
    /// What the value must be.
    pub expected: Expected,
    /// What it means that there is no such value.
    pub missing: Missing,
}

/// What an agent monitor asks of an agent: one line of HAProxy's agent check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentCheck {
    /// A line sent before the answer is read.
    pub send: Option<String>,
}

/// A command in the convention of Nagios plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecCheck {
    /// Absolute path of the program.
    pub program: PathBuf,
    /// Its arguments; `{address}`, `{port}`, `{host}` and `{service}` inside stand for those of the probe.
    pub arguments: Vec<String>,
    /// The system user that it runs as; `None` is the node's own, or `nobody` where that is root.
    pub user: Option<String>,
}

/// What a value in a JSON document must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// A number within levels.
    Number(Levels),
    /// This text.
    Text(String),
    /// This truth value.
    Boolean(bool),
}

/// What becomes of the values of several series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combine {
    /// The largest counts.
    #[default]
    Max,
    /// The smallest counts.
    Min,
    /// All are added.
    Sum,
}

impl Combine {
    /// The value of `one` and `other` together.
    #[must_use]
    pub fn fold(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Max => one.max(other),
            Self::Min => one.min(other),
            Self::Sum => one + other,
        }
    }
}

/// What it means for an endpoint that a value cannot be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// It is deferring.
    #[default]
    Defer,
    /// It has failed.
    Fail,
    /// Nothing.
    Ok,
}

/// When a number is trouble, and when it is failure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// Met, the endpoint is deferring.
    pub warn: Option<Threshold>,
    /// Met, it has failed.
    pub fail: Option<Threshold>,
}

/// A threshold that a number can meet: `> 500`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// How the number is compared.
    pub comparison: Comparison,
    /// With what; finite.
    pub bound: f64,
}

/// How a number is compared with the bound of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

impl Threshold {
    /// Whether `value` is beyond.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self.comparison {
            Comparison::Above => value > self.bound,
            Comparison::AtLeast => value >= self.bound,
            Comparison::Below => value < self.bound,
            Comparison::AtMost => value <= self.bound,
        }
    }

    /// Whether every value that meets `other` meets this one too.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        use Comparison::{Above, AtLeast, AtMost, Below};
        match (self.comparison, other.comparison) {
            (Above, Above) | (AtLeast, Above | AtLeast) => self.bound <= other.bound,
            (Above, AtLeast) => self.bound < other.bound,
            (Below, Below) | (AtMost, Below | AtMost) => self.bound >= other.bound,
            (Below, AtMost) => self.bound > other.bound,
            (Above | AtLeast, Below | AtMost) | (Below | AtMost, Above | AtLeast) => false,
        }
    }
}

/// The text is no operator with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoThreshold;

impl FromStr for Threshold {
    type Err = NoThreshold;

    fn from_str(text: &str) -> Result<Self, NoThreshold> {
        // The longer operators first.
        const OPERATORS: [(&str, Comparison); 4] = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            (">", Comparison::Above),
            ("<", Comparison::Below),
        ];
        let text = text.trim();
        let (comparison, rest) = OPERATORS
            .iter()
            .find_map(|(operator, comparison)| Some((*comparison, text.strip_prefix(operator)?)))
            .ok_or(NoThreshold)?;
        let bound = rest.trim_start().parse().ok().filter(|bound: &f64| bound.is_finite()).ok_or(NoThreshold)?;
        Ok(Self { comparison, bound })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.comparison {
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
        };
        write!(f, "{operator} {}", self.bound)
    }
}

/// A place in a JSON document (RFC 6901); by default the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonPointer {
    text: String,
    steps: Vec<String>,
}

impl JsonPointer {
    /// The names or positions that lead to the place; none is the whole document.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.steps
    }
}

/// Why a text is no JSON pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It is not empty and does not begin with a slash.
    #[error("it does not begin with /")]
    Slash,
    /// A tilde before something else than 0 or 1.
    #[error("~ must be followed by 0 (for ~) or 1 (for /)")]
    Escape,
}

impl FromStr for JsonPointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let inside = text.strip_prefix('/').ok_or(PointerError::Slash)?;
        let step = |step: &str| {
            let escapes_well = step.split('~').skip(1).all(|behind| behind.starts_with(['0', '1']));
            escapes_well.then(|| step.replace("~1", "/").replace("~0", "~")).ok_or(PointerError::Escape)
        };
        let steps = inside.split('/').map(step).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), steps })
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn threshold(text: &str) -> Threshold {
        text.parse().unwrap()
    }

    #[test]
    fn thresholds_are_operators_with_numbers() {
        for (text, met, unmet) in
            [("> 500", 500.5, 500.0), (">=500", 500.0, 499.0), ("< -1.5e3", -1501.0, -1500.0), (" <= 0 ", 0.0, 0.1)]
        {
            assert!(threshold(text).is_met(met) && !threshold(text).is_met(unmet), "{text}");
        }
        for text in ["", "500", "> ", "= 5", "== 5", "> NaN", "> inf", "5 >", "> 5 %"] {
            assert_eq!(text.parse::<Threshold>(), Err(NoThreshold), "{text}");
        }
        assert_eq!(threshold(">=  0.10").to_string(), ">= 0.1");
        assert!(!threshold("> 0").is_met(f64::NAN) && !threshold("<= 0").is_met(f64::NAN));
    }

    #[test]
    fn pointers_are_read_as_rfc_6901_section_5_has_them() {
        let steps = |text: &str| text.parse::<JsonPointer>().map(|pointer| pointer.steps);
        assert_eq!(steps(""), Ok(vec![]));
        assert_eq!(steps("/"), Ok(vec![String::new()]));
        assert_eq!(steps("/foo/0"), Ok(vec!["foo".into(), "0".into()]));
        assert_eq!(steps("/a~1b/m~0n/~01"), Ok(vec!["a/b".into(), "m~n".into(), "~1".into()]));
        assert_eq!(steps("queue/deferred"), Err(PointerError::Slash));
        assert_eq!(steps("/a~2"), Err(PointerError::Escape));
        assert_eq!(steps("/a~"), Err(PointerError::Escape));
    }

    proptest! {
        #[test]
        fn a_threshold_that_includes_another_is_met_whenever_that_is(
            comparisons in prop::array::uniform2(prop::sample::select(vec![">", ">=", "<", "<="])),
            bounds in prop::array::uniform2(-3_i8..3), values in prop::collection::vec(-4_i8..4, 1..9),
        ) {
            let [one, other] = [0, 1].map(|ix| threshold(&format!("{} {}", comparisons[ix], bounds[ix])));
            if one.includes(other) {
                let holds = |value: &i8| !other.is_met(f64::from(*value)) || one.is_met(f64::from(*value));
                prop_assert!(values.iter().all(holds));
            }
        }
    }
}
