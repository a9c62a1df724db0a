//! views
use super::{Atlas, Sighting};
use crate::model::{GeoSettings, ServiceIx, SiteIx, Topology};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
/// A view of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewIx(pub u16);
/// Steering.
#[derive(Clone, Debug)]
pub struct Steering {}
impl Steering {
    /// Builds.
    #[must_use]
    pub fn build(_topology: &Topology, _geo: &GeoSettings, _atlas: &Atlas) -> Self {
        unimplemented!()
    }
    /// The view of `client` and the prefix length of the widest block around it with the same view.
    #[must_use]
    pub fn view(&self, _service: ServiceIx, _client: IpAddr) -> (ViewIx, u8) {
        unimplemented!()
    }
    /// All views of `service`.
    pub fn views(&self, _service: ServiceIx) -> impl Iterator<Item = (ViewIx, &[SiteIx])> {
        std::iter::empty()
    }
    /// The site order of a view.
    #[must_use]
    pub fn order(&self, _service: ServiceIx, _view: ViewIx) -> &[SiteIx] {
        unimplemented!()
    }
    /// For `explain`.
    #[must_use]
    pub fn sighting(&self, _service: ServiceIx, _client: IpAddr) -> Sighting {
        unimplemented!()
    }
}
