//! What pages load besides themselves: embedded files, under names that a browser may keep for good.
//!
//! Pages name an asset with the digest of its content (`/assets/operator.css?v=…`), so what is kept can never be stale; asked
//! for without the digest, it is checked with the node each time.

use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::admin::{Problem, ProblemKind};

/// Octets of the digest in a link: enough that no two versions of a file have the same.
const DIGEST_OCTETS: usize = 8;

/// An embedded file.
pub(super) struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
    digest: String,
}

/// All of them.
static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        Asset::style("operator.css", include_bytes!("../../../dashboards/operator/operator.css")),
        Asset::style("live.css", include_bytes!("../../../dashboards/operator/live.css")),
        Asset::script("clock.js", include_bytes!("../../../dashboards/operator/clock.js")),
        Asset::script("connection.js", include_bytes!("../../../dashboards/operator/connection.js")),
        Asset::script("drain.js", include_bytes!("../../../dashboards/operator/drain.js")),
        Asset::script("live.js", include_bytes!("../../../dashboards/operator/live.js")),
        Asset::script("operator.js", include_bytes!("../../../dashboards/operator/operator.js")),
        Asset::script("stream.js", include_bytes!("../../../dashboards/operator/stream.js")),
        Asset::new("icon.svg", "image/svg+xml", include_bytes!("../../../dashboards/operator/icon.svg")),
    ]
});

impl Asset {
    fn style(name: &'static str, content: &'static [u8]) -> Self {
        Self::new(name, "text/css; charset=utf-8", content)
    }

    /// Of scripts only the first is named by pages; it asks for the others without their digests, so that they are checked.
    fn script(name: &'static str, content: &'static [u8]) -> Self {
        Self::new(name, "text/javascript; charset=utf-8", content)
    }

    fn new(name: &'static str, media_type: &'static str, content: &'static [u8]) -> Self {
        let digest = Sha256::digest(content);
        let digest = HEXLOWER.encode(digest.get(..DIGEST_OCTETS).unwrap_or_default());
        Self { name, media_type, content, digest }
    }
}

/// The address of an asset, with the digest of its content.
pub(super) fn address(name: &str) -> String {
    let digest = ASSETS.iter().find(|asset| asset.name == name).map(|asset| asset.digest.as_str());
    format!("/assets/{name}?v={}", digest.unwrap_or_default())
}

/// `GET /assets/{name}`
pub(super) async fn asset(
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    let asset = found.ok_or_else(|| Problem::new(ProblemKind::NotFound, "there is no such asset"))?;
    let tag = format!("\"{}\"", asset.digest);
    let is_named = query.as_deref().and_then(|query| query.strip_prefix("v=")) == Some(asset.digest.as_str());
    let keeping = if is_named { "public, max-age=31536000, immutable" } else { "no-cache" };
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { asset.content.into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keeping));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}
