//! An interface whose queries are answered past the kernel: program, maps, queues and workers.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use xdp::nic::NicIndex;

use super::bounds::{QUEUES_MOST, TARGETS_MOST};
use super::error::XdpError;
use super::kernel::{Attach, Link, Map, MapKind, Program, Queue, mtu};
use super::program::{Mac, Target, program};
use super::targets::wanted;
use super::worker::{Room, Tally, Worker};
use super::{Answer, Elsewhere};
use crate::model::XdpMode;

/// What the host says of its interfaces at one moment.
pub(super) struct Host {
    links: Vec<(String, u32, Mac)>,
    addresses: Vec<IpAddr>,
}

impl Host {
    /// Asks the kernel.
    pub(super) fn look() -> io::Result<Self> {
        let mut host = Self { links: Vec::new(), addresses: Vec::new() };
        for found in nix::ifaddrs::getifaddrs()? {
            let Some(address) = found.address else { continue };
            if let Some(link) = address.as_link_addr() {
                let ethernet = link.hatype() == libc::ARPHRD_ETHER;
                let mac = link.addr().filter(|_| ethernet);
                host.links.extend(mac.map(|mac| (found.interface_name, link.ifindex() as u32, mac)));
            } else if let Some(address) = address.as_sockaddr_in() {
                host.addresses.push(address.ip().into());
            } else if let Some(address) = address.as_sockaddr_in6() {
                host.addresses.push(address.ip().into());
            }
        }
        Ok(host)
    }

    /// Number and address of an interface.
    fn link(&self, interface: &str) -> Result<(u32, Mac), XdpError> {
        let found = self.links.iter().find(|(name, ..)| name == interface);
        found.map(|(_, index, mac)| (*index, *mac)).ok_or_else(|| match nix::net::if_::if_nametoindex(interface) {
            Ok(_) => XdpError::NotEthernet { interface: interface.to_owned() },
            Err(_) => XdpError::Missing { interface: interface.to_owned() },
        })
    }
}

/// An interface at work. When dropped, its frames go to the kernel again, and what waits already is answered.
pub(super) struct Interface {
    name: String,
    index: u32,
    mac: Mac,
    link: Option<Link>,
    targets: Map<{ Target::OCTETS }>,
    served: BTreeSet<Target>,
    workers: Vec<JoinHandle<io::Result<()>>>,
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
}

impl Interface {
    /// Puts an interface to work.
    pub(super) fn open<A: Answer + 'static, E: Elsewhere + 'static>(
        name: &str,
        mode: XdpMode,
        listen: &[SocketAddr],
        host: &Host,
        make: &impl Fn() -> A,
        elsewhere: &Arc<E>,
    ) -> Result<Self, XdpError> {
        let failed = |what| move |source| XdpError::new(name, what, source);
        let (index, mac) = host.link(name)?;
        let mtu = mtu(name).map_err(failed("reading the size of packets"))?;
        let count = NicIndex(index).queue_counts().map_err(failed("counting the queues"))?.rx_count();
        // Some drivers without several queues say that they have none.
        let count = count.max(1);
        if count > QUEUES_MOST {
            return Err(XdpError::ManyQueues { interface: name.to_owned(), queues: count, most: QUEUES_MOST });
        }
        let no_map = "making a map for the XDP program";
        let targets = Map::new(MapKind::Hash, TARGETS_MOST as u32).map_err(failed(no_map))?;
        let sockets = Map::<4>::new(MapKind::Sockets, count).map_err(failed(no_map))?;
        let program = load(name, mac, &targets, &sockets)?;
        let mut opened = Self {
            name: name.to_owned(),
            index,
            mac,
            link: None,
            targets,
            served: BTreeSet::new(),
            workers: Vec::new(),
            stop: Arc::default(),
            tally: Arc::default(),
        };
        opened.follow(listen, host)?;
        for number in 0..count {
            let queue = Queue::open(index, number).map_err(|error| XdpError::of_queue(name, number, error))?;
            sockets.put_socket(number, &queue).map_err(failed("joining a socket to the XDP program"))?;
            let worker = Worker {
                queue,
                answer: make(),
                elsewhere: Arc::clone(elsewhere),
                room: Room::new(mtu),
                tally: Arc::clone(&opened.tally),
                stop: Arc::clone(&opened.stop),
            };
            let thread = Builder::new().name(format!("xdp-{name}-{number}")).spawn(|| worker.run());
            opened.workers.push(thread.map_err(failed("starting a worker"))?);
        }
        let how = match mode {
            XdpMode::Native => Attach::Native,
            XdpMode::Generic => Attach::Generic,
        };
        // Last, so that no frame is taken before somebody reads it.
        opened.link = Some(program.attach(index, how).map_err(|source| XdpError::of_link(name, mtu, source))?);
        Ok(opened)
    }

    /// Has the program take what is to be answered now that the host has these addresses.
    pub(super) fn follow(&mut self, listen: &[SocketAddr], host: &Host) -> Result<(), XdpError> {
        let wanted = wanted(listen, &host.addresses);
        let failed = |source| XdpError::new(&self.name, "telling the XDP program its addresses", source);
        for gone in self.served.difference(&wanted) {
            self.targets.remove(&gone.0).map_err(failed)?;
        }
        for new in wanted.difference(&self.served) {
            self.targets.put(&new.0, 1).map_err(failed)?;
        }
        self.served = wanted;
        Ok(())
    }

    /// Whether it still is the interface that it was, and all of its workers work.
    pub(super) fn check(&mut self, host: &Host) -> Result<(), XdpError> {
        if host.link(&self.name)? != (self.index, self.mac) {
            return Err(XdpError::Worker { interface: self.name.clone(), reason: "it is another one now".to_owned() });
        }
        let Some(ended) = self.workers.iter().position(JoinHandle::is_finished) else { return Ok(()) };
        let reason = match self.workers.swap_remove(ended).join() {
            Ok(Ok(())) => "a worker ended".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a worker panicked".to_owned(),
        };
        Err(XdpError::Worker { interface: self.name.clone(), reason })
    }

    /// How many queues there are.
    pub(super) fn queues(&self) -> usize {
        self.workers.len()
    }

    /// What became of its frames so far.
    pub(super) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        // From here on the kernel gets every frame.
        self.link = None;
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            if let Ok(Err(error)) = worker.join() {
                tracing::debug!(interface = self.name, %error, "a worker had ended");
            }
        }
    }
}

fn load(name: &str, mac: Mac, targets: &Map<{ Target::OCTETS }>, sockets: &Map<4>) -> Result<Program, XdpError> {
    use std::os::fd::AsRawFd;
    let instructions = program(mac, targets.as_raw_fd(), sockets.as_raw_fd()).unwrap_or_default();
    Program::load(&instructions).map_err(|(source, reasons)| XdpError::of_program(name, source, reasons))
}
