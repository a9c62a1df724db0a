//! Zones on their way from file to service: what updates changed of them, and the serial that they get.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::ledger::{Ledger, source_of};
use crate::model::{ZonePolicy, ZoneState};
use crate::zone::{Template, Zone};

/// What zones get on their way from the file into service: what updates changed, and the serial to serve.
pub struct Settling<'l> {
    ledger: Option<&'l Ledger>,
    now: Timestamp,
    /// How they are served from now on, as far as that is news to the ledger.
    pub states: Vec<ZoneState>,
}

impl<'l> Settling<'l> {
    /// Nothing settled yet. Without a ledger every zone stays as its file says.
    #[must_use]
    pub const fn new(ledger: Option<&'l Ledger>, now: Timestamp) -> Self {
        Self { ledger, now, states: Vec::new() }
    }

    fn seconds(&self) -> u64 {
        u64::try_from(self.now.as_second()).unwrap_or_default()
    }

    /// The zone as it is to be served.
    pub fn zone(&mut self, zone: Zone) -> Zone {
        let Some(ledger) = self.ledger else { return zone };
        let source = source_of(zone.origin());
        let (zone, state) = zone.settled(&source, ledger.state(&source).as_ref(), self.seconds());
        self.states.extend(state);
        zone
    }

    /// The template as its zones are to be served: all have one serial, kept under the path of their list.
    pub fn template(&mut self, template: Template, policy: &Arc<ZonePolicy>, list: &Path) -> Template {
        let Some(ledger) = self.ledger else { return template };
        let source = list.display().to_string();
        let (template, state) = template.settled(policy, &source, ledger.state(&source).as_ref(), self.seconds());
        self.states.extend(state);
        template
    }
}
