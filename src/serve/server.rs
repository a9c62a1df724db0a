//! A running server: its listeners and the tasks that serve them.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::accept::Hall;
use super::bounds::{LISTENER_REST, RATE_WATCH};
use super::certificate::{self, Certificates, server_config};
use super::connections::Connections;
use super::handler::Handler;
use super::sockets::{ServeError, Sockets, bind, bind_datagrams, bind_stream};
use super::tls::Reception;
use super::udp::Workers;
use super::{Setup, https, quic, tcp, tls};
use crate::model::EncryptedSettings;

/// A running DNS server.
pub struct Server {
    workers: Workers,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    addresses: Vec<SocketAddr>,
    encrypted: Vec<(&'static str, SocketAddr)>,
}

impl Server {
    /// Listens wherever `setup` says and answers from its tables, whichever are current at each query. Needs the context
    /// of a tokio runtime.
    ///
    /// # Errors
    /// If one address cannot be listened on, or the certificate cannot be used; nothing is listened on then.
    pub fn start(setup: Setup) -> Result<Self, ServeError> {
        let encrypted = setup.encrypted.clone();
        let sockets = setup.listen.iter().map(|address| bind(*address)).collect::<Result<Vec<_>, _>>()?;
        let certificates = encrypted.certificate.as_ref().map(Certificates::open).transpose()?.map(Arc::new);
        let limits = setup.limits.clone();
        #[cfg(feature = "xdp")]
        let xdp = setup.xdp.clone();
        let (stop, stopped) = watch::channel(false);
        let hall = Hall {
            handler: Arc::new(Handler::new(setup)),
            connections: Arc::new(Connections::new(limits.connections, limits.connections_per_client)),
            stop: stopped.clone(),
        };
        let mut tasks = Tasks { set: JoinSet::new(), stopped };
        let mut listening = Vec::new();
        if let Some(certificates) = &certificates {
            listening = tasks.encrypted(&encrypted, certificates, &hall)?;
        }
        for sockets in &sockets {
            tasks.plain(sockets, &hall);
        }
        tasks.watch(&hall, certificates);
        #[cfg(feature = "xdp")]
        super::bypass::start(xdp, &sockets, &hall, &mut tasks.set).map_err(ServeError::Threads)?;
        let addresses = sockets.iter().map(|sockets| sockets.address).collect();
        let datagrams = sockets.into_iter().flat_map(|sockets| sockets.datagrams).collect();
        let workers = Workers::start(datagrams, &hall.handler).map_err(ServeError::Threads)?;
        Ok(Self { workers, tasks: tasks.set, stop, addresses, encrypted: listening })
    }

