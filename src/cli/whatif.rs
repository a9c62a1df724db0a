//! `whatif`: whether the sites left would carry everything if some failed.

use comfy_table::Cell;

use super::arguments::WhatIf as Arguments;
use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::{Page, table};
use crate::admin::api::words::{amount, plain};
use crate::admin::api::{ServiceForecast, SiteForecast, SiteNow, WhatIf};

pub(super) async fn whatif(node: &Node, output: &Output, arguments: Arguments) -> Result<Exit, Failure> {
    let peak = arguments.peak.then_some("true");
    let fail = arguments.fail.iter().map(|site| ("fail", Some(site.as_str())));
    let query: Vec<_> = fail.chain([("peak", peak)]).collect();
    let answer: WhatIf = node.get("/api/v1/whatif", &query).await?;
    output.show(&answer, |_| vec![render(&answer, output.page())])?;
    Ok(if answer.fits { Exit::Done } else { Exit::Negative })
}

/// The answer for people.
pub(super) fn render(answer: &WhatIf, page: Page) -> String {
    let now = if answer.peak { "AT PEAK" } else { "LOAD NOW" };
    let rows = answer.sites.iter().map(site_row).collect();
    let mut parts = vec![
        plain(&answer.verdict),
        table(page, &["SITE", now, "LOAD THEN", "CAPACITY", "HEADROOM", "OF WHICH"], rows),
    ];
    if !answer.services.is_empty() {
        let rows = answer.services.iter().map(service_row).collect();
        parts.push(table(page, &["SERVICE", "DEMAND", "SPILLED", "NO PLACE", "DEMAND IS"], rows));
    }
    let left: Vec<&str> = answer
        .services
        .iter()
        .filter(|service| service.spilled > 0.0 && !service.steered)
        .map(|service| service.service.as_str())
        .collect();
    if !left.is_empty() {
        parts.push(plain(&format!(
            "{}: without spill = true answers do not follow; a sender that a full site refuses goes on to the next MX by \
             itself, other clients do not",
            left.join(", ")
        )));
    }
    parts.join("\n\n")
}

fn site_row(site: &SiteForecast) -> Vec<Cell> {
    let then = match (site.fails, site.now.as_slice()) {
        (true, _) => "fails".to_owned(),
        (false, []) => amount(site.predicted),
        (false, now) => {
            let now: Vec<String> = now.iter().map(SiteNow::said).collect();
            format!("{} ({} now)", amount(site.predicted), now.join(", "))
        }
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::{Finding, ServicePart};
    use crate::model::{Generation, Standing, State};

    fn site(name: &str, fails: bool, load: f64, predicted: f64) -> SiteForecast {
        SiteForecast {
            site: name.into(),
            fails,
            capacity: (name != "nrt").then_some(800),
            load,
            predicted,
            sent: predicted,
            headroom_percent: (name == "iad").then_some(12.4),
            services: vec![ServicePart { service: "mx\u{1b}".into(), load, predicted }],
            now: if name == "nrt" {
                vec![SiteNow { standing: Standing::Drained, health: State::Up, services: vec![] }]
            } else {
                vec![]
            },
        }
    }

    fn answer() -> WhatIf {
        WhatIf {
            schema: WhatIf::SCHEMA.into(),
            node: "ns1".into(),
            time: jiff::Timestamp::UNIX_EPOCH,
            generation: Generation::default(),
            fail: vec!["fra".into()],
            peak: true,
            fits: true,
            finding: Some(Finding::Fits),
            verdict: "Fits.".into(),
            sites: vec![
                site("fra", true, 900.0, 0.0),
                site("iad", false, 300.25, 700.6),
                site("nrt", false, 200.0, 600.0),
            ],
            services: vec![ServiceForecast {
                service: "mx".into(),
                basis: "assumed".into(),
                demand: 1400.0,
                spilled: 9.96,
                unplaced: 0.0,
                steered: false,
                views: vec![],
            }],
        }
    }

    #[test]
    fn the_verdict_comes_first_and_every_site_has_its_numbers() {
        let shown = render(&answer(), Page::PLAIN);
        let lines: Vec<_> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[0], "Fits.");
        for row in [
            "SITE AT PEAK LOAD THEN CAPACITY HEADROOM OF WHICH",
            "fra 900 fails 800 - mx\\u{1b} 900 -> 0",
            "iad 300 701 800 12 % mx\\u{1b} 300 -> 701",
            "nrt 200 600 (drained now) no bound - mx\\u{1b} 200 -> 600",
            "mx 1400 10 0 as configured, divided evenly: no queries yet",
        ] {
            assert!(lines.iter().any(|line| line == row), "no row {row:?} in\n{shown}");
        }
        assert!(lines.last().unwrap().starts_with("mx: without spill = true answers do not follow"), "{shown}");
    }

    #[test]
    fn nothing_is_said_of_answers_that_follow() {
        let mut answer = answer();
        answer.services[0].steered = true;
        assert!(!render(&answer, Page::PLAIN).contains("spill = true"));
    }
}
