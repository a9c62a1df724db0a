//! Lints: what is probably not as meant when zones and configuration are put together. Warnings only.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::findings::{Finding, Findings};
use super::requirements::without_endpoints;
use super::selection::{Match, Selection};
use crate::config::Report;
use crate::model::{Endpoint, Name, NamePattern, Service, ServiceIx, Settings, SiteIx, SiteSet};

/// What was said already: an address once a service, however many hosts have it; anything else once a line, record
/// and rule, however many zones share a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Said {
    Address(ServiceIx, IpAddr),
    Line { file: PathBuf, line: u32, record: usize, rule: Rule },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Rule {
    Alias,
    NoAddress,
    NothingToSteer,
    Ttl,
}

/// The lints of one attribution.
#[derive(Debug, Default)]
pub(super) struct Lints {
    findings: Findings,
    said: HashSet<Said>,
}

impl Lints {
    fn push(&mut self, found: &Match<'_>, record: usize, rule: Rule, finding: Finding) {
        let file = found.zone.file(found.place).to_path_buf();
        self.say(found, Said::Line { file, line: found.place.line, record, rule }, finding);
    }

    fn say(&mut self, found: &Match<'_>, said: Said, finding: Finding) {
        if self.said.insert(said) {
            let line = usize::try_from(found.place.line).unwrap_or(0);
            self.findings.push_line(found.zone.file(found.place), line, finding);
        }
    }

    /// The report of all lints.
    pub(super) fn finish(self) -> Report {
        self.findings.finish(Path::new("[[zone]]"))
    }

    /// No site's networks hold the address.
    pub(super) fn address_at_no_site(&mut self, found: &Match<'_>, address: IpAddr, host: &Name) {
        let what = format!("address {address} of {host}, which is at no site");
        let remedy = "add its network to a [[site]], or leave it: it is neither monitored nor withdrawn";
        let finding = Finding::warning(what, "an address in a site's networks", remedy);
        self.say(found, Said::Address(found.service, address), finding);
    }

    /// The address is at a site that the service leaves out.
    pub(super) fn address_at_other_site(
        &mut self,
        found: &Match<'_>,
        address: IpAddr,
        host: &Name,
        site: &str,
        settings: &Settings,
    ) {
        let service = service_name(settings, found.service);
        let what = format!("address {address} of {host} at site {site}, which service {service} leaves out");
        let remedy = format!("add {site} to its sites, or leave it: it is neither monitored nor withdrawn");
        let finding = Finding::warning(what, "an address at a site of the service", remedy);
        self.say(found, Said::Address(found.service, address), finding);
    }

    /// The target is a CNAME (RFC 2181 section 10.3).
    pub(super) fn target_is_alias(&mut self, found: &Match<'_>, record: usize, target: &Name) {
        let what = format!("{} target {target}, which is a CNAME", found.set.rtype);
        let expected = "a host with addresses (RFC 2181 section 10.3)";
        let remedy = "point to the CNAME's own target, or give the host its addresses";
        self.push(found, record, Rule::Alias, Finding::warning(what, expected, remedy));
    }

    /// No zone of ours has an address of the target.
    pub(super) fn target_without_address(&mut self, found: &Match<'_>, record: usize, target: &Name, is_ours: bool) {
        let rtype = found.set.rtype;
        let finding = if is_ours {
            let what = format!("{rtype} target {target} without an address");
            Finding::warning(what, "a host with A or AAAA records", format!("add addresses of {target} to its zone"))
        } else {
            let what = format!("{rtype} target {target} outside the zones of this node");
            let remedy = "load its zone here, or leave it: it is neither monitored nor withdrawn";
            Finding::warning(what, "a host whose addresses are known", remedy)
        };
        self.push(found, record, Rule::NoAddress, finding);
    }

