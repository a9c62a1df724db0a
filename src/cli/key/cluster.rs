//! `key cluster`: the key under which nodes share secrets through the store.

use std::io::ErrorKind;

use super::super::exit::{Exit, Failure};
use super::super::output::Output;
use super::arguments::Cluster;
use crate::node::private_files::{self, Earlier, Owner};
use crate::node::shared_files::new_cluster_key;

pub(super) fn cluster(output: &Output, arguments: &Cluster) -> Result<Exit, Failure> {
    let path = &arguments.file;
    let shown = path.display();
    let key = new_cluster_key().map_err(|error| Failure::Fault(error.to_string()))?;
    private_files::put(path, key.reveal(), Earlier::Kept, Owner::OfDirectory).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::Refused {
            detail: format!("there is a file '{shown}' already; its key may be in use"),
            remedy: "name another file; the guide on shared secrets says how a key is replaced".to_owned(),
        },
        ErrorKind::PermissionDenied => Failure::NotAuthorised(format!("'{shown}' cannot be written: {error}")),
        _ => Failure::Negative(format!("'{shown}' cannot be written: {error}")),
    })?;
    output.progress(&format!(
        "a key for secrets that nodes share is in {shown}\n\
         next: copy the file to every node (mode 0600, for the user of the node), write below [secrets] share = true and \
         key_file = \"{shown}\", and run 'waypost reload'.\n\
         undo: delete {shown}, as long as no node uses it"
    ));
    Ok(Exit::Done)
}
