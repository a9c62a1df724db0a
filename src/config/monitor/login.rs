//! `login` of a monitor: who the probe is to a mail server.

use crate::config::defaults::MAILBOX_OCTETS;
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::model::{Login, ProbeFileKind, TlsMode, TlsPolicy};

/// The one key that this file reads.
pub(super) const KEYS: [&str; 1] = ["login"];

const EXAMPLE: &str = "user = \"probe@example.org\", password_file = \"/etc/waypost/probe.pw\"";

/// Who logs in, if anybody does. By default nobody: it needs an account that is the probe's own.
///
/// The password stands in a file of its own and is read for each probe. It is never sent without TLS (RFC 8314 section 3), nor to
/// a server whose certificate does not show who it is, unless `verify = false` asks for that.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, tls: &TlsPolicy) -> Option<Login> {
    let value = table.get("login")?;
    let entries = reader.table(&value, EXAMPLE)?;
    if tls.mode == TlsMode::Off {
        let expected = "tls = \"starttls\" or tls = \"implicit\" where a password is sent";
        reader.error(
            &value.key_span,
            format!("{value} with tls = \"none\""),
            expected,
            "delete tls = \"none\", or login",
        );
    } else if !tls.verify {
        let expected = "verified certificates where a password is sent";
        let remedy = "delete verify = false; an authority of your own is named with ca";
        reader.warning(&value.key_span, format!("{value} with verify = false"), expected, remedy);
    }
    if let Some(password) = entries.get("password") {
        reader.misplaced_password(&entries, &password);
        return None;
    }
    reader.allow(&entries, &["user", "password_file"]);
    let user = reader.required(&entries, "user", "a name that the server knows", "\"probe@example.org\"");
    let user = user.and_then(|value| user_name(reader, &value));
    let file =
        reader.required(&entries, "password_file", "the file that holds the password", "\"/etc/waypost/probe.pw\"");
    let password_file = file.and_then(|value| reader.probe_file(&value, ProbeFileKind::Password));
    Some(Login { user: user?, password_file: password_file? })
}

/// A name as SASL PLAIN takes it (RFC 4616 section 2), in one line.
fn user_name(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    if text.is_empty() || text.len() > MAILBOX_OCTETS || text.chars().any(char::is_control) {
        let expected = format!("1 to {MAILBOX_OCTETS} octets without control characters");
        reader.refuse(value, expected, "write it as the server knows it, as in probe@example.org");
        return None;
    }
    Some(text.to_owned())
}
