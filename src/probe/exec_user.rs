//! Users of this machine: as whom a command runs.
//!
//! Read from the files, not asked of the system's resolver: that may wait for a directory server, and a probe may not.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::bounds::EXEC_USERS;

/// The user that commands of a node that runs as root run as, where none is configured.
const UNPRIVILEGED: &str = "nobody";
const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// A user as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The groups that the user is in besides that one.
    pub(super) groups: Vec<u32>,
}

/// Whom a command runs as that is to run as `user`; `None` is whom this process runs as. Blocks.
pub(super) fn identity(user: Option<&str>) -> Result<Option<Identity>, String> {
    let own = rustix::process::geteuid();
    let name = match user {
        Some(name) => name,
        None if own.is_root() => UNPRIVILEGED,
        None => return Ok(None),
    };
    let read = |file: &str| read(Path::new(file)).map_err(|error| format!("cannot read {file}: {error}"));
    let found = lookup(name, &read(USERS)?, &read(GROUPS)?);
    let identity = found.ok_or_else(|| format!("there is no user '{name}' in {USERS}"))?;
    if own.is_root() {
        Ok(Some(identity))
    } else if own.as_raw() == identity.uid {
        Ok(None)
    } else {
        Err(format!(
            "only a node that runs as root can run a command as '{name}'; this one runs as user {}",
            own.as_raw()
        ))
    }
}

/// The user called `name` in texts of the form of passwd(5) and group(5).
fn lookup(name: &str, users: &str, groups: &str) -> Option<Identity> {
    let (uid, gid) = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        let [_, uid, gid] = [fields.next()?, fields.next()?, fields.next()?];
        if is_it { Some((uid.parse().ok()?, gid.parse().ok()?)) } else { None }
    })?;
    let further = groups.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(2);
        let (group, members) = (fields.next()?.parse().ok()?, fields.next()?);
        (group != gid && members.split(',').any(|member| member == name)).then_some(group)
    });
    Some(Identity { uid, gid, groups: further.collect() })
}

fn read(file: &Path) -> io::Result<String> {
    let mut octets = Vec::new();
    File::open(file)?.take(EXEC_USERS).read_to_end(&mut octets)?;
    // A name in another encoding is not the one that is looked for.
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_with_all_their_groups() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nnagios:x:110:115::/var/lib/nagios:/usr/sbin/nologin\n";
        let groups = "root:x:0:\nnagios:x:115:nagios\nssl-cert:x:109:postgres,nagios\nmail:x:8:nagios2\nbad\n";
        assert_eq!(lookup("nagios", users, groups), Some(Identity { uid: 110, gid: 115, groups: vec![109] }));
        assert_eq!(lookup("root", users, groups), Some(Identity { uid: 0, gid: 0, groups: vec![] }));
        assert_eq!(lookup("nagio", users, groups), None);
        assert_eq!(lookup("broken", users, groups), None);
    }

    #[test]
    fn an_unknown_user_is_named() {
        assert!(identity(Some("nobody-of-this-name")).unwrap_err().contains("nobody-of-this-name"));
    }
}
