//! Why an interface cannot be served past the kernel. Every message says what to do.

use std::io;

use xdp::socket::{OptName, SocketError};

/// Why queries of an interface take the way through the kernel.
#[derive(Debug, thiserror::Error)]
pub enum XdpError {
    /// There is none of this name.
    #[error("there is no interface {interface}; `ip link` names those of this host")]
    Missing {
        /// As configured.
        interface: String,
    },
    /// It has no address of its own on its link.
    #[error(
        "{interface} is not an Ethernet interface, and only those can be answered past the kernel; leave it out of node.xdp"
    )]
    NotEthernet {
        /// As configured.
        interface: String,
    },
    /// A capability is missing.
    #[error(
        "{what} on {interface}: permission denied; it needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF (before Linux 5.8 \
         CAP_SYS_ADMIN): for systemd, see deploy/xdp.conf"
    )]
    Permission {
        /// As configured.
        interface: String,
        /// What was tried.
        what: &'static str,
    },
    /// The kernel cannot do it at all.
    #[error(
        "{what} on {interface}: this kernel cannot; it must be Linux 5.11 or later with CONFIG_XDP_SOCKETS and \
         CONFIG_BPF_SYSCALL: zgrep -E 'XDP_SOCKETS|BPF_SYSCALL' /proc/config.gz"
    )]
    Kernel {
        /// As configured.
        interface: String,
        /// What was tried.
        what: &'static str,
    },
    /// The driver has no place for programs.
    #[error(
        "the driver of {interface} takes no XDP program; write xdp_mode = \"generic\" in [node], which works with every \
         driver but gains less, or leave the interface out of node.xdp"
    )]
    Driver {
        /// As configured.
        interface: String,
    },
    /// Packets are larger than what the driver takes with a program.
    #[error(
        "the driver of {interface} takes no XDP program while packets may be {mtu} octets long; try: ip link set \
         {interface} mtu 1500 (for a veth: its peer's as well)"
    )]
    Mtu {
        /// As configured.
        interface: String,
        /// The size of packets that it has.
        mtu: u32,
    },
    /// A driver wants a receiving queue for each of its peer's sending ones, or one more per processor.
    #[error(
        "the driver of {interface} has too few queues for an XDP program; more receiving queues may help: ethtool -L \
         {interface} rx NUMBER (for a veth: at least as many as its peer has for sending)"
    )]
    Queues {
        /// As configured.
        interface: String,
    },
    /// More queues than we serve.
    #[error(
        "{interface} has {queues} receiving queues; at most {most} are served: ethtool -L {interface} combined {most}"
    )]
    ManyQueues {
        /// As configured.
        interface: String,
        /// How many it has.
        queues: u32,
        /// How many are served.
        most: u32,
    },
    /// Somebody else's program is there.
    #[error(
        "{interface} has an XDP program of someone else; `ip link show {interface}` tells its number, and \
         `ip link set {interface} xdp off` removes one that was left behind"
    )]
    Taken {
        /// As configured.
        interface: String,
    },
    /// Somebody else reads the queue.
    #[error("queue {queue} of {interface} is read by another program (an AF_XDP socket); stop it first")]
    QueueTaken {
        /// As configured.
        interface: String,
        /// Which.
        queue: u32,
    },
    /// Memory cannot be locked.
    #[error(
        "{what} on {interface}: no memory; each queue locks 4 MiB, and the limit (`ulimit -l`) may be lower: for systemd \
         LimitMEMLOCK=infinity"
    )]
    Memory {
        /// As configured.
        interface: String,
        /// What was tried.
        what: &'static str,
    },
    /// The kernel does not accept the program; a fault of ours.
    #[error("the kernel refuses the program for {interface}: {source}: {reasons}")]
    Program {
        /// As configured.
        interface: String,
        /// What the system says.
        source: io::Error,
        /// What its verifier says.
        reasons: String,
    },
    /// A worker of ours ended.
    #[error("a queue of {interface} cannot be read any more: {reason}")]
    Worker {
        /// As configured.
        interface: String,
        /// What the system says.
        reason: String,
    },
    /// Anything else that the system says.
    #[error("{what} on {interface}: {source}")]
    System {
        /// As configured.
        interface: String,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl XdpError {
    /// What `source` means when `what` was tried.
    pub(super) fn new(interface: &str, what: &'static str, source: io::Error) -> Self {
        let interface = interface.to_owned();
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Permission { interface, what },
            Some(libc::ENODEV | libc::ENXIO) => Self::Missing { interface },
            Some(libc::ENOBUFS | libc::ENOMEM) => Self::Memory { interface, what },
            Some(libc::EAFNOSUPPORT | libc::ENOSYS | libc::ENOPROTOOPT) => Self::Kernel { interface, what },
            _ => Self::System { interface, what, source },
        }
    }

    /// What the kernel says of a program with its reasons.
    pub(super) fn of_program(interface: &str, source: io::Error, reasons: String) -> Self {
        match Self::new(interface, "loading the XDP program", source) {
            Self::System { interface, source, .. } => Self::Program { interface, source, reasons },
            error => error,
        }
    }

    /// What the kernel says of attaching a program.
    pub(super) fn of_link(interface: &str, mtu: u32, source: io::Error) -> Self {
        let interface = interface.to_owned();
        match source.raw_os_error() {
            Some(libc::EBUSY | libc::EEXIST) => Self::Taken { interface },
            Some(libc::EOPNOTSUPP) if mtu <= PLAIN_MTU => Self::Driver { interface },
            // Drivers differ in what they say of packets that are too large.
            Some(libc::ERANGE) => Self::Mtu { interface, mtu },
            Some(libc::EINVAL | libc::EOPNOTSUPP) if mtu > PLAIN_MTU => Self::Mtu { interface, mtu },
            Some(libc::ENOSPC) => Self::Queues { interface },
            _ => Self::new(&interface, "attaching the XDP program", source),
        }
    }

    /// What the kernel says of a socket for a queue.
    pub(super) fn of_queue(interface: &str, queue: u32, error: SocketError) -> Self {
        let what = match &error {
            SocketError::SetSockOpt { option: OptName::UmemRegion, .. } => "locking memory for a queue",
            SocketError::Bind(_) => "binding an AF_XDP socket",
            _ => "opening an AF_XDP socket",
        };
        match error {
            SocketError::Bind(source) if source.raw_os_error() == Some(libc::EBUSY) => {
                Self::QueueTaken { interface: interface.to_owned(), queue }
            }
            SocketError::SocketCreation(source)
            | SocketError::Bind(source)
            | SocketError::SetSockOpt { inner: source, .. }
            | SocketError::GetSockOpt { inner: source, .. }
            | SocketError::RingMap { inner: source, .. } => Self::new(interface, what, source),
        }
    }
}

