//! What a configuration says, read without starting anything.

use std::path::Path;

use super::loading::{self, Fallback};
use crate::config::Report;
use crate::model::{Settings, SiteIx, Topology};
use crate::store::StoreError;

/// Reads the configuration at `path` and everything it names, without starting anything.
#[must_use]
pub fn check(path: &Path) -> Report {
    match loading::load(path, Fallback::Nothing, None, None) {
        Ok(loaded) => with_store_files(loaded.settings.as_ref(), loaded.report),
        Err(report) => report,
    }
}

/// `report` with what is wrong with the files that the shared store needs.
fn with_store_files(settings: &Settings, mut report: Report) -> Report {
    let found = settings.state.etcd.as_ref().map(crate::store::etcd::readable);
    if let Some(Err(error)) = found {
        let file = match &error {
            StoreError::Access { file, .. } => file.as_path(),
            _ => Path::new(""),
        };
        let remedy = error.remedy().to_owned();
        report.push(loading::whole_file(file, error.to_string(), "a file that [state] etcd can use", &remedy));
    }
    report
}

/// What a configuration and its zones declare.
pub struct Declared {
    /// Sites, services, monitors and the endpoints that the zones hold.
    pub topology: Topology,
    /// The site that the node stands in.
    pub standing_in: Option<SiteIx>,
}

/// Reads what the configuration at `path` declares, without starting anything.
///
/// # Errors
/// What is wrong with it.
pub fn declared(path: &Path) -> Result<Declared, Box<Report>> {
    let loaded = loading::load(path, Fallback::Nothing, None, None).map_err(Box::new)?;
    Ok(Declared { topology: loaded.attribution.topology.clone(), standing_in: loaded.settings.node.site })
}
