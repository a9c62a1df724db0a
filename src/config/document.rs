//! The document: its sections in the order in which they need one another.

use std::path::PathBuf;
use std::sync::Arc;

use super::reader::Reader;
use super::roster::Roster;
use super::value::Table;
use super::{
    admin, assertion, audit, cookies, dnssec, drill, encrypted, geo, hook, key, limits, monitor, node, notify,
    objectives, rate_limit, requires, safety, secrets, service, site, zone,
};
use crate::model::Settings;

/// The sections of a configuration file.
const SECTIONS: [&str; 22] = [
    "node",
    "admin",
    "state",
    "safety",
    "geo",
    "encrypted",
    "limits",
    "rate_limit",
    "cookies",
    "secrets",
    "site",
    "service",
    "monitor",
    "zone",
    "key",
    "dnssec",
    "assertion",
    "objectives",
    "audit",
    "drill",
    "notify",
    "hook",
];

/// Reads every section; placeholders stand for what was refused.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>) -> Settings {
    reader.allow(root, &SECTIONS);
    let site_tables = reader.sections(root, "site");
    let service_tables = reader.sections(root, "service");
    let monitor_tables = reader.named_sections(root, "monitor");
    let zone_tables = reader.sections(root, "zone");
    let key_tables = reader.sections(root, "key");
    let assertion_tables = reader.sections(root, "assertion");
    let (notify_tables, hook_tables) = (reader.sections(root, "notify"), reader.sections(root, "hook"));

    // Names first: a site with a mistake in it is still a site that others may name.
    let site_names = Roster::of_sections(reader, "site", &site_tables);
    let service_names = Roster::of_sections(reader, "service", &service_tables);
    let monitor_names = Roster::of_named(reader, "monitor", &monitor_tables);
    let assertion_names = Roster::of_sections(reader, "assertion", &assertion_tables);

    let node = node::read(reader, root, &site_names);
    let admin = admin::read(reader, root, &node, &site_names);
    let state = node::state(reader, root);
    let safety = safety::read(reader, root);
    let encrypted = encrypted::read(reader, root, &node, &admin);
    let geo = geo::read(reader, root, &site_names);
    let sites = site::read(reader, &site_tables, &site_names);
    let monitors = monitor::read(reader, &monitor_tables, &monitor_names, &node, &sites);
    let services = service::read(reader, &service_tables, &service_names, &site_names, &monitor_names);
    let context = assertion::Context { sites: &site_names, service_names: &service_names, services: &services };
    let assertions = assertion::read(reader, &assertion_tables, &assertion_names, &context);
    let drill_tables = reader.sections(root, "drill");
    let drills = drill::read(reader, &drill_tables, &site_names, &service_names);
    let keys = key::read(reader, &key_tables);
    let zones = zone::read(reader, &zone_tables, &keys);
    let rate_limit = rate_limit::read(reader, root);
    let cookies = cookies::read(reader, root);
    let secrets = secrets::read(reader, root, &state);
    let objectives = objectives::read(reader, root, &service_names);
    let notify = notify::read(reader, &notify_tables);
    let declared = hook::Declared { monitors: &monitor_names, services: &service_names, sites: &site_names };
    let hooks = hook::read(reader, &hook_tables, &declared);

    if reader.is_good() {
        node::warn_of_no_site(reader, root, &node, &state, &sites);
        service::warn_of_unused(reader, &services, &site_tables, &monitor_tables);
        requires::warn_of_absent(reader, &services, &service_tables, &site_names);
        service::warn_of_unbounded(reader, &services, &sites, &service_tables);
        service::warn_of_units(reader, &services, &sites, &service_tables);
        objectives::warn_of_ttl(reader, root, &objectives, &services);
        site::warn_of_unplaced(reader, &sites, &services, &site_tables);
    }
    Settings {
        path: PathBuf::new(),
        text: Arc::default(),
        probe_files: reader.take_probe_files(),
        node,
        admin,
        state,
        safety,
        geo,
        sites,
        services,
        assertions,
        monitors,
        zones,
        keys,
        dnssec: dnssec::read(reader, root),
        encrypted,
        rate_limit,
        cookies,
        secrets,
        limits: limits::read(reader, root),
        objectives,
        audit: audit::read(reader, root),
        drills,
        notify,
        hooks,
    }
}
