//! The desk on the audit journal and on past answers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use data_encoding::HEXLOWER;
use futures_util::future::{BoxFuture, FutureExt};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::EdnsOption;
use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;

use super::desk::Desk;
use super::desk_questions::asked;
use super::history::{self, Past, PastFault};
use crate::admin::api::{AuditReport, AuditStatus, ExplainQuery, PastAnswer, PastQuery};
use crate::admin::{Audit, Problem, ProblemKind};
use crate::answer::{Client, ClientSubnet, Explanation, Question, Transport};
use crate::model::{ChainMark, Checkpoint, Link, Share};
use crate::serve::{Outcome, Responder, Setup, Usage};
use crate::store::check_chain;

/// Checkpoints that a status shows.
const SHOWN: usize = 10;
/// Port that a past query is taken to come from: no answer hangs on it.
const PORT: u16 = 53_000;

impl Audit for Desk {
    fn audit(&self) -> BoxFuture<'_, Result<AuditStatus, Problem>> {
        async move {
            let state = self.blocking(|store| store.chain()).await?;
            let known = self.checkpoints.known();
            let checkpoints: Vec<Checkpoint> = known.iter().skip(known.len().saturating_sub(SHOWN)).copied().collect();
            Ok(AuditStatus {
                schema: AuditStatus::SCHEMA.to_owned(),
                node: self.at_start.node.name.clone(),
                beginning: state.beginning,
                head: state.head,
                oldest: state.oldest,
                checkpoints,
            })
        }
        .boxed()
    }

    fn verify(&self, known: Vec<ChainMark>) -> BoxFuture<'_, Result<AuditReport, Problem>> {
        async move {
            let mut known = known;
            known.extend(self.checkpoints.known().iter().map(|checkpoint| checkpoint.mark));
            let turn = self.past_turn().await;
            let checked = self.blocking(move |store| {
                let _turn = turn;
                check_chain(store, known)
            });
            let checked = checked.await?;
            Ok(AuditReport {
                schema: AuditReport::SCHEMA.to_owned(),
                node: self.at_start.node.name.clone(),
                entries: checked.entries,
                unchained: checked.unchained,
                head: checked.head,
                checkpoints: checked.compared,
                uncompared: checked.uncompared,
                findings: checked.findings,
            })
        }
        .boxed()
    }

    fn links(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Link>, Problem>> {
        self.blocking(move |store| store.links(after, limit)).boxed()
    }

    fn first_since(&self, time: Timestamp) -> BoxFuture<'_, Result<u64, Problem>> {
        self.blocking(move |store| store.first_since(time)).boxed()
    }

    fn explain_at(&self, query: ExplainQuery, past: PastQuery) -> BoxFuture<'_, Result<PastAnswer, Problem>> {
        async move {
            let now = self.clock.wall();
            let at = past.at.unwrap_or(now);
            if at > now {
                return Err(Problem::new(ProblemKind::Invalid, format!("{at} is not past yet"))
                    .with_remedy("leave out the time for what is answered now"));
            }
            let (question, client) = asked(&query)?;
            let turn = self.past_turn().await;
            if let Some(since) = self.history.unwritten_since().filter(|since| *since <= at) {
                return Err(problem(PastFault::NotKept(history::unwritten(since))));
            }
            let (directory, name) = (history::directory(&self.at_start), question.name.clone());
            let work = move || {
                let _turn = turn;
                Past::at(&directory, at, &name)
            };
            let found = tokio::task::spawn_blocking(work).await;
            let found =
                found.map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?.map_err(problem)?;
            answer(found, &question, client, &past, at).await
        }
        .boxed()
    }
}

impl Desk {
    /// One look at all of the past at a time: each costs as much as a reload. What holds the turn is the work, for who asked may
    /// go away while it is done.
    async fn past_turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.past).lock_owned().await
    }
}

fn problem(fault: PastFault) -> Problem {
    let kind = match fault {
        PastFault::NotKept(_) => ProblemKind::NotFound,
        PastFault::Unreadable(_) => ProblemKind::Unavailable,
    };
    Problem::new(kind, fault.to_string())
        .with_remedy("[audit] history in the configuration says how much is kept; deploy/guides/audit.md tells what of")
}

