//! JSON: one value of a document, held against thresholds or a word.
//!
//! Of the document only the value is kept: what a server sends decides how long reading takes, not how much memory.

use std::fmt;

use async_trait::async_trait;
use reqwest::Response;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tokio::time::timeout_at;

use super::Target;
use super::bounds::JSON_BODY;
use super::check::{Conversation, Notes, Place};
use super::http::{Answered, Client, HttpProbe, of_error, out_of_time};
use super::reading::{judge_missing, judge_number};
use super::transcript::{Speaker, Transcript, printable};
use crate::health::{FailureKind, Outcome};
use crate::model::{Expected, JsonCheck};

/// Characters of a text from the document that a reason repeats.
const SHOWN: usize = 100;

/// A JSON monitor applied to a target.
#[derive(Debug)]
pub(super) struct JsonProbe {
    page: HttpProbe,
    check: JsonCheck,
    /// The value in words.
    what: String,
}

impl JsonProbe {
    pub(super) fn new(check: &JsonCheck, target: &Target) -> Self {
        let pointer = check.pointer.to_string();
        let what = if pointer.is_empty() { "the document".to_owned() } else { pointer };
        Self { page: HttpProbe::new(&check.page, target), check: check.clone(), what }
    }

    async fn converse(&self, client: &Client, transcript: &mut Transcript) -> Result<Outcome, Outcome> {
        let Answered { response, trouble } = self.page.get(Some("application/json"), client, transcript).await?;
        let body = read(response).await?;
        let found = find(&body, self.check.pointer.steps()).map_err(|error| {
            transcript.push(Speaker::Them, &body);
            Outcome::failed(FailureKind::Protocol, format!("the body is not JSON: {error}"))
        })?;
        Ok(match (self.judge(found, transcript), trouble) {
            (Outcome::Ok, Some(trouble)) => trouble.outcome(),
            (outcome, _) => outcome,
        })
    }

    fn judge(&self, found: Option<Found>, transcript: &mut Transcript) -> Outcome {
        let (what, missing) = (&self.what, self.check.missing);
        let Some(found) = found else {
            return judge_missing(format!("there is no {what} in the document"), missing, transcript);
        };
        let wrong = |kind: &str| format!("{what} is {found}, which is no {kind}");
        let is_expected = match (&self.check.expected, &found) {
            (Expected::Number(levels), Found::Number(number)) => {
                return judge_number(what, Ok(*number), *levels, missing, transcript);
            }
            (Expected::Number(_), _) => return judge_missing(wrong("number"), missing, transcript),
            (Expected::Text(expected), Found::Text(text)) => expected == text,
            (Expected::Text(_), _) => return judge_missing(wrong("text"), missing, transcript),
            (Expected::Boolean(expected), Found::Boolean(boolean)) => expected == boolean,
            (Expected::Boolean(_), _) => return judge_missing(wrong("boolean"), missing, transcript),
        };
        let said = format!("{what} is {found}");
        transcript.push(Speaker::Note, said.as_bytes());
        if is_expected {
            return Outcome::Ok;
        }
        let expected = match &self.check.expected {
            Expected::Text(text) => format!("\"{text}\""),
            Expected::Boolean(boolean) => boolean.to_string(),
            Expected::Number(_) => String::new(),
        };
        Outcome::failed(FailureKind::Protocol, format!("{said}, expected {expected}"))
    }
}

#[async_trait]
impl Conversation for JsonProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        let client = match self.page.client(place).await {
            Ok(client) => client,
            Err(ended) => return ended,
        };
        let outcome = timeout_at(place.deadline, self.converse(&client, &mut notes.transcript)).await;
        outcome.unwrap_or_else(|_| Err(out_of_time())).unwrap_or_else(|ended| ended)
    }
}

/// The whole body.
async fn read(mut response: Response) -> Result<Vec<u8>, Outcome> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| of_error(&error))? {
        if body.len() + piece.len() > JSON_BODY {
            // A bound of ours, not a fault of the endpoint.
            return Err(Outcome::Deferring(format!("the document has more than {JSON_BODY} octets")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// What stands at the end of a pointer.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    Object,
    Array,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => {
                let shown: String = text.chars().take(SHOWN).collect();
                let more = if text.chars().nth(SHOWN).is_some() { "..." } else { "" };
                write!(f, "\"{}{more}\"", printable(shown.as_bytes()))
            }
            Self::Object => f.write_str("an object"),
            Self::Array => f.write_str("an array"),
        }
    }
}

/// What `body` holds where `steps` lead; `None` where they lead nowhere. The whole body must be JSON. Of equal names in an
/// object the last one counts, as it does for most readers.
fn find(body: &[u8], steps: &[String]) -> Result<Option<Found>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let found = Follow { steps }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

/// Follows the rest of a pointer. No deeper than the pointer has steps, and the parser has a bound of its own.
struct Follow<'p> {
    steps: &'p [String],
}

