//! Signing in through a provider that knows people (OpenID Connect Core 1.0, the authorization code flow with PKCE).
//!
//! Nothing is kept of a sign-in that has begun: the browser brings one secret back in a cookie of its own, and state, nonce and
//! the verifier of PKCE follow from it. What the provider says is believed for its signature under keys that it publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::{Certificate, Client, RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex, Semaphore};

use super::bounds::{
    CERTIFICATE_OCTETS, IDENTITY_CHARACTERS, IDENTITY_VALUES, PROVIDER_DOCUMENT_BYTES, PROVIDER_KEYS_AGE,
    PROVIDER_PLACES, PROVIDER_TIME, SECRET_FILE_BYTES,
};
use super::words::plain;
use crate::model::{Oidc, Remit, Role};

/// Signatures that are believed. None of them is made with a secret that we know, too.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why nobody was signed in through the provider.
#[derive(Debug, thiserror::Error)]
pub(super) enum OidcError {
    /// It cannot be asked.
    #[error("the provider of identities cannot be asked: {0}")]
    Unreachable(String),
    /// It says what makes no sense.
    #[error("the provider of identities answers what is not right: {0}")]
    Wrong(String),
    /// It says no.
    #[error("the provider of identities refuses: {0}")]
    Refused(String),
    /// The way back does not belong to a way there.
    #[error("this sign-in was not begun in this browser, or too long ago; sign in again")]
    Unbegun,
    /// A file of ours cannot be used.
    #[error("{0}")]
    Configured(String),
    /// Too many sign in at this moment.
    #[error("too many people sign in at this moment; try again in a few seconds")]
    Busy,
}

/// What the provider says of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Who: `oidc:` and the claim, so that nobody there can be called as somebody here.
    pub(super) name: String,
    /// The values of the claim that grants roles.
    pub(super) values: BTreeSet<String>,
}

/// What whoever has `values` may do by `oidc`: the largest role that any of them grants, at all sites that go with that role.
pub(super) fn granted(oidc: &Oidc, values: &BTreeSet<String>) -> Option<(Role, Remit)> {
    let held = || oidc.grants.iter().filter(|grant| values.contains(&grant.value));
    let role = held().map(|grant| grant.role).max()?;
    let remits = held().filter(|grant| grant.role == role).map(|grant| grant.remit.clone());
    Some((role, remits.reduce(|these, those| these.and(&those)).unwrap_or_default()))
}

/// What a sign-in that has begun is recognised by.
pub(super) struct Begun {
    secret: String,
}

impl Begun {
    /// A new one.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        super::session::random().map(|secret| Self { secret })
    }

    /// The one that a browser brings back.
    pub(super) fn again(secret: &str) -> Self {
        Self { secret: secret.to_owned() }
    }

    /// What the browser keeps of it.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// What follows from it for one purpose and tells nothing of it.
    fn derived(&self, purpose: &str) -> String {
        BASE64URL_NOPAD.encode(&Sha256::digest(format!("waypost oidc {purpose} {}", self.secret)))
    }

    fn is_state(&self, state: &str) -> bool {
        self.derived("state").as_bytes().ct_eq(state.as_bytes()).into()
    }
}

