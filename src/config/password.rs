//! Passwords, which stand in files of their own.

use super::reader::Reader;
use super::value::{Table, Value};

impl Reader<'_> {
    /// Reports a password that stands in the configuration, which more people may read than should know it.
    pub(super) fn misplaced_password(&mut self, table: &Table<'_>, password: &Value<'_>) {
        let remedy = if table.get("password_file").is_some() {
            "delete it, and the password that was written here should be changed"
        } else {
            "write the password into a file that only waypost may read, and its path as password_file"
        };
        self.error(&password.key_span, format!("a password in {}", table.title), "password_file", remedy);
    }
}
