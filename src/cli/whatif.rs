//! `whatif`: whether the sites left would carry everything if some failed.

use comfy_table::Cell;

use super::arguments::WhatIf as Arguments;
use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::{Format, Output, Palette, table};
use crate::admin::api::words::{amount, plain};
use crate::admin::api::{ServiceForecast, SiteForecast, WhatIf};

pub(super) async fn whatif(node: &Node, output: &Output, arguments: Arguments) -> Result<Exit, Failure> {
    let peak = arguments.peak.then_some("true");
    let fail = arguments.fail.iter().map(|site| ("fail", Some(site.as_str())));
    let query: Vec<_> = fail.chain([("peak", peak)]).collect();
    let answer: WhatIf = node.get("/api/v1/whatif", &query).await?;
    match output.format() {
        Format::Json => output.json(&answer)?,
        Format::Table => output.line(&render(&answer, output.palette()))?,
    }
    Ok(if answer.fits { Exit::Done } else { Exit::Negative })
}

/// The answer for people.
pub(super) fn render(answer: &WhatIf, palette: Palette) -> String {
    let now = if answer.peak { "AT PEAK" } else { "LOAD NOW" };
    let rows = answer.sites.iter().map(site_row).collect();
    let mut parts = vec![
        plain(&answer.verdict),
        table(palette, &["SITE", now, "LOAD THEN", "CAPACITY", "HEADROOM", "OF WHICH"], rows),
    ];
    if !answer.services.is_empty() {
        let rows = answer.services.iter().map(service_row).collect();
        parts.push(table(palette, &["SERVICE", "DEMAND", "SPILLED", "NO PLACE", "DEMAND IS"], rows));
    }
    parts.join("\n\n")
}

fn site_row(site: &SiteForecast) -> Vec<Cell> {
    let then = if site.fails { "fails".to_owned() } else { amount(site.predicted) };
    let parts: Vec<String> = site
        .services
        .iter()
        .map(|part| format!("{} {} -> {}", part.service, amount(part.load), amount(part.predicted)))
        .collect();
    vec![
        text(&site.site),
        text(&amount(site.load)),
        text(&then),
        text(&capacity(site.capacity)),
        text(&site.headroom_percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.0} %"))),
        text(if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }.as_str()),
    ]
}

fn service_row(service: &ServiceForecast) -> Vec<Cell> {
    let basis = match service.basis.as_str() {
        "queries" => "queries a second, as measured",
        "configured" => "as configured, divided as queries were measured",
        "assumed" => "as configured, divided evenly: no queries yet",
        other => other,
    };
    vec![
        text(&service.service),
        text(&amount(service.demand)),
        text(&amount(service.spilled)),
        text(&amount(service.unplaced)),
        text(basis),
    ]
}

/// A capacity in words.
pub(super) fn capacity(capacity: Option<u64>) -> String {
    capacity.map_or_else(|| "no bound".to_owned(), |capacity| capacity.to_string())
}

fn text(words: &str) -> Cell {
    Cell::new(plain(words))
}
