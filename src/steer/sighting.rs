//! sighting
use super::ViewIx;
use crate::model::{Coordinates, Country};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
/// How a client was located.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Located {
    /// By a network of the configuration.
    Override,
    /// By coordinates of the database.
    Coordinates,
    /// By its country's centroid.
    Country,
    /// Not at all.
    Unknown,
}
/// A site as seen from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteDistance {
    /// Site name.
    pub site: String,
    /// Great-circle kilometres; `None` where the client or the site has no place.
    pub km: Option<u32>,
}
/// Where a client is seen, and the site order that follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The client.
    pub client: IpAddr,
    /// How it was located.
    pub located: Located,
    /// The network that located it.
    pub network: Option<IpNet>,
    /// Its country.
    pub country: Option<Country>,
    /// Its continent (`AF AN AS EU NA OC SA`).
    pub continent: Option<String>,
    /// Where distances are measured from.
    pub coordinates: Option<Coordinates>,
    /// The policy line that gave the order.
    pub rule: String,
    /// The view.
    pub view: ViewIx,
    /// Prefix length of the widest block around the client with the same view.
    pub scope: u8,
    /// Best first.
    pub order: Vec<SiteDistance>,
}