/// What `past` gives for `question`, through the same handler that answers everyone.
async fn answer(
    past: Past,
    question: &Question,
    client: Client,
    asked: &PastQuery,
    at: Timestamp,
) -> Result<PastAnswer, Problem> {
    let internal = |detail: String| Problem::new(ProblemKind::Internal, detail);
    let Past { tables, settings, generation, since, mut caveats } = past;
    let query = message(question, &client, asked).to_vec().map_err(|error| internal(error.to_string()))?;
    let explanation = tables.explain(question, &client, 0);
    caveats.extend(chances(&explanation));
    let is_signed = tables.zones().find(&question.name.key()).is_some_and(|zone| zone.policy().dnssec.is_some());
    if is_signed {
        caveats.push("the zone was signed: signatures are made anew each time, and are not in this answer".to_owned());
    }
    let tables = Arc::new(ArcSwap::from_pointee(tables));
    let usage = Arc::new(Usage::new(std::time::Instant::now()));
    let responder = Responder::new(Setup::of(&settings, tables, usage));
    let source = SocketAddr::new(client.source, PORT);
    let Outcome::Reply(octets) = responder.respond(&query, source, Transport::Udp).await else {
        return Err(internal("the query got no answer".to_owned()));
    };
    let reply = Message::from_vec(&octets).map_err(|error| internal(error.to_string()))?;
    let detail = serde_json::to_value(&explanation).map_err(|error| internal(error.to_string()))?;
    Ok(PastAnswer {
        schema: PastAnswer::SCHEMA.to_owned(),
        node: settings.node.name,
        at,
        generation,
        since,
        query: HEXLOWER.encode(&query),
        answer: HEXLOWER.encode(&octets),
        rcode: explanation.rcode.clone(),
        ttl: reply.answers.iter().map(|record| record.ttl).min(),
        lines: explanation.lines,
        caveats,
        detail,
    })
}

/// The query as it is taken to have been, with message id 0.
fn message(question: &Question, client: &Client, asked: &PastQuery) -> Message {
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = asked.recursion_desired.unwrap_or_default();
    message.add_query(Query::query(question.name.to_rr(), question.rtype));
    let dnssec_ok = asked.dnssec_ok.unwrap_or_default();
    if asked.edns.is_some() || dnssec_ok || client.subnet.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(asked.edns.unwrap_or(EDNS_PAYLOAD));
        edns.set_version(0);
        edns.set_dnssec_ok(dnssec_ok);
        if let Some(subnet) = &client.subnet {
            edns.options_mut().insert(EdnsOption::Unknown(ClientSubnet::CODE, subnet_option(subnet)));
        }
        message.set_edns(edns);
    }
    message
}

/// The option that tells of `subnet` (RFC 7871 section 6).
fn subnet_option(subnet: &ClientSubnet) -> Vec<u8> {
    let (family, address) = match subnet.address() {
        IpAddr::V4(address) => (1_u16, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    let prefix = subnet.source_prefix();
    let mut data = family.to_be_bytes().to_vec();
    data.extend([prefix, 0]);
    data.extend(address.into_iter().take(usize::from(prefix).div_ceil(8)));
    data
}

/// What a query advertises that does not say (DESIGN section 10).
const EDNS_PAYLOAD: u16 = 1232;

/// What of an answer was drawn by chance, or by how much was asked.
fn chances(explanation: &Explanation) -> Vec<String> {
    let mut chances = Vec::new();
    for set in &explanation.steered {
        let (owner, rtype) = (&set.owner, &set.rtype);
        if set.policy == "weighted" {
            chances.push(format!("{owner} {rtype} was drawn by weights for each query: this is one of the answers"));
        }
        let is_part = |share: Share| share != Share::NONE && share != Share::ALL;
        if set.sites.iter().any(|site| is_part(site.drained)) {
            chances.push(format!("part of the clients of {owner} {rtype} was moved by a drain, drawn for each query"));
        }
    }
    chances
}
