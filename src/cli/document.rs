//! What commands print for programs: whole, item by item, or the names alone.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::exit::Failure;
use crate::admin::api::{
    AuditReport, AuditStatus, Drained, DrillBegun, DrillReport, Drills, Explanation, IncidentDocument, IncidentList,
    LiftOutcome, NotificationTried, NotificationsReport, ObjectivesReport, OrderOutcome, PastAnswer, ProbeReport,
    ReloadOutcome, Status, StoreAccepted, StoreStatus, TokenCreated, Tokens, WhatIf,
};

/// A document that a command prints.
pub(super) trait Document: Serialize {
    /// Where a list keeps its items, and the `schema` of one.
    const LIST: Option<(&'static str, &'static str)> = None;

    /// The names of what it is about.
    fn names(&self) -> Vec<String>;

    /// Each item of a list, as a document of its own; what is no list is its only item.
    fn items(&self) -> Result<Vec<Value>, Failure> {
        let fault = |error: serde_json::Error| Failure::Fault(error.to_string());
        let whole = serde_json::to_value(self).map_err(fault)?;
        let Some((list, schema)) = Self::LIST else { return Ok(vec![whole]) };
        let items = whole.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(items.into_iter().map(|item| with_schema(item, schema)).collect())
    }
}

impl Document for Drills {
    const LIST: Option<(&'static str, &'static str)> = Some(("drills", DrillReport::SCHEMA));

    fn names(&self) -> Vec<String> {
        self.drills.iter().map(|drill| drill.id.clone()).collect()
    }
}

impl Document for DrillReport {
    fn names(&self) -> Vec<String> {
        vec![self.drill.id.clone()]
    }
}

impl Document for DrillBegun {
    fn names(&self) -> Vec<String> {
        vec![self.drill.id.clone()]
    }
}

/// `item` with its schema as first member.
pub(super) fn with_schema(item: Value, schema: &str) -> Value {
    let Value::Object(members) = item else { return item };
    let first = ("schema".to_owned(), Value::from(schema));
    Value::Object(std::iter::once(first).chain(members).collect())
}

/// A document of the node as it came, with what this version does not know of it.
pub(super) struct AsSent {
    pub(super) document: Value,
    pub(super) names: Vec<String>,
}

impl Serialize for AsSent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}

impl Document for AsSent {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }
}

/// `SERVICE/SITE`, of every site of every service.
pub(super) fn sites(status: &Status) -> Vec<String> {
    let of = |service: &crate::admin::api::ServiceStatus| {
        service.sites.iter().map(|site| format!("{}/{}", service.name, site.name)).collect::<Vec<_>>()
    };
    status.services.iter().flat_map(of).collect()
}

impl Document for Tokens {
    const LIST: Option<(&'static str, &'static str)> = Some(("tokens", "waypost.token-entry/1"));

    fn names(&self) -> Vec<String> {
        self.tokens.iter().map(|token| token.name.clone()).collect()
    }
}

impl Document for TokenCreated {
    fn names(&self) -> Vec<String> {
        vec![self.token.name.clone()]
    }
}

impl Document for WhatIf {
    const LIST: Option<(&'static str, &'static str)> = Some(("sites", "waypost.site-forecast/1"));

    fn names(&self) -> Vec<String> {
        self.sites.iter().map(|site| site.site.clone()).collect()
    }
}

impl Document for ProbeReport {
    const LIST: Option<(&'static str, &'static str)> = Some(("probes", "waypost.probe-result/1"));

    fn names(&self) -> Vec<String> {
        self.probes.iter().map(|probe| format!("{}/{}", probe.service, probe.address)).collect()
    }
}

impl Document for Explanation {
    fn names(&self) -> Vec<String> {
        let answer = self.detail.get("answer").and_then(Value::as_array).cloned().unwrap_or_default();
        answer.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

impl Document for StoreStatus {
    fn names(&self) -> Vec<String> {
        self.known_orders.clone()
    }
}

impl Document for StoreAccepted {
    fn names(&self) -> Vec<String> {
        vec![self.orders.to_string()]
    }
}

impl Document for OrderOutcome {
    fn names(&self) -> Vec<String> {
        vec![self.intent.scope.to_string()]
    }
}

impl Document for LiftOutcome {
    fn names(&self) -> Vec<String> {
        self.intent.iter().map(|intent| intent.scope.to_string()).collect()
    }
}

impl Document for ReloadOutcome {
    fn names(&self) -> Vec<String> {
        vec![self.generation.to_string()]
    }
}

impl Document for PastAnswer {
    fn names(&self) -> Vec<String> {
        vec![self.answer.clone()]
    }
}

impl Document for AuditStatus {
    fn names(&self) -> Vec<String> {
        self.head.iter().map(ToString::to_string).collect()
    }
}

impl Document for AuditReport {
    const LIST: Option<(&'static str, &'static str)> = Some(("findings", "waypost.audit-finding/1"));

    fn names(&self) -> Vec<String> {
        self.findings.iter().map(ToString::to_string).collect()
    }
}

impl Document for Drained {
    fn names(&self) -> Vec<String> {
        vec![self.scope.to_string()]
    }
}

impl Document for IncidentDocument {
    fn names(&self) -> Vec<String> {
        vec![self.incident.id.to_string()]
    }
}

impl Document for IncidentList {
    const LIST: Option<(&'static str, &'static str)> = Some(("incidents", "waypost.incident-entry/1"));

    fn names(&self) -> Vec<String> {
        self.incidents.iter().map(|incident| incident.id.to_string()).collect()
    }
}

impl Document for NotificationsReport {
    const LIST: Option<(&'static str, &'static str)> = Some(("targets", "waypost.notify-target/1"));

    fn names(&self) -> Vec<String> {
        self.targets.iter().map(|target| target.name.clone()).collect()
    }
}

impl Document for NotificationTried {
    fn names(&self) -> Vec<String> {
        vec![self.target.clone()]
    }
}

impl Document for ObjectivesReport {
    const LIST: Option<(&'static str, &'static str)> = Some(("services", "waypost.objective/1"));

    fn names(&self) -> Vec<String> {
        self.services.iter().map(|service| service.service.clone()).collect()
    }
}
