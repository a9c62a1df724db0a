//! Tags of orders: which orders somebody saw when they decided on another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::OrdersVersion;

/// Tells one state of all standing orders from every other: no two changes leave the same tag behind. Written as in `4.17`,
/// or `4.17-3` on a node that also follows orders of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrdersTag {
    /// Of the orders that all nodes follow.
    pub version: OrdersVersion,
    /// How often the orders of this node alone were written; `None` on a node that has no others.
    pub own: Option<u64>,
}

impl fmt::Display for OrdersTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.own {
            None => write!(f, "{}", self.version),
            Some(own) => write!(f, "{}-{own}", self.version),
        }
    }
}

impl FromStr for OrdersTag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (version, own) = match text.split_once('-') {
                Some((version, own)) => (version, Some(own.parse().ok()?)),
                None => (text, None),
            };
            let (epoch, revision) = version.split_once('.')?;
            let version = OrdersVersion { epoch: epoch.parse().ok()?, revision: revision.parse().ok()? };
            Some(Self { version, own })
        };
        read().ok_or_else(|| format!("'{text}' is not the tag of any orders; expected as in 4.17"))
    }
}

impl TryFrom<String> for OrdersTag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<OrdersTag> for String {
    fn from(tag: OrdersTag) -> Self {
        tag.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_are_written() {
        for text in ["0.0", "4.17", "4.17-3", "18446744073709551615.1-0"] {
            assert_eq!(text.parse::<OrdersTag>().unwrap().to_string(), text);
        }
        for text in ["", "4", "4.x", "4.17-", "-1.2", "4.17-3-1", "4.17 "] {
            assert!(text.parse::<OrdersTag>().is_err(), "{text}");
        }
    }
}