    /// Where the server listens for DNS over UDP and TCP, with real ports, in the order configured.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the server listens for encrypted transports (`tls`, `quic`, `https`), with real ports.
    #[must_use]
    pub fn encrypted_addrs(&self) -> &[(&'static str, SocketAddr)] {
        &self.encrypted
    }

    /// Answers what has come in already, then stops listening.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.workers.stop().await;
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The tasks of a server in the making.
struct Tasks {
    set: JoinSet<()>,
    stopped: watch::Receiver<bool>,
}

impl Tasks {
    fn spawn<F: Future<Output = ()> + Send + 'static>(&mut self, serve: impl Fn() -> F + Send + 'static) {
        self.set.spawn(supervise(self.stopped.clone(), serve));
    }

    /// TCP at one address.
    fn plain(&mut self, sockets: &Sockets, hall: &Hall) {
        let (listener, hall) = (Arc::clone(&sockets.listener), hall.clone());
        self.spawn(move || tcp::serve(Arc::clone(&listener), hall.clone()));
    }

    /// TLS, QUIC and HTTPS. Gives where they listen.
    fn encrypted(
        &mut self,
        settings: &EncryptedSettings,
        certificates: &Arc<Certificates>,
        hall: &Hall,
    ) -> Result<Vec<(&'static str, SocketAddr)>, ServeError> {
        let handshakes = Arc::new(Semaphore::new(hall.handler.limits().handshakes));
        let mut listening = Vec::new();
        let reception = |protocols: &[&[u8]]| {
            Reception::new(Arc::new(server_config(certificates, protocols)), Arc::clone(&handshakes))
        };
        let (dot, doh) = (reception(&[b"dot"]), reception(&[b"h2", b"http/1.1"]));
        for address in &settings.tls {
            let (bound, listener) = bind_stream(*address, "tls")?;
            listening.push(("tls", bound));
            let (hall, dot) = (hall.clone(), dot.clone());
            self.spawn(move || tls::serve(Arc::clone(&listener), hall.clone(), dot.clone()));
        }
        for address in &settings.https {
            let (bound, listener) = bind_stream(*address, "https")?;
            listening.push(("https", bound));
            let (hall, doh) = (hall.clone(), doh.clone());
            self.spawn(move || https::serve(Arc::clone(&listener), hall.clone(), doh.clone()));
        }
        for address in &settings.quic {
            let refused = |source| ServeError::new(*address, "quic", source);
            let socket = bind_datagrams(*address, "quic")?;
            let config = server_config(certificates, &[b"doq"]);
            let endpoint = quic::listen(socket, config, hall.handler.limits().idle).map_err(refused)?;
            listening.push(("quic", endpoint.local_addr().map_err(refused)?));
            let (hall, handshakes) = (hall.clone(), Arc::clone(&handshakes));
            self.spawn(move || quic::serve(endpoint.clone(), hall.clone(), Arc::clone(&handshakes)));
        }
        Ok(listening)
    }

    /// What is looked at now and then.
    fn watch(&mut self, hall: &Hall, certificates: Option<Arc<Certificates>>) {
        let watched = hall.clone();
        self.spawn(move || watch_load(watched.clone()));
        if let Some(certificates) = certificates {
            let hall = hall.clone();
            self.spawn(move || watch_certificate(hall.clone(), Arc::clone(&certificates)));
        }
    }
}

/// Tells the node when clients begin to be limited, and when it is over, until the server stops.
async fn watch_load(mut hall: Hall) {
    while timeout(RATE_WATCH, hall.stop.wait_for(|stop| *stop)).await.is_err() {
        hall.handler.usage().note_open_connections(hall.connections.count());
        if let Some(state) = hall.handler.rate_limit_news() {
            hall.handler.backstage().part("rate limit", state).await;
        }
    }
}

/// Reads the certificate again when its files change, and tells the node what becomes of it, until the server stops.
async fn watch_certificate(mut hall: Hall, certificates: Arc<Certificates>) {
    let mut failing = None;
    loop {
        match certificates.refresh() {
            Some(Err(error)) => failing = Some(format!("{error}. Meanwhile the one read before is used")),
            Some(Ok(())) => {
                tracing::info!("the certificate of the encrypted transports was read again");
                failing = None;
            }
            None => {}
        }
        hall.handler.usage().note_certificate(certificates.expires());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        let trouble = failing.clone().or_else(|| certificates.trouble(i64::try_from(now).unwrap_or(i64::MAX)));
        // Said again and again: the node passes on what is new.
        let state = trouble.map_or_else(|| Ok("the certificate is good".to_owned()), Err);
        hall.handler.backstage().part("certificate", state).await;
        if timeout(certificate::LOOK, hall.stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

/// Runs `serve` until the server stops: one that ends before, by whatever fault, is begun again.
async fn supervise<F: Future<Output = ()> + Send + 'static>(stop: watch::Receiver<bool>, serve: impl Fn() -> F) {
    loop {
        let mut task = JoinSet::new();
        task.spawn(serve());
        let ended = task.join_next().await;
        if *stop.borrow() {
            return;
        }
        if let Some(Err(error)) = ended {
            tracing::error!(%error, "a listener ended; it is begun again");
        }
        tokio::time::sleep(LISTENER_REST).await;
    }
}