/// What every driver takes.
const PLAIN_MTU: u32 = 1500;

#[cfg(test)]
mod tests {
    use super::*;

    fn system(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    #[test]
    fn what_the_system_says_becomes_what_to_do() {
        let told = |error: XdpError, words: &[&str]| {
            let text = error.to_string();
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        };
        told(XdpError::new("eth7", "x", system(libc::ENODEV)), &["no interface eth7", "ip link"]);
        told(XdpError::new("eth0", "binding", system(libc::EPERM)), &["binding on eth0", "CAP_BPF", "CAP_NET_RAW"]);
        told(XdpError::new("eth0", "x", system(libc::EAFNOSUPPORT)), &["5.11", "CONFIG_XDP_SOCKETS"]);
        told(XdpError::new("eth0", "x", system(libc::EIO)), &["x on eth0: ", "os error 5"]);
        told(XdpError::of_link("eth0", 9000, system(libc::EINVAL)), &["9000 octets", "mtu 1500"]);
        told(XdpError::of_link("eth0", 3600, system(libc::ERANGE)), &["3600 octets"]);
        told(XdpError::of_link("eth0", 1500, system(libc::EOPNOTSUPP)), &["takes no XDP program", "generic"]);
        told(XdpError::of_link("eth0", 1500, system(libc::EBUSY)), &["someone else", "xdp off"]);
        told(XdpError::of_link("eth0", 1500, system(libc::ENOSPC)), &["too few queues", "ethtool -L eth0"]);
        told(XdpError::of_queue("eth0", 3, SocketError::Bind(system(libc::EBUSY))), &["queue 3 of eth0", "another"]);
        let memory = SocketError::SetSockOpt { inner: system(libc::ENOBUFS), option: OptName::UmemRegion };
        told(XdpError::of_queue("eth0", 0, memory), &["LimitMEMLOCK", "4 MiB"]);
    }
}
