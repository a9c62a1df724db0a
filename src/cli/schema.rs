//! `schema`: the JSON Schema of every document that commands print, made from the types that are printed.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::checked::Checked;
use super::exit::{Exit, Failure};
use super::key::{DsDocument, KeysetDocument, Keysets};
use super::output::{Format, Output};
use super::replay::{Compared, Comparison};
use crate::admin::api::{
    AnswerDifference, AuditReport, AuditStatus, ChangedAnswer, Drained, DrillBegun, DrillReport, Drills, Events,
    Explanation, IncidentDocument, IncidentList, LiftOutcome, NotificationTried, NotificationsReport, ObjectivesReport,
    OrderOutcome, PastAnswer, ProbeReport, ProbeResult, ProblemDocument, ReloadOutcome, ServiceObjectives,
    SiteForecast, Status, StoreAccepted, StoreStatus, TargetReport, TokenCreated, Tokens, WhatIf,
};
use crate::config::Diagnostic;
use crate::model::{ChainFinding, Event, ExportHead, Token};
use crate::plan::incidents::Incident;

/// Which edition of JSON Schema is spoken.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Where schemas of parts stand in the OpenAPI document, and where in ours.
const COMPONENTS: (&str, &str) = ("#/components/schemas/", "#/$defs/");

/// A document with a schema.
struct Published {
    /// What stands in its member `schema`.
    name: &'static str,
    /// Who prints it.
    by: &'static str,
    /// Its schema.
    schema: fn(&'static str) -> Result<Value, Failure>,
}

const fn published<T: ToSchema>(name: &'static str, by: &'static str) -> Published {
    Published { name, by, schema: whole::<T> }
}

/// Of an item of a list, which has the member `schema` where it is printed by itself.
const fn item<T: ToSchema>(name: &'static str, by: &'static str) -> Published {
    Published { name, by, schema: by_itself::<T> }
}

/// All documents.
const DOCUMENTS: &[Published] = &[
    published::<ExportHead>(ExportHead::SCHEMA, "audit export, its first line"),
    published::<AuditReport>(AuditReport::SCHEMA, "audit verify -o json"),
    item::<ChainFinding>("waypost.audit-finding/1", "audit verify -o jsonl"),
    published::<AuditStatus>(AuditStatus::SCHEMA, "audit status"),
    published::<Checked>(Checked::SCHEMA, "check -o json"),
    item::<Diagnostic>("waypost.diagnostic/1", "check -o jsonl"),
    published::<AnswerDifference>(AnswerDifference::SCHEMA, "diff -o json"),
    item::<ChangedAnswer>("waypost.changed-answer/1", "diff -o jsonl"),
    published::<Drained>(Drained::SCHEMA, "wait, drain --wait"),
    published::<Drills>(Drills::SCHEMA, "drill list -o json"),
    published::<DrillReport>(DrillReport::SCHEMA, "drill show, drill report, drill list -o jsonl"),
    published::<DrillBegun>(DrillBegun::SCHEMA, "drill run"),
    published::<DsDocument>(DsDocument::SCHEMA, "key ds"),
    published::<Events>(Events::SCHEMA, "events -o json"),
    item::<Event>("waypost.event/1", "events -o jsonl, events --follow"),
    published::<Explanation>(Explanation::SCHEMA, "explain"),
    published::<PastAnswer>(PastAnswer::SCHEMA, "explain --at"),
    published::<IncidentDocument>(IncidentDocument::SCHEMA, "incident ID"),
    published::<IncidentList>(IncidentList::SCHEMA, "incident -o json"),
    item::<Incident>("waypost.incident-entry/1", "incident -o jsonl"),
    published::<Keysets>(Keysets::SCHEMA, "key list, key generate, key rollover -o json"),
    item::<KeysetDocument>("waypost.keyset/1", "key list, key generate, key rollover -o jsonl"),
    published::<LiftOutcome>(LiftOutcome::SCHEMA, "undrain"),
    published::<NotificationTried>(NotificationTried::SCHEMA, "notify test"),
    published::<NotificationsReport>(NotificationsReport::SCHEMA, "notify list -o json"),
    item::<TargetReport>("waypost.notify-target/1", "notify list -o jsonl"),
    published::<ObjectivesReport>(ObjectivesReport::SCHEMA, "objectives -o json"),
    item::<ServiceObjectives>("waypost.objective/1", "objectives -o jsonl"),
    published::<OrderOutcome>(OrderOutcome::SCHEMA, "drain, isolate, pin"),
    published::<ProbeReport>(ProbeReport::SCHEMA, "probe -o json"),
    item::<ProbeResult>("waypost.probe-result/1", "probe -o jsonl"),
    published::<ReloadOutcome>(ReloadOutcome::SCHEMA, "reload"),
    published::<Comparison>(Comparison::SCHEMA, "replay -o json"),
    item::<Compared>("waypost.replay-place/1", "replay -o jsonl"),
    published::<Status>(Status::SCHEMA, "status"),
    published::<StoreStatus>(StoreStatus::SCHEMA, "store status"),
    published::<StoreAccepted>(StoreAccepted::SCHEMA, "store accept"),
    published::<TokenCreated>(TokenCreated::SCHEMA, "token create"),
    published::<Tokens>(Tokens::SCHEMA, "token list -o json"),
    item::<Token>("waypost.token-entry/1", "token list -o jsonl"),
    published::<WhatIf>(WhatIf::SCHEMA, "whatif -o json"),
    item::<SiteForecast>("waypost.site-forecast/1", "whatif -o jsonl"),
    published::<ProblemDocument>("problem", "every command that a node refuses, on stderr"),
];

/// `waypost schema [NAME]`
pub(super) fn schema(output: &Output, name: Option<&str>) -> Result<Exit, Failure> {
    let Some(name) = name else { return list(output) };
    let Some(document) = DOCUMENTS.iter().find(|document| document.name == name) else {
        let close = DOCUMENTS.iter().max_by(|a, b| {
            let near = |document: &Published| strsim::jaro(document.name, name);
            near(a).total_cmp(&near(b))
        });
        let meant = close.map_or_else(String::new, |document| format!("; did you mean {}", document.name));
        return Err(Failure::Usage(format!("there is no document '{name}'{meant}? All of them: waypost schema")));
    };
    let schema = (document.schema)(document.name)?;
    if output.format() == Format::Jsonl {
        output.compact(&schema)?
    } else {
        output.json(&schema)?
    }
    Ok(Exit::Done)
}

fn list(output: &Output) -> Result<Exit, Failure> {
    for Published { name, by, schema } in DOCUMENTS {
        match output.format() {
            Format::Json | Format::Jsonl => output.compact(&schema(name)?)?,
            Format::Name => output.line(name)?,
            Format::Table | Format::Wide => output.line(&format!("{name:<31}{by}"))?,
        }
    }
    Ok(Exit::Done)
}

fn whole<T: ToSchema>(name: &'static str) -> Result<Value, Failure> {
    let mut parts: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut parts);
    let fault = |error: serde_json::Error| Failure::Fault(error.to_string());
    let mut definitions = Map::new();
    for (part, schema) in parts {
        definitions.insert(part, moved(serde_json::to_value(schema).map_err(fault)?));
    }
    let itself = moved(serde_json::to_value(T::schema()).map_err(fault)?);
    let mut document = json!({ "$schema": DIALECT, "$id": format!("urn:waypost:schema:{name}"), "title": name });
    if let (Value::Object(document), Value::Object(itself)) = (&mut document, itself) {
        document.extend(itself);
        document.insert("$defs".to_owned(), Value::Object(definitions));
    }
    Ok(document)
}