impl Follow<'_> {
    fn here<E>(&self, found: Found) -> Result<Option<Found>, E> {
        Ok(self.steps.is_empty().then_some(found))
    }
}

impl<'de> DeserializeSeed<'de> for Follow<'_> {
    type Value = Option<Found>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Follow<'_> {
    type Value = Option<Found>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        self.here(Found::Null)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Self::Value, E> {
        self.here(Found::Boolean(boolean))
    }

    // Thresholds are floats as well: beyond 2^53 a neighbour is as good.
    #[allow(clippy::cast_precision_loss)]
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        self.here(Found::Number(number as f64))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        self.here(Found::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        self.here(Found::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        self.here(Found::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let Some((step, rest)) = self.steps.split_first() else {
            while members.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Some(Found::Array));
        };
        // RFC 6901 section 4: digits without leading zeros.
        let wanted = step.parse::<usize>().ok().filter(|position| position.to_string() == *step);
        let mut found = None;
        for position in 0.. {
            let more = if Some(position) == wanted {
                members.next_element_seed(Follow { steps: rest })?.map(|value| found = value).is_some()
            } else {
                members.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let split = self.steps.split_first();
        let mut found = None;
        while let Some(name) = members.next_key::<String>()? {
            match split {
                Some((step, rest)) if *step == name => found = members.next_value_seed(Follow { steps: rest })?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(if split.is_none() { Some(Found::Object) } else { found })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::JsonPointer;

    fn at(pointer: &str, document: &str) -> Option<Found> {
        find(document.as_bytes(), pointer.parse::<JsonPointer>().unwrap().steps()).unwrap()
    }

    #[test]
    fn pointers_lead_as_rfc_6901_section_5_says() {
        const DOCUMENT: &str =
            r#"{"foo":["bar",{"x":2.5}],"":0,"a/b":1,"m~n":8,"big":18446744073709551615,"no":null,"yes":true}"#;
        for (pointer, found) in [
            ("", Some(Found::Object)),
            ("/foo", Some(Found::Array)),
            ("/foo/0", Some(Found::Text("bar".into()))),
            ("/foo/1/x", Some(Found::Number(2.5))),
            ("/", Some(Found::Number(0.0))),
            ("/a~1b", Some(Found::Number(1.0))),
            ("/m~0n", Some(Found::Number(8.0))),
            ("/big", Some(Found::Number(18_446_744_073_709_551_615.0))),
            ("/no", Some(Found::Null)),
            ("/yes", Some(Found::Boolean(true))),
            ("/foo/00", None),
            ("/foo/2", None),
            ("/foo/-", None),
            ("/foo/bar", None),
            ("/yes/x", None),
            ("/nothing/x", None),
        ] {
            assert_eq!(at(pointer, DOCUMENT), found, "{pointer}");
        }
        assert_eq!(at("", "\"ok\""), Some(Found::Text("ok".into())));
        assert_eq!(at("/a", r#"{"a":1,"a":2}"#), Some(Found::Number(2.0)));
    }

    #[test]
    fn what_is_not_json_to_its_end_is_an_error() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        for document in ["", "ok", "{\"a\":1", "{\"a\":1} x", "{\"a\":1}{}"] {
            assert!(find(document.as_bytes(), &["a".to_owned()]).is_err(), "{document}");
        }
        // Depth costs no stack, wherever the pointer leads.
        let into: JsonPointer = "/0".repeat(400).parse().unwrap();
        let _ = find(deep.as_bytes(), into.steps());
        let _ = find(deep.as_bytes(), &[]);
    }

    proptest! {
        #[test]
        fn any_octets_are_a_document_or_none(
            body in prop_oneof!["\\PC{0,40}".prop_map(String::into_bytes), "[\\[\\]{}\":,a0-1]{0,40}".prop_map(String::into_bytes)],
        ) {
            let found = find(&body, &["a".to_owned(), "0".to_owned()]);
            let whole = serde_json::from_slice::<serde_json::Value>(&body);
            prop_assert_eq!(found.is_ok(), whole.is_ok());
            if let (Ok(found), Ok(whole)) = (found, whole) {
                prop_assert_eq!(found.is_some(), whole.pointer("/a/0").is_some());
            }
        }
    }
}
