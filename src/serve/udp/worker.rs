//! Threads that take datagrams and answer them.

use std::io;
use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::super::bounds::{LAST_RUNS, LISTENER_REST, STOP};
use super::super::durations::Sampling;
use super::super::handler::Handler;
use super::super::hot::{Hot, HotPath};
use super::batch::{BATCH, Batch, Wait, WayBack};
use super::general::{self, Passed, Passing, passage, serve};

/// The workers of a server. They end when this is stopped or dropped.
pub(in super::super) struct Workers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// The general path of each.
    general: JoinSet<()>,
}

impl Workers {
    /// A worker for each of `sockets`. Needs the context of a tokio runtime, where the general path runs.
    ///
    /// # Errors
    /// If a thread cannot be had.
    pub(in super::super) fn start(sockets: Vec<UdpSocket>, handler: &Arc<Handler>) -> io::Result<Self> {
        let mut workers = Self { stop: Arc::new(AtomicBool::new(false)), threads: Vec::new(), general: JoinSet::new() };
        for (number, socket) in sockets.into_iter().enumerate() {
            let (passing, passed) = passage();
            workers.general.spawn(serve(Arc::clone(handler), passed));
            let (handler, stop) = (Arc::clone(handler), Arc::clone(&workers.stop));
            let socket = Arc::new(socket);
            let worker = move || {
                let mut worker =
                    Worker { socket, handler, passing, batch: Batch::new(), sampling: Sampling::default() };
                // Whatever ends it before the time, it is begun again.
                while catch_unwind(AssertUnwindSafe(|| worker.run(&stop))).is_err() && !stop.load(Ordering::Acquire) {
                    tracing::error!("a worker for datagrams ended; it is begun again");
                    thread::sleep(LISTENER_REST);
                }
            };
            workers.threads.push(thread::Builder::new().name(format!("udp-{number}")).spawn(worker)?);
        }
        Ok(workers)
    }

    /// Has the workers answer what has come in already, and waits for their end.
    pub(in super::super) async fn stop(mut self) {
        self.stop.store(true, Ordering::Release);
        let threads = std::mem::take(&mut self.threads);
        // A thread that panicked has nothing left to say.
        let join = move || threads.into_iter().for_each(|thread| drop(thread.join()));
        let _ = timeout(STOP, tokio::task::spawn_blocking(join)).await;
        // What they handed over last is answered as well; what waits for the node longer than that is not.
        let _ = timeout(STOP, async { while self.general.join_next().await.is_some() {} }).await;
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Back through the worker's socket.
struct Way {
    back: WayBack,
    socket: Arc<UdpSocket>,
}

impl general::WayBack for Way {
    fn send(&mut self, reply: &mut [u8]) -> io::Result<()> {
        self.back.send(&self.socket, reply)
    }
}

struct Worker {
    socket: Arc<UdpSocket>,
    handler: Arc<Handler>,
    passing: Passing<Way>,
    batch: Batch,
    sampling: Sampling,
}

impl Worker {
    fn run(&mut self, stop: &AtomicBool) {
        let mut path = HotPath::new(Arc::clone(&self.handler));
        while !stop.load(Ordering::Acquire) {
            match self.batch.receive(&self.socket, Wait::ForOne) {
                Ok(count) => self.answer(&mut path, count),
                Err(error) if is_nothing(&error) => path.tick(),
                Err(error) => {
                    tracing::warn!(%error, "a datagram could not be received");
                    thread::sleep(LISTENER_REST);
                }
            }
        }
        for _ in 0..LAST_RUNS / BATCH {
            match self.batch.receive(&self.socket, Wait::Never) {
                Ok(count) if count > 0 => self.answer(&mut path, count),
                _ => return,
            }
        }
    }

    fn answer(&mut self, path: &mut HotPath, count: usize) {
        path.tick();
        if count > 1 && catch_unwind(AssertUnwindSafe(|| path.approach(self.batch.packets()))).is_err() {
            tracing::error!("reading ahead panicked; the queries are answered without");
            self.handler.usage().count_panic();
            path.forget();
        }
        let mut timed = self.sampling.begin();
        for ix in 0..count {
            let Some(mut datagram) = self.batch.datagram(ix) else { continue };
            let answered =
                catch_unwind(AssertUnwindSafe(|| path.respond(datagram.packet, datagram.source, datagram.reply)));
            match answered {
                Ok(Hot::Reply(length)) => {
                    datagram.answered(length);
                    if let Some(begun) = timed {
                        path.observe(begun.elapsed());
                    }
                }
                Ok(Hot::Silence) => {}
                Ok(Hot::Pass) => self.pass(ix),
                Err(_) => {
                    // The general path answers it, and those like it, without handling it.
                    tracing::error!(client = %datagram.source, "a query made the hot path panic");
                    self.handler.usage().count_panic();
                    self.handler.quarantine().insert(datagram.packet, Instant::now());
                    path.forget();
                    self.pass(ix);
                }
            }
            timed = None;
        }
        for _ in 0..self.batch.send(&self.socket) {
            self.handler.usage().count_unsent();
        }
    }

    /// Hands a datagram over to the general path; beyond the bound it is lost, and its sender comes again.
    fn pass(&mut self, ix: usize) {
        let Some(back) = self.batch.way_back(ix) else { return };
        let Some(datagram) = self.batch.datagram(ix) else { return };
        let (packet, source) = (datagram.packet.to_vec(), datagram.source);
        let passed = Passed { packet, source, way_back: Way { back, socket: Arc::clone(&self.socket) } };
        if self.passing.try_send(passed).is_err() {
            self.handler.usage().count_unsent();
        }
    }
}

/// Whether an error says that nothing came.
fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
