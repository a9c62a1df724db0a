//! The audit journal as callers of the API meet it.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Method;

use super::api::{AuditReport, AuditStatus, Events, ExplainQuery, PastAnswer, PastQuery};
use super::tests::{Api, Fake};
use super::{Audit, Problem, ProblemKind};
use crate::model::{ChainBeginning, ChainFinding, ChainMark, Event, ExportCheck, Link, LinkHash};

impl Fake {
    /// The journal, chained.
    fn chained(&self) -> Vec<Link> {
        let mut hash = LinkHash::GENESIS;
        let link = |event: Event| {
            let entry = serde_json::to_string(&event).unwrap();
            hash = hash.next(&entry);
            Link { id: event.id, entry, previous: None, hash }
        };
        self.journal().into_iter().map(link).collect()
    }
}

impl Audit for Fake {
    fn audit(&self) -> BoxFuture<'_, Result<AuditStatus, Problem>> {
        let links = self.chained();
        let cause = crate::model::BeginningCause::New;
        let beginning = ChainBeginning { first: 1, previous: LinkHash::GENESIS, cause };
        Box::pin(async move {
            Ok(AuditStatus {
                schema: AuditStatus::SCHEMA.into(),
                node: "ns1".into(),
                beginning: (!links.is_empty()).then_some(beginning),
                head: links.last().map(|link| ChainMark { id: link.id, hash: link.hash }),
                oldest: links.first().map(|link| link.id),
                checkpoints: vec![],
            })
        })
    }

    fn verify(&self, known: Vec<ChainMark>) -> BoxFuture<'_, Result<AuditReport, Problem>> {
        let findings = known.iter().map(|mark| ChainFinding::Rewritten { id: mark.id }).collect();
        Box::pin(async move {
            Ok(AuditReport {
                schema: AuditReport::SCHEMA.into(),
                node: "ns1".into(),
                entries: 0,
                unchained: 0,
                head: None,
                checkpoints: known.len(),
                uncompared: 0,
                findings,
            })
        })
    }

    fn links(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Link>, Problem>> {
        let links = self.chained().into_iter().filter(|link| link.id > after).take(limit).collect();
        Box::pin(async { Ok(links) })
    }

    fn first_since(&self, time: Timestamp) -> BoxFuture<'_, Result<u64, Problem>> {
        let before = self.journal().iter().filter(|event| event.time < time).count();
        let first = before as u64 + 1;
        Box::pin(async move { Ok(first) })
    }

    fn explain_at(&self, query: ExplainQuery, _: PastQuery) -> BoxFuture<'_, Result<PastAnswer, Problem>> {
        Box::pin(async move { Err(Problem::new(ProblemKind::NotFound, format!("nothing of {} is kept", query.name))) })
    }
}

#[tokio::test]
async fn an_export_has_every_entry_between_a_head_and_an_end() {
    let api = Api::start().await;
    let get = async |path: &str| api.socket(Method::GET, path).send().await.unwrap();
    assert_eq!(get("/api/v1/audit/export").await.status(), 404, "nothing is there yet");
    for _ in 0..2_500 {
        api.fake.happens("geo");
    }
    let response = get("/api/v1/audit/export").await;
    assert_eq!(response.headers()["content-type"], "application/jsonl; charset=utf-8");
    let text = response.text().await.unwrap();
    let mut check = ExportCheck::new(Vec::new());
    text.lines().for_each(|line| check.take(line));
    let (report, head) = check.end();
    assert_eq!((report.findings, report.entries, head.unwrap().node.as_str()), (vec![], 2_500, "ns1"));
    let none = get("/api/v1/audit/export?since=2027-01-01T00:00:00Z").await.text().await.unwrap();
    let mut check = ExportCheck::new(Vec::new());
    none.lines().for_each(|line| check.take(line));
    let report = check.end().0;
    assert_eq!((report.findings, report.entries, none.lines().count()), (vec![], 0, 2));
    assert_eq!(get("/api/v1/audit/export?since=yesterday").await.status(), 400);
}

#[tokio::test]
async fn the_journal_is_paged_by_time() {
    let api = Api::start().await;
    for _ in 0..5 {
        api.fake.happens("geo");
    }
    let ids = async |query: &str| {
        let page: Events =
            api.socket(Method::GET, &format!("/api/v1/events?{query}")).send().await.unwrap().json().await.unwrap();
        page.events.iter().map(|event| event.id).collect::<Vec<_>>()
    };
    // The fake's events are all of one moment.
    assert_eq!(ids("since=2026-05-01T12:00:00Z").await, [1, 2, 3, 4, 5]);
    assert_eq!(ids("since=2026-05-01T12:00:00Z&after=3&limit=1").await, [4]);
    assert_eq!(ids("since=2026-05-01T12:00:01Z").await, [0_u64; 0]);
    assert_eq!(ids("until=2026-05-01T12:00:00Z").await, [0_u64; 0]);
    assert_eq!(ids("until=2026-05-01T12:00:01Z&limit=2").await, [4, 5]);
}

#[tokio::test]
async fn checkpoints_come_with_the_request_and_are_read_strictly() {
    let api = Api::start().await;
    let get = async |path: &str| api.socket(Method::GET, path).send().await.unwrap();
    let mark = ChainMark { id: 3, hash: LinkHash::GENESIS.next("x") };
    let path = format!("/api/v1/audit/verify?checkpoints={mark}");
    let report: AuditReport = get(&path).await.json().await.unwrap();
    assert_eq!(report.findings, [ChainFinding::Rewritten { id: 3 }]);
    assert_eq!(get("/api/v1/audit/verify?checkpoints=3:xyz").await.status(), 400);
    let many = vec![mark.to_string(); 33].join(",");
    assert_eq!(get(&format!("/api/v1/audit/verify?checkpoints={many}")).await.status(), 400);
    for path in ["/api/v1/audit", "/api/v1/audit/verify", "/api/v1/audit/export"] {
        assert_eq!(api.tcp(Method::GET, path).send().await.unwrap().status(), 401, "{path}");
    }
    assert_eq!(get("/api/v1/explain?name=a.example&at=2026-01-01T00:00:00Z").await.status(), 404);
    assert_eq!(get("/api/v1/explain?name=a.example&at=noon").await.status(), 400);
}
