//! Of what every node sees one tells. Broken, nobody is told where that one does not reach the target.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::cluster::{Cluster, Manner, PATIENCE};
use crate::network::{NAMES, router};
use crate::patience::wait_until;
use crate::world::in_a_world;

/// A chat that takes everything: its port, and what it was told.
fn chat() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    // Ends with the world.
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut reader = BufReader::new(connection.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some((_, value)) = line.to_lowercase().split_once("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _said = connection.write_all(b"HTTP/1.1 204 Told\r\nConnection: close\r\n\r\n");
            if tell.send(String::from_utf8(body).unwrap()).is_err() {
                return;
            }
        }
    });
    (port, told)
}

#[test]
fn another_node_tells_what_the_first_cannot() {
    in_a_world("notices::another_node_tells_what_the_first_cannot", |world| {
        let (port, told) = chat();
        // Nothing listens there.
        let refuses = 9;
        let section = |site: usize, port: u16| {
            format!(
                "\n[[notify]]\nname = \"chat\"\nkind = \"slack\"\nurl = \"http://{}:{port}/\"\non = [\"order\"]\n",
                router(site)
            )
        };
        let more = vec![section(0, refuses), section(1, port), section(2, refuses)];
        let cluster = Cluster::start_as(world, &Manner { more, ..Manner::default() });
        cluster.wait_until_agreed();
        let pin = |site: usize, why: &str| {
            cluster.nodes[2].order(&["pin", NAMES[site], "--for", "1h", "--reason", why, "--yes"]);
        };
        let is_told = |what: &str| {
            let mut said = Vec::new();
            wait_until("somebody is told", PATIENCE, || {
                said.extend(told.try_iter());
                said.iter().any(|text: &String| text.contains(what))
            });
        };
        pin(0, "the first order");
        is_told("the first order");
        // It is known by now who reaches the chat.
        pin(1, "the second order");
        is_told("the second order");
    });
}
