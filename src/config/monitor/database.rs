//! `kind = "postgres"` and `kind = "mysql"`: a session with a database server, its role and its replication.

use super::{Asked, Port, Surroundings, tls};
use crate::config::defaults::{DATABASE_NAME_OCTETS, LAG_RANGE, MYSQL_PORT, POSTGRES_PORT, REPLICAS_RANGE};
use crate::config::duration::written;
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::model::{DatabaseCheck, DatabaseRole, MonitorKind, PostgresCheck, ProbeFileKind, TlsMode, TlsPolicy};

/// The keys of both kinds.
pub(super) const KEYS: [&str; 6] = ["user", "password_file", "tls", "role", "lag_warning", "lag_critical"];
/// Those of PostgreSQL alone.
pub(super) const POSTGRES_KEYS: [&str; 2] = ["database", "replicas"];

/// The check of a PostgreSQL monitor. `database` defaults to `postgres`, `replicas` to none that must be there.
pub(super) fn read_postgres(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let server = server(reader, table);
    let database = table.get("database").and_then(|value| name(reader, &value));
    let replicas = table.get("replicas");
    if let (Some(value), DatabaseRole::Replica) = (&replicas, server.role) {
        without_effect(reader, value, "role = \"replica\"");
    }
    let check = PostgresCheck {
        server,
        database: database.unwrap_or_else(|| "postgres".to_owned()),
        replicas: replicas.and_then(|value| reader.integer(&value, REPLICAS_RANGE)).unwrap_or(0),
    };
    Asked { kind: MonitorKind::Postgres(check), port: Port::Usual(POSTGRES_PORT) }
}

/// The check of a MySQL or MariaDB monitor.
pub(super) fn read_mysql(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    Asked { kind: MonitorKind::Mysql(server(reader, table)), port: Port::Usual(MYSQL_PORT) }
}

/// Defaults: STARTTLS as with SMTP, no password, any role, any lag. A server without TLS says `tls = "none"`.
fn server(reader: &mut Reader<'_>, table: &Table<'_>) -> DatabaseCheck {
    let user = reader.required(table, "user", "whom the probe logs in as", "\"waypost\"");
    let modes = [("starttls", TlsMode::Starttls), ("none", TlsMode::Off)];
    let mode = table.get("tls").and_then(|value| reader.word(&value, &modes)).unwrap_or(TlsMode::Starttls);
    let roles = [("any", DatabaseRole::Any), ("primary", DatabaseRole::Primary), ("replica", DatabaseRole::Replica)];
    let role = table.get("role").and_then(|value| reader.word(&value, &roles)).unwrap_or(DatabaseRole::Any);
    let (warning, critical) = (table.get("lag_warning"), table.get("lag_critical"));
    if role == DatabaseRole::Primary {
        for value in [&warning, &critical].into_iter().flatten() {
            without_effect(reader, value, "role = \"primary\"");
        }
    }
    let lag_warning = warning.and_then(|value| reader.duration(&value, &LAG_RANGE));
    let lag_critical = critical.as_ref().and_then(|value| reader.duration(value, &LAG_RANGE));
    if let (Some(value), Some(least), Some(most)) = (&critical, lag_warning, lag_critical)
        && most < least
    {
        let remedy = "write a longer lag_critical, or a shorter lag_warning";
        reader.refuse(value, format!("at least lag_warning, {}", written(least)), remedy);
    }
    let tls = tls::read(reader, table, mode);
    let password_file = table.get("password_file");
    if let Some(value) = &password_file {
        warn_of_exposure(reader, value, &tls);
    }
    DatabaseCheck {
        user: user.and_then(|value| name(reader, &value)).unwrap_or_default(),
        password_file: password_file.and_then(|value| reader.probe_file(&value, ProbeFileKind::Password)),
        tls,
        role,
        lag_warning,
        lag_critical,
    }
}

/// Warns where whoever poses as the server, or listens, may get at the password.
fn warn_of_exposure(reader: &mut Reader<'_>, value: &Value<'_>, tls: &TlsPolicy) {
    let (cause, expected, remedy) = if tls.mode == TlsMode::Off {
        ("tls = \"none\"", "tls = \"starttls\" where a password is sent", "delete tls = \"none\", or password_file")
    } else if !tls.verify {
        let remedy = "delete verify = false; an authority of your own is named with ca";
        ("verify = false", "verified certificates where a password is sent", remedy)
    } else {
        return;
    };
    reader.warning(&value.key_span, format!("{value} with {cause}"), expected, remedy);
}

/// The name of a user or a database; a NUL would end it on the wire.
fn name(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    if (1..=DATABASE_NAME_OCTETS).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Some(text.to_owned());
    }
    let expected = format!("a name of 1 to {DATABASE_NAME_OCTETS} octets without control characters");
    reader.refuse(value, expected, "write it as the database has it");
    None
}

fn without_effect(reader: &mut Reader<'_>, value: &Value<'_>, cause: &str) {
    let remedy = format!("delete {} or {cause}", value.key);
    reader.warning(&value.key_span, format!("{value} without effect"), format!("it without {cause}"), remedy);
}