/// What the provider publishes of itself.
#[derive(Clone, Debug, Deserialize)]
struct Published {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What was read of a provider, and when.
struct Known {
    settings: Oidc,
    published: Published,
    client: Client,
    keys: Option<(JwkSet, Instant)>,
    since: Instant,
}

/// The provider, as far as it is known.
pub(super) struct Provider {
    known: Mutex<Option<Known>>,
    places: Arc<Semaphore>,
}

impl Default for Provider {
    fn default() -> Self {
        Self { known: Mutex::default(), places: Arc::new(Semaphore::new(PROVIDER_PLACES)) }
    }
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    azp: Option<String>,
    aud: Value,
    sub: String,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl Provider {
    /// Where to send the browser, so that it comes back with a code.
    pub(super) async fn way_there(&self, oidc: &Oidc, begun: &Begun) -> Result<Url, OidcError> {
        let _place = self.places.try_acquire().map_err(|_| OidcError::Busy)?;
        let (_, published) = self.published(oidc).await?;
        let mut url = endpoint(oidc, &published.authorization_endpoint)?;
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(begun.derived("verifier")));
        let mut scopes = vec!["openid"];
        scopes.extend(oidc.scopes.iter().map(String::as_str));
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &oidc.client_id),
            ("redirect_uri", &oidc.redirect),
            ("scope", &scopes.join(" ")),
            ("state", &begun.derived("state")),
            ("nonce", &begun.derived("nonce")),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url)
    }

    /// Who came back with `code` and `state` to a sign-in that was begun.
    pub(super) async fn way_back(
        &self,
        oidc: &Oidc,
        begun: &Begun,
        code: &str,
        state: &str,
    ) -> Result<Identity, OidcError> {
        if !begun.is_state(state) {
            return Err(OidcError::Unbegun);
        }
        let _place = self.places.try_acquire().map_err(|_| OidcError::Busy)?;
        let (client, published) = self.published(oidc).await?;
        let verifier = begun.derived("verifier");
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &oidc.redirect),
            ("code_verifier", &verifier),
        ];
        let secret = oidc.secret.as_deref().map(secret).transpose()?;
        let mut request = client.post(endpoint(oidc, &published.token_endpoint)?);
        let methods = &published.token_endpoint_auth_methods_supported;
        let by_post = !methods.is_empty() && !methods.iter().any(|method| method == "client_secret_basic");
        match &secret {
            Some(secret) if !by_post => {
                request = request.basic_auth(encoded(&oidc.client_id), Some(encoded(secret)));
            }
            Some(secret) => form.extend([("client_id", oidc.client_id.as_str()), ("client_secret", secret)]),
            None => form.push(("client_id", &oidc.client_id)),
        }
        let tokens: Tokens = document(request.form(&form)).await?;
        let claims = self.believed(oidc, &tokens.id_token).await?;
        identity(oidc, begun, &claims)
    }

    /// The claims of a token that the provider signed for this node, and that holds now.
    async fn believed(&self, oidc: &Oidc, token: &str) -> Result<Claims, OidcError> {
        let wrong = |error: jsonwebtoken::errors::Error| OidcError::Wrong(format!("its token: {error}"));
        let header = decode_header(token).map_err(wrong)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(OidcError::Wrong(format!("its token is signed with {:?}", header.alg)));
        }
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[&oidc.client_id]);
        validation.set_issuer(&[&oidc.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        // Keys are changed now and then: what no known key fits is held against those of this moment.
        for age in [PROVIDER_KEYS_AGE, Duration::ZERO] {
            let keys = self.keys(oidc, age).await?;
            let fitting = keys
                .keys
                .iter()
                .filter(|key| header.kid.is_none() || key.common.key_id.is_none() || key.common.key_id == header.kid);
            for key in fitting {
                let Ok(key) = DecodingKey::from_jwk(key) else { continue };
                if key.family() != header.alg.family() {
                    continue;
                }
                match decode::<Claims>(token, &key, &validation) {
                    Ok(good) => return Ok(good.claims),
                    Err(error) if matches!(error.kind(), jsonwebtoken::errors::ErrorKind::InvalidSignature) => {}
                    Err(error) => return Err(wrong(error)),
                }
            }
        }
        Err(OidcError::Wrong("its token is signed with none of the keys that it publishes".to_owned()))
    }

    /// What the provider publishes of itself, and what asks it.
    async fn published(&self, oidc: &Oidc) -> Result<(Client, Published), OidcError> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.settings == *oidc)
            && known.since.elapsed() < PROVIDER_KEYS_AGE
        {
            return Ok((known.client.clone(), known.published.clone()));
        }
        let client = client(oidc)?;
        let address = format!("{}/.well-known/openid-configuration", oidc.issuer.trim_end_matches('/'));
        let published: Published = document(client.get(endpoint(oidc, &address)?)).await?;
        if published.issuer != oidc.issuer {
            let said = plain(&published.issuer);
            return Err(OidcError::Wrong(format!("it calls itself '{said}'; write that as issuer of [admin.oidc]")));
        }
        let answer = (client.clone(), published.clone());
        *known = Some(Known { settings: oidc.clone(), published, client, keys: None, since: Instant::now() });
        Ok(answer)
    }

    /// The keys that the provider publishes, read at most `age` ago.
    async fn keys(&self, oidc: &Oidc, age: Duration) -> Result<JwkSet, OidcError> {
        let (client, published) = self.published(oidc).await?;
        let mut known = self.known.lock().await;
        let kept = known.as_ref().and_then(|known| known.keys.as_ref());
        if let Some((keys, _)) = kept.filter(|(_, read)| read.elapsed() < age) {
            return Ok(keys.clone());
        }
        let keys: JwkSet = document(client.get(endpoint(oidc, &published.jwks_uri)?)).await?;
        if let Some(known) = known.as_mut() {
            known.keys = Some((keys.clone(), Instant::now()));
        }
        Ok(keys)
    }
}

