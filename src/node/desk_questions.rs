//! The desk and questions: what somebody who wants an answer explained has typed.

use std::net::IpAddr;

use hickory_proto::rr::RecordType;
use ipnet::IpNet;

use crate::admin::api::ExplainQuery;
use crate::admin::{Problem, ProblemKind};
use crate::answer::{Client, ClientSubnet, Question};
use crate::model::Name;

/// What a query for an explanation asks, and for whom.
///
/// # Errors
/// If name, type or client cannot be read.
pub(super) fn asked(query: &ExplainQuery) -> Result<(Question, Client), Problem> {
    let invalid = |what: String| Problem::new(ProblemKind::Invalid, what);
    let name: Name =
        query.name.parse().map_err(|error| invalid(format!("'{}' is not a domain name: {error}", query.name)))?;
    let rtype = query.rtype.as_deref().unwrap_or("A").to_ascii_uppercase();
    let rtype: RecordType = rtype.parse().map_err(|_| {
        invalid(format!("'{rtype}' is not a record type"))
            .with_remedy("name a type, as in MX, A, AAAA, TXT or TYPE65280")
    })?;
    let client = client(query.client.as_deref())
        .map_err(|what| invalid(what).with_remedy("name an address, or a network as in 192.0.2.0/24"))?;
    Ok((Question::new(name, rtype), client))
}

/// A client from what an operator types: an address that asks by itself, or a network that a resolver tells of.
fn client(text: Option<&str>) -> Result<Client, String> {
    let Some(text) = text else { return Ok(Client::new(IpAddr::from([127, 0, 0, 1]))) };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Client::new(address));
    }
    let net: IpNet = text.parse().map_err(|_| format!("'{text}' is neither an address nor a network"))?;
    let subnet = ClientSubnet::new(net.network(), net.prefix_len()).map_err(|error| error.to_string())?;
    Ok(Client { subnet: Some(subnet), ..Client::new(net.addr()) })
}
