//! DNS over HTTPS (RFC 8484).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use data_encoding::BASE64URL_NOPAD;
use hickory_proto::op::Message;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::accept::{Hall, accept};
use super::bounds::{HEADER_OCTETS, HEADER_TIME, STOP, STREAM_QUERY, STREAMS_OF_CONNECTION};
use super::connections::Admission;
use super::exchange::{Outcome, exchange};
use super::handler::Handler;
use super::tls::Reception;
use crate::answer::Transport;

/// Where queries are taken.
const PATH: &str = "/dns-query";
/// The one media type.
const MESSAGE: &str = "application/dns-message";

/// One connection.
struct Guest {
    handler: Arc<Handler>,
    client: SocketAddr,
    place: Admission,
    /// Requests that are being answered.
    requests: AtomicUsize,
    /// Told when one begins or ends.
    stir: Notify,
}

/// Serves a listener until the server stops.
pub(super) async fn serve(listener: Arc<TcpListener>, hall: Hall, reception: Reception) {
    let (handler, stop) = (Arc::clone(&hall.handler), hall.stop.clone());
    accept(listener, Transport::Https, hall, move |stream, client, place| {
        let (handler, stop, reception) = (Arc::clone(&handler), stop.clone(), reception.clone());
        async move {
            let Some(stream) = reception.shake(stream, client, &place, &handler).await else { return };
            let stir = Notify::new();
            let guest = Arc::new(Guest { handler, client, place, requests: AtomicUsize::new(0), stir });
            converse(TokioIo::new(stream), guest, stop).await;
        }
    })
    .await;
}

async fn converse<S>(stream: S, guest: Arc<Guest>, mut stop: watch::Receiver<bool>)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_OF_CONNECTION)
        .max_header_list_size(HEADER_OCTETS)
        .max_frame_size(1 << 14)
        .initial_stream_window_size(1 << 14)
        .initial_connection_window_size(1 << 18)
        .max_send_buf_size(1 << 16)
        .keep_alive_interval(None);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(1 << 15);
    let service = TowerToHyperService::new(router(Arc::clone(&guest)));
    let connection = builder.serve_connection(stream, service);
    tokio::pin!(connection);
    tokio::select! {
        // An error here is the client's.
        _ = connection.as_mut() => return,
        () = rested(&guest) => {}
        () = guest.place.evicted() => guest.handler.usage().count_evicted(),
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(STOP, connection).await;
}

/// Resolves when the connection had no request for as long as it may.
async fn rested(guest: &Guest) {
    let idle = guest.handler.limits().idle;
    loop {
        let stirred = guest.stir.notified();
        if guest.requests.load(Ordering::Acquire) > 0 {
            stirred.await;
        } else if timeout(idle, stirred).await.is_err() && guest.requests.load(Ordering::Acquire) == 0 {
            return;
        }
    }
}

fn router(guest: Arc<Guest>) -> Router {
    Router::new()
        .route(PATH, get(by_get).post(by_post).fallback(other_method))
        .layer(DefaultBodyLimit::max(STREAM_QUERY))
        .with_state(guest)
}

/// Section 4.1: the query in base64url in the variable `dns`.
async fn by_get(State(guest): State<Arc<Guest>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let Some(text) = query.split('&').find_map(|pair| pair.strip_prefix("dns=")) else {
        return refuse(StatusCode::BAD_REQUEST, "no variable dns in the query of the URI");
    };
    if text.len() > STREAM_QUERY * 2 {
        return refuse(StatusCode::URI_TOO_LONG, "too long for a query");
    }
    match BASE64URL_NOPAD.decode(text.as_bytes()) {
        Ok(packet) => reply(&guest, &packet).await,
        Err(_) => refuse(StatusCode::BAD_REQUEST, "the variable dns is not base64url without padding"),
    }
}

async fn by_post(State(guest): State<Arc<Guest>>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let media = headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    if !media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(MESSAGE) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only application/dns-message is understood");
    }
    match body {
        Ok(packet) => reply(&guest, &packet).await,
        Err(rejection) => refuse(rejection.status(), "the body could not be read"),
    }
}

async fn other_method() -> Response {
    let allow = [(ALLOW, HeaderValue::from_static("GET, POST"))];
    (StatusCode::METHOD_NOT_ALLOWED, allow, "GET and POST are understood\n").into_response()
}

fn refuse(status: StatusCode, why: &'static str) -> Response {
    (status, format!("{why}\n")).into_response()
}

/// A request that is being answered.
struct Busy<'g>(&'g Guest);

impl<'g> Busy<'g> {
    fn new(guest: &'g Guest) -> Self {
        guest.requests.fetch_add(1, Ordering::AcqRel);
        guest.place.work();
        guest.stir.notify_one();
        Self(guest)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if self.0.requests.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.place.rest();
        }
        self.0.stir.notify_one();
    }
}

async fn reply(guest: &Guest, packet: &[u8]) -> Response {
    let _busy = Busy::new(guest);
    match exchange(&guest.handler, packet, guest.client, Transport::Https).await {
        Outcome::Reply(message) => {
            let fresh = format!("max-age={}", freshness(&message).as_secs());
            let fresh = HeaderValue::try_from(fresh).unwrap_or(HeaderValue::from_static("no-store"));
            ([(CONTENT_TYPE, HeaderValue::from_static(MESSAGE)), (CACHE_CONTROL, fresh)], message).into_response()
        }
        Outcome::Silence => refuse(StatusCode::BAD_REQUEST, "not a DNS query"),
        // Section 1: transfers are not for this transport.
        Outcome::Transfer(_) => refuse(StatusCode::NOT_IMPLEMENTED, "zone transfers are not served over HTTPS"),
    }
}

/// How long a cache may keep the reply (section 5.1): the smallest TTL of the answer, or of what denies it.
fn freshness(message: &[u8]) -> Duration {
    let Ok(message) = Message::from_vec(message) else { return Duration::ZERO };
    let smallest = |records: &[hickory_proto::rr::Record]| records.iter().map(|record| record.ttl).min();
    let ttl = smallest(&message.answers).or_else(|| smallest(&message.authorities));
    Duration::from_secs(ttl.unwrap_or_default().into())
}
