//! `GET /zones`: what is answered for, and what was found in the files.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Html;

use super::frame::{Frame, Screen};
use super::page;
use super::when::When;
use crate::admin::api::{Findings, FoundLine, Status, ZoneStatus};
use crate::admin::router::Shared;
use crate::admin::words::plain;
use crate::admin::{Caller, Problem};

/// `GET /zones`
pub(super) async fn zones(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
) -> Result<Html<String>, Problem> {
    let caller = caller.map(|Extension(caller)| caller);
    page(&Zones::new(&shared.control.status(), shared.control.findings(), caller.as_ref()))
}

#[derive(Template)]
#[template(path = "zones.html", config = "dashboards/operator/askama.toml")]
struct Zones {
    frame: Frame,
    zones: Vec<ZoneStatus>,
    /// How many more there are than are listed.
    more: usize,
    loaded: When,
    warnings: Vec<FoundLine>,
    warnings_more: usize,
    refused: Option<Refused>,
}

/// A load that was refused.
struct Refused {
    when: When,
    errors: Vec<FoundLine>,
    more: usize,
}

impl Zones {
    fn new(status: &Status, findings: Findings, caller: Option<&Caller>) -> Self {
        let now = status.time;
        Self {
            frame: Frame::new(status, Screen::Zones, "Zones", caller),
            zones: status.zones.clone(),
            more: status.zone_count.saturating_sub(status.zones.len()),
            loaded: When::new(findings.loaded, now),
            warnings: findings.warnings.iter().map(shown).collect(),
            warnings_more: findings.warnings_more,
            refused: findings.refused.map(|refused| Refused {
                when: When::new(refused.time, now),
                errors: refused.errors.iter().map(shown).collect(),
                more: refused.errors_more,
            }),
        }
    }
}

fn shown(line: &FoundLine) -> FoundLine {
    FoundLine {
        place: plain(&line.place),
        found: plain(&line.found),
        expected: plain(&line.expected),
        remedy: plain(&line.remedy),
    }
}