    /// No record of the RRset belongs to a site of its service.
    pub(super) fn nothing_to_steer(&mut self, found: &Match<'_>, settings: &Settings) {
        let (owner, rtype) = (found.owner(), found.set.rtype);
        let service = service_name(settings, found.service);
        let what = format!("{rtype} of {owner}, of which no record belongs to a site of service {service}");
        let remedy = "add the networks of its addresses to the sites; it is answered as declared";
        self.push(found, 0, Rule::NothingToSteer, Finding::warning(what, "at least one record at a site", remedy));
    }

    /// The declared TTL is lower than the service's, and thereby the one that is answered.
    pub(super) fn declared_ttl(&mut self, found: &Match<'_>, settings: &Settings) {
        let Some(service) = settings.services.get(found.service.get()) else { return };
        let declared = Duration::from_secs(u64::from(found.set.ttl));
        if declared < service.ttl {
            let (owner, rtype, ttl) = (found.owner(), found.set.rtype, service.ttl.as_secs());
            let what =
                format!("TTL {} of {rtype} at {owner}, below the {ttl} s of service {}", found.set.ttl, service.name);
            let remedy = format!("raise it in the zone to have {ttl} s; the lower one is answered");
            let finding = Finding::warning(what, format!("a declared TTL of {ttl} or more"), remedy);
            self.push(found, 0, Rule::Ttl, finding);
        }
    }

    /// Patterns that match nothing, sites without endpoints, and too few sites to lose one.
    pub(super) fn services(&mut self, selection: &Selection<'_>, settings: &Settings, endpoints: &[Endpoint]) {
        for (service, ix) in settings.services.iter().zip((0_u16..).map(ServiceIx)) {
            let section = PathBuf::from(format!("[[service]] {}", service.name));
            for (position, pattern) in service.names.iter().enumerate() {
                if !selection.used.contains(&(ix, position)) {
                    self.findings.push_line(&section, 0, unused(service, pattern));
                }
            }
            let manned: SiteSet =
                endpoints.iter().filter(|found| found.service == ix).map(|found| found.site).collect();
            if !manned.is_empty() {
                self.sites(&section, service, manned, settings);
            }
        }
        for (service, finding) in without_endpoints(settings, endpoints) {
            self.findings.push_line(&PathBuf::from(format!("[[service]] {}", service.name)), 0, finding);
        }
    }

    fn sites(&mut self, section: &Path, service: &Service, manned: SiteSet, settings: &Settings) {
        for site in service.sites.iter().filter(|site| !manned.contains(**site)) {
            let name = site_name(settings, *site);
            let what = format!("no endpoint of service {} at site {name}", service.name);
            let remedy = format!("add records with addresses at {name} to the zones, or take {name} out of its sites");
            self.findings.push_line(section, 0, Finding::warning(what, "at least one", remedy));
        }
        if manned.len() < service.min_sites {
            let what = format!("service {} with endpoints at {} sites", service.name, manned.len());
            let expected = format!("at least min_sites = {}", service.min_sites);
            let remedy = "add records at more sites, or lower min_sites; until then no site can be drained";
            self.findings.push_line(section, 0, Finding::warning(what, expected, remedy));
        }
    }
}

fn unused(service: &Service, pattern: &NamePattern) -> Finding {
    let name = match pattern {
        NamePattern::Exact(name) => name.to_string(),
        NamePattern::Below(suffix) => format!("*.{suffix}"),
    };
    let types: Vec<String> = service.types.iter().map(ToString::to_string).collect();
    let what = format!("name {name} of service {}, which matches nothing", service.name);
    let expected = format!("an owner of {} records in a zone that no earlier service has", types.join(", "));
    Finding::warning(what, expected, "correct the name, or add the records to its zone")
}

fn service_name(settings: &Settings, ix: ServiceIx) -> &str {
    settings.services.get(ix.get()).map_or("?", |service| service.name.as_str())
}

fn site_name(settings: &Settings, ix: SiteIx) -> &str {
    settings.sites.get(ix.get()).map_or("?", |site| site.name.as_str())
}
