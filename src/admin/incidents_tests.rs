//! Incidents and objectives as callers of the API meet them.

use std::net::Ipv4Addr;

use reqwest::Method;

use super::Incidents;
use super::api::{IncidentDocument, IncidentList, ObjectivesReport};
use super::tests::{Api, Fake, SCRIPT, now};
use crate::model::{Event, EventKind, State};
use crate::plan::incidents::{Incident, IncidentLog};

impl Incidents for Fake {
    fn incidents(&self, before: Option<u64>, limit: usize) -> IncidentList {
        let mut incidents: Vec<Incident> = self.incidents.lock().unwrap().iter().rev().cloned().collect();
        incidents.retain(|incident| before.is_none_or(|before| incident.id < before));
        let next_before = (incidents.len() > limit).then(|| incidents[limit - 1].id);
        incidents.truncate(limit);
        IncidentList { schema: IncidentList::SCHEMA.into(), node: "ns1".into(), time: now(), incidents, next_before }
    }

    fn incident(&self, id: u64) -> Option<IncidentDocument> {
        let incident = self.incidents.lock().unwrap().iter().find(|incident| incident.id == id)?.clone();
        Some(IncidentDocument { schema: IncidentDocument::SCHEMA.into(), time: now(), incident })
    }

    fn objectives(&self) -> ObjectivesReport {
        let (schema, month) = (ObjectivesReport::SCHEMA.into(), "2026-05".into());
        ObjectivesReport { schema, node: "ns1".into(), time: now(), month, services: vec![] }
    }
}

/// An incident whose every text is hostile.
pub(super) fn hostile_incident() -> Incident {
    let mut log = IncidentLog::default();
    let kind = EventKind::Verdict {
        service: SCRIPT.into(),
        site: SCRIPT.into(),
        address: Ipv4Addr::new(192, 0, 2, 1).into(),
        from: State::Up,
        to: State::Down,
        reason: format!("{SCRIPT}\n| a | b |"),
        transcript: None,
        first_failed: Some(now()),
    };
    log.take(&Event { id: 7, time: now(), node: SCRIPT.into(), kind });
    log.incident(7).unwrap().clone()
}

#[tokio::test]
async fn incidents_are_paged_and_come_as_json_or_markdown() {
    let api = Api::start().await;
    let get = async |path: &str| api.socket(Method::GET, path).send().await.unwrap();
    let one = hostile_incident();
    for id in 1..=30 {
        api.fake.incidents.lock().unwrap().push(Incident { id, ..one.clone() });
    }
    let page: IncidentList = get("/api/v1/incidents?limit=3&before=20").await.json().await.unwrap();
    assert_eq!(page.incidents.iter().map(|incident| incident.id).collect::<Vec<_>>(), [19, 18, 17]);
    assert_eq!(page.next_before, Some(17));
    for bad in ["limit=0", "limit=101", "limit=x", "before=-1"] {
        assert_eq!(get(&format!("/api/v1/incidents?{bad}")).await.status(), 400, "{bad}");
    }
    let document: IncidentDocument = get("/api/v1/incidents/7").await.json().await.unwrap();
    assert_eq!((document.incident.id, document.schema.as_str()), (7, "waypost.incident/1"));
    let page = get("/api/v1/incidents/7?format=md").await;
    assert_eq!(page.headers()["content-type"], "text/markdown; charset=utf-8");
    let text = page.text().await.unwrap();
    assert!(text.starts_with("# Incident 7: ") && text.contains("2026-05-01T12:00:00.000Z"), "{text}");
    assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("\n| a |"), "{text}");
    for unknown in ["/api/v1/incidents/31", "/api/v1/incidents/x", "/api/v1/incidents/7/x"] {
        assert_eq!(get(unknown).await.status(), 404, "{unknown}");
    }
    assert_eq!(get("/api/v1/incidents/7?format=pdf").await.status(), 400);
    assert_eq!(get("/api/v1/objectives").await.json::<ObjectivesReport>().await.unwrap().month, "2026-05");
}
