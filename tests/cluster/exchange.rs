//! One HTTP exchange over any stream, just enough for the admin API and for what etcd says of its health.

use std::io::{self, Read, Write};

/// What came back: status and body.
pub type Reply = (u16, String);

/// Sends a request and reads the reply to its end.
///
/// # Errors
/// If the stream breaks, or what comes back is no reply.
pub fn exchange(mut stream: impl Read + Write, method: &str, path: &str, body: Option<&str>) -> io::Result<Reply> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    if let Some(body) = body {
        request.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body.unwrap_or_default());
    stream.write_all(request.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let broken = || io::Error::other(format!("no reply to {method} {path}: '{reply}'"));
    let (head, body) = reply.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "a reply in pieces: {head}");
    Ok((status, body.to_owned()))
}
