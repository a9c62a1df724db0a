//! Sends every query back as its own reply, past the kernel: what AF_XDP costs before a single name is looked up, and
//! what the tests in network namespaces ask.
//!
//! `xdp_echo [--generic] [--pass] INTERFACE ADDRESS:PORT...`; with `--pass` everything takes the general path, which here
//! is an ordinary socket. Prints what became of the frames every two seconds. Runs until it is killed.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use waypost::model::{XdpMode, XdpSettings};
use waypost::serve::xdp::{Answer, Bypass, Elsewhere, Hot, LOOK};

/// Where the bit that makes a response of a query is, and which.
const FLAGS: usize = 2;
const RESPONSE: u8 = 0x80;

struct Echo {
    pass: bool,
}

impl Answer for Echo {
    fn tick(&mut self) {}

    fn respond(&mut self, packet: &[u8], _source: SocketAddr, reply: &mut [u8]) -> Hot {
        let Some(flags) = packet.get(FLAGS).filter(|flags| **flags & RESPONSE == 0) else { return Hot::Silence };
        match reply.get_mut(..packet.len()) {
            Some(room) if !self.pass => {
                room.copy_from_slice(packet);
                if let Some(octet) = room.get_mut(FLAGS) {
                    *octet = flags | RESPONSE;
                }
                Hot::Reply(packet.len())
            }
            _ => Hot::Pass,
        }
    }
}

struct Sockets(BTreeMap<SocketAddr, UdpSocket>);

impl Elsewhere for Sockets {
    fn hand_over(&self, packet: Vec<u8>, source: SocketAddr, destination: SocketAddr) {
        if let Some(socket) = self.0.get(&destination) {
            answer(socket, packet, source);
        }
    }
}

fn answer(socket: &UdpSocket, mut packet: Vec<u8>, to: SocketAddr) {
    if let Some(flags) = packet.get_mut(FLAGS).filter(|flags| **flags & RESPONSE == 0) {
        *flags |= RESPONSE;
        if let Err(error) = socket.send_to(&packet, to) {
            eprintln!("{to}: {error}");
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, words): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let [interface, listen @ ..] = words.as_slice() else {
        return Err("usage: xdp_echo [--generic] [--pass] INTERFACE ADDRESS:PORT...".into());
    };
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let mode = if has("--generic") { XdpMode::Generic } else { XdpMode::Native };
    let pass = has("--pass");
    let listen = listen.iter().map(|address| address.parse()).collect::<Result<Vec<SocketAddr>, _>>()?;
    let mut sockets = BTreeMap::new();
    for address in &listen {
        let socket = UdpSocket::bind(address)?;
        let own = socket.try_clone()?;
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = own.recv_from(&mut buffer) {
                answer(&own, buffer.get(..length).unwrap_or_default().to_vec(), from);
            }
        });
        sockets.insert(*address, socket);
    }
    let settings = XdpSettings { interfaces: vec![interface.clone()], mode };
    let mut bypass = Bypass::new(settings, listen, move || Echo { pass }, Arc::new(Sockets(sockets)));
    loop {
        if let Err(error) = bypass.look() {
            eprintln!("{error}");
        }
        println!("{:?}", bypass.tallies());
        std::thread::sleep(LOOK);
    }
}
