//! Outages: how long services were out of which no address worked, as far as the node ran and could tell.

use std::time::Duration;

use jiff::Timestamp;

use super::bounds::CAUSE_WITHIN;
use super::budget::Month;
use super::incident::between;
use super::log::{IncidentLog, Moment};
use crate::model::Generation;

impl IncidentLog {
    /// How long `service` was out in `month` until `now`: no site of it had an address that works.
    #[must_use]
    pub fn spent(&self, service: &str, month: Month, now: Timestamp) -> Duration {
        let running = self.out.get(service).map(|since| between((*since).max(month.begins()), now.min(month.ends())));
        self.spent.of(service, month).saturating_add(running.unwrap_or_default())
    }

    /// Since when `service` is out.
    #[must_use]
    pub fn out_since(&self, service: &str) -> Option<Timestamp> {
        self.out.get(service).copied()
    }

    /// What a copy has to hold to lose nothing: the last event, and, while a service is out, until when that is certain.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<Timestamp>) {
        (self.as_of, self.ran.filter(|_| !self.out.is_empty()))
    }

    /// The node runs at `now`, as it has since its start `epoch`. Says nothing before the first plan of that start was taken:
    /// what is known until then is of a process that ended, nobody knows when.
    pub fn runs(&mut self, epoch: u64, now: Timestamp) {
        if epoch == self.epoch {
            self.ran = self.ran.max(Some(now));
        }
    }

    /// Counts services out of which no address works, and those back in which one does.
    pub(super) fn count_out(&mut self, time: Timestamp) {
        for (service, sites) in &self.sites {
            let addresses: usize = sites.values().map(|site| site.addresses).sum();
            let usable: usize = sites.values().map(|site| site.usable).sum();
            if addresses > 0 && usable == 0 {
                let failed = self.failures.get(service).filter(|failed| between(**failed, time) <= CAUSE_WITHIN);
                let since = failed.map_or(time, |failed| (*failed).min(time));
                self.out.entry(service.clone()).or_insert(since);
            } else if let Some(since) = self.out.remove(service) {
                self.spent.add(service, since, time);
                // What was counted once is no beginning of another time.
                self.failures.remove(service);
            }
        }
        let gone: Vec<String> = self.out.keys().filter(|service| !self.sites.contains_key(*service)).cloned().collect();
        for service in gone {
            if let Some(since) = self.out.remove(&service) {
                self.spent.add(&service, since, time);
            }
        }
    }

    /// The node stops: from now on it cannot tell.
    pub(super) fn all_in(&mut self, time: Timestamp) {
        for (service, since) in std::mem::take(&mut self.out) {
            self.spent.add(&service, since, time);
        }
        // A failure of before is counted up to here; what follows begins anew.
        self.failures.clear();
    }

    /// A plan of another start than the last one had: that process ended without a word, at the latest when it was last known
    /// to run.
    pub(super) fn began_anew(&mut self, moment: Moment<'_>, generation: Generation) {
        if self.epoch != generation.epoch {
            // A log of an earlier version does not know.
            if self.epoch > 0 {
                self.all_in(self.ran.unwrap_or(moment.time));
            }
            self.epoch = generation.epoch;
        }
        self.ran = Some(moment.time);
    }
}