fn identity(oidc: &Oidc, begun: &Begun, claims: &Claims) -> Result<Identity, OidcError> {
    if !bool::from(begun.derived("nonce").as_bytes().ct_eq(claims.nonce.as_bytes())) {
        return Err(OidcError::Wrong("its token was made for another sign-in".to_owned()));
    }
    let for_others = claims.aud.as_array().is_some_and(|audience| audience.len() > 1);
    let party = claims.azp.as_deref();
    if party.is_some_and(|party| party != oidc.client_id) || for_others && party.is_none() {
        return Err(OidcError::Wrong("its token was made for another party".to_owned()));
    }
    let named = match oidc.name_claim.as_str() {
        "sub" => Some(claims.sub.as_str()),
        claim => claims.others.get(claim).and_then(Value::as_str),
    };
    let Some(named) = named.filter(|name| !name.trim().is_empty()) else {
        let claim = &oidc.name_claim;
        return Err(OidcError::Wrong(format!(
            "its token has no claim '{claim}'; write another as name_claim, or ask for it in scopes"
        )));
    };
    if named.chars().count() > IDENTITY_CHARACTERS {
        return Err(OidcError::Wrong("its token names somebody at too great length".to_owned()));
    }
    let values = match claims.others.get(&oidc.claim) {
        Some(Value::String(only)) => BTreeSet::from([only.clone()]),
        Some(Value::Array(several)) => {
            // What grants nothing is not kept.
            let known = |value: &&str| oidc.grants.iter().any(|grant| grant.value == **value);
            several
                .iter()
                .filter_map(Value::as_str)
                .filter(known)
                .take(IDENTITY_VALUES)
                .map(ToOwned::to_owned)
                .collect()
        }
        _ => BTreeSet::new(),
    };
    Ok(Identity { name: format!("oidc:{}", plain(named.trim())), values })
}

/// A URL of the provider: over TLS as the configuration asks of its own, on this machine also without.
fn endpoint(oidc: &Oidc, address: &str) -> Result<Url, OidcError> {
    let url = Url::parse(address).map_err(|error| OidcError::Wrong(format!("'{}': {error}", plain(address))))?;
    let scheme = oidc.issuer.split("://").next().unwrap_or_default();
    if url.scheme() == "https" || url.scheme() == scheme {
        return Ok(url);
    }
    Err(OidcError::Wrong(format!("'{}' is not encrypted", plain(address))))
}

fn client(oidc: &Oidc) -> Result<Client, OidcError> {
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PROVIDER_TIME)
        .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION")));
    if let Some(file) = &oidc.ca {
        let unusable = |why: &dyn ToString| {
            OidcError::Configured(format!("ca of [admin.oidc], '{}': {}", file.display(), why.to_string()))
        };
        let text = bounded(file, CERTIFICATE_OCTETS).map_err(|error| unusable(&error))?;
        let authorities = Certificate::from_pem_bundle(&text).map_err(|error| unusable(&error))?;
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().map_err(|error| OidcError::Configured(error.to_string()))
}

/// What this node proves itself with, read anew so that it can be changed.
fn secret(file: &Path) -> Result<String, OidcError> {
    let unusable = |why: &dyn ToString| {
        let file = file.display();
        OidcError::Configured(format!("client_secret_file of [admin.oidc], '{file}': {}", why.to_string()))
    };
    let octets = bounded(file, SECRET_FILE_BYTES).map_err(|error| unusable(&error))?;
    let text = String::from_utf8(octets).map_err(|_| unusable(&"it holds no text"))?;
    Ok(text.trim().to_owned())
}

fn bounded(file: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    if std::fs::metadata(file)?.len() > most {
        return Err(std::io::Error::other(format!("more than {most} octets")));
    }
    std::fs::read(file)
}

/// As the name and password of RFC 6749 section 2.3.1 are encoded before they become those of HTTP.
fn encoded(text: &str) -> String {
    let mut url = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.~".contains(&octet) {
            url.push(char::from(octet));
        } else {
            url.push_str(&format!("%{octet:02X}"));
        }
    }
    url
}

