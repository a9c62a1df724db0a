//! `token`: who may use API and command line over TCP.

use comfy_table::Cell;
use jiff::{SignedDuration, Timestamp};

use super::arguments::Token;
use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use super::retyped::quoted;
use super::table::{Page, table};
use crate::admin::api::words::{moment, moment_and_distance, plain};
use crate::admin::api::{TokenCreated, TokenRequest, Tokens};
use crate::model::Remit;

pub(super) async fn token(node: &Node, output: &Output, command: Token) -> Result<Exit, Failure> {
    match command {
        Token::Create { name, role, site, duration } => {
            let expires = duration
                .map(|duration| {
                    SignedDuration::try_from(duration)
                        .ok()
                        .and_then(|duration| Timestamp::now().checked_add(duration).ok())
                        .ok_or_else(|| Failure::Usage("--for reaches beyond the end of time".into()))
                })
                .transpose()?;
            let remit = if site.is_empty() { Remit::Everywhere } else { Remit::Sites(site.into_iter().collect()) };
            let created: TokenCreated =
                node.post("/api/v1/tokens", &TokenRequest { name, role, remit, expires }).await?;
            match output.format() {
                Format::Json => output.json(&created)?,
                Format::Jsonl => output.compact(&created)?,
                // A name would lose the secret, which is shown but once.
                Format::Table | Format::Wide | Format::Name => {
                    output.line(&created.secret)?;
                    let undo = node.typed(&format!("waypost token revoke {}", quoted(&created.token.name)));
                    output.progress(&format!(
                        "token '{}' with role {} for {}: keep it now, it is not shown again; undo: {}",
                        plain(&created.token.name),
                        created.token.role,
                        plain(&sites(&created.token.remit)),
                        plain(&undo)
                    ));
                }
            }
        }
        Token::List => {
            let tokens: Tokens = node.get("/api/v1/tokens", &[]).await?;
            output.show(&tokens, |_| vec![render(&tokens, output.page(), Timestamp::now())])?;
        }
        Token::Revoke { name } => {
            node.delete("/api/v1/tokens", &name).await?;
            output.progress(&format!("token '{}' revoked", plain(&name)));
        }
    }
    Ok(Exit::Done)
}

/// Which sites, as it follows "for".
fn sites(remit: &Remit) -> String {
    if remit.is_everywhere() { "all sites".to_owned() } else { remit.to_string() }
}

fn render(tokens: &Tokens, page: Page, now: Timestamp) -> String {
    let rows = tokens.tokens.iter().map(|token| {
        vec![
            Cell::new(plain(&token.name)),
            Cell::new(token.role),
            Cell::new(plain(&token.remit.to_string())),
            Cell::new(moment(token.created)),
            Cell::new(plain(&token.by)),
            Cell::new(token.expires.map_or_else(|| "never".to_owned(), |end| moment_and_distance(end, now))),
        ]
    });
    table(page, &["NAME", "ROLE", "SITES", "MADE", "BY", "EXPIRES"], rows.collect())
}
