//! stub for now
use super::*;
pub struct Explanation; pub struct ClientSeen; pub struct SiteExplanation; pub struct SteeredExplanation;
pub(super) fn explain(_t: &Tables, _q: &Question, _c: &Client, _d: u16) -> Explanation { Explanation }