/// The JSON document that a request is answered with.
async fn document<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, OidcError> {
    let unreachable = |error: reqwest::Error| OidcError::Unreachable(error.without_url().to_string());
    let mut response = request.header("accept", "application/json").send().await.map_err(unreachable)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > PROVIDER_DOCUMENT_BYTES {
            return Err(OidcError::Wrong(format!("more than {PROVIDER_DOCUMENT_BYTES} octets")));
        }
        body.extend_from_slice(&chunk);
    }
    if !status.is_success() {
        // The code of the error only: descriptions may repeat what was sent.
        let told: Option<Value> = serde_json::from_slice(&body).ok();
        let code = told.as_ref().and_then(|told| told.get("error")?.as_str()).unwrap_or("it does not say why");
        return Err(OidcError::Refused(format!("{status}, {}", plain(code))));
    }
    serde_json::from_slice(&body).map_err(|error| OidcError::Wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Grant;

    fn oidc() -> Oidc {
        let grant = |value: &str, role, sites: Option<&str>| Grant {
            value: value.into(),
            role,
            remit: sites.map_or(Remit::Everywhere, |site| Remit::Sites([site.to_owned()].into())),
        };
        Oidc {
            issuer: "https://id.example.org".into(),
            client_id: "waypost".into(),
            secret: None,
            ca: None,
            redirect: "https://ns1.example.org/login/callback".into(),
            scopes: vec![],
            name_claim: "preferred_username".into(),
            claim: "groups".into(),
            grants: vec![
                grant("staff", Role::Viewer, None),
                grant("fra-oncall", Role::Operator, Some("fra")),
                grant("iad-oncall", Role::Operator, Some("iad")),
                grant("root", Role::Admin, None),
            ],
        }
    }

    fn claims(begun: &Begun, more: &str) -> Claims {
        let nonce = begun.derived("nonce");
        serde_json::from_str(&format!(r#"{{"nonce":"{nonce}","aud":"waypost","sub":"7"{more}}}"#)).unwrap()
    }

    #[test]
    fn the_largest_role_counts_with_all_its_sites() {
        let may = |values: &[&str]| granted(&oidc(), &values.iter().map(|value| (*value).to_owned()).collect());
        assert_eq!(may(&[]), None);
        assert_eq!(may(&["nobody"]), None);
        assert_eq!(may(&["staff"]), Some((Role::Viewer, Remit::Everywhere)));
        let both = Remit::Sites(["fra".to_owned(), "iad".to_owned()].into());
        assert_eq!(may(&["staff", "fra-oncall", "iad-oncall"]), Some((Role::Operator, both)));
        assert_eq!(may(&["fra-oncall", "root"]), Some((Role::Admin, Remit::Everywhere)));
    }

    #[test]
    fn people_are_called_so_that_nobody_here_is() {
        let begun = Begun::new().unwrap();
        let more = r#","preferred_username":"root","groups":["staff","x","y"]"#;
        let known = identity(&oidc(), &begun, &claims(&begun, more)).unwrap();
        assert_eq!(known, Identity { name: "oidc:root".into(), values: ["staff".to_owned()].into() });
        let by_subject = Oidc { name_claim: "sub".into(), ..oidc() };
        assert_eq!(identity(&by_subject, &begun, &claims(&begun, "")).unwrap().name, "oidc:7");
    }

    #[test]
    fn what_was_made_for_others_is_not_believed() {
        let (begun, other) = (Begun::new().unwrap(), Begun::new().unwrap());
        let name = r#","preferred_username":"alice""#;
        assert!(identity(&oidc(), &begun, &claims(&begun, name)).is_ok());
        assert!(identity(&oidc(), &begun, &claims(&other, name)).is_err(), "of another sign-in");
        assert!(identity(&oidc(), &begun, &claims(&begun, "")).is_err(), "of nobody");
        assert!(identity(&oidc(), &begun, &claims(&begun, &format!("{name},\"azp\":\"other\""))).is_err());
        let many = Claims { aud: serde_json::json!(["waypost", "other"]), ..claims(&begun, name) };
        assert!(identity(&oidc(), &begun, &many).is_err(), "for several, and nobody says which");
        assert!(begun.is_state(&begun.derived("state")));
        assert!(!begun.is_state(&other.derived("state")) && !begun.is_state(""));
    }

    #[test]
    fn a_provider_over_tls_is_asked_over_tls_only() {
        assert!(endpoint(&oidc(), "https://id.example.org/token").is_ok());
        for address in ["http://id.example.org/token", "file:///etc/passwd", "token"] {
            assert!(endpoint(&oidc(), address).is_err(), "{address}");
        }
    }
}