fn by_itself<T: ToSchema>(name: &'static str) -> Result<Value, Failure> {
    let inner = whole::<T>(name)?;
    // Whatever form the item has, it comes with its schema beside.
    let mut outer = json!({
        "$schema": DIALECT, "$id": format!("urn:waypost:schema:{name}"), "title": name, "type": "object",
        "properties": { "schema": { "const": name } }, "required": ["schema"]
    });
    if let (Value::Object(outer), Value::Object(mut inner)) = (&mut outer, inner) {
        let definitions = inner.remove("$defs").unwrap_or_default();
        for key in ["$schema", "$id", "title"] {
            inner.remove(key);
        }
        outer.insert("allOf".to_owned(), json!([inner]));
        outer.insert("$defs".to_owned(), definitions);
    }
    Ok(outer)
}

/// A schema whose parts stand below `$defs`.
fn moved(schema: Value) -> Value {
    match schema {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, member)| match member {
                    Value::String(target) if name == "$ref" => {
                        let (from, to) = COMPONENTS;
                        (name, Value::from(target.replacen(from, to, 1)))
                    }
                    member => (name, moved(member)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(moved).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All `$ref`s of a schema.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, member)| match member {
                Value::String(target) if name == "$ref" => found.push(target.clone()),
                member => references(member, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_stands_by_itself_and_has_a_name_of_its_own() {
        let mut names: Vec<&str> = DOCUMENTS.iter().map(|document| document.name).collect();
        for document in DOCUMENTS {
            let schema = (document.schema)(document.name).unwrap();
            let mut found = Vec::new();
            references(&schema, &mut found);
            for target in found {
                let part = target.strip_prefix("#/$defs/").unwrap_or_else(|| panic!("{}: {target}", document.name));
                assert!(schema["$defs"].get(part).is_some(), "{}: {target}", document.name);
            }
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DOCUMENTS.len());
    }
}
