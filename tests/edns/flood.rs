//! A flood in the name of one network. Broken here, and this server strikes third parties for whoever forges their
//! addresses, or stops answering others when it is flooded.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use waypost::model::RateLimitSettings;

use crate::servers;
use crate::wire::{Query, Reply, option};

/// Responses a second of one kind and network.
const RATE: u32 = 50;
/// How long the flood lasts.
const FLOOD: Duration = Duration::from_secs(3);
/// Queries that are sent before the sender rests, so that the socket of the server is not what limits.
const RUN: u32 = 40;
const REST: Duration = Duration::from_millis(10);
/// Queries of each client that is no part of the flood.
const QUESTIONS: usize = 60;
/// Tries of a question: the system drops datagrams where the machine is busy.
const TRIES: usize = 5;
const ANSWER: Duration = Duration::from_secs(1);

/// What came back for the flood.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    full: AtomicU64,
    truncated: AtomicU64,
    challenged: AtomicU64,
}

fn socket(host: [u8; 4], server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::from(host), 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    socket
}

/// Floods from `host` with what `query` makes of a running number.
fn flood(host: [u8; 4], server: SocketAddr, counts: &Counts, query: impl Fn(u64) -> Vec<u8> + Sync) {
    let socket = socket(host, server);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; 1500];
            loop {
                let Ok(length) = socket.recv(&mut buffer) else {
                    if done.load(Ordering::Acquire) {
                        return;
                    }
                    continue;
                };
                let reply = Reply::read(&buffer[..length]);
                let count = match (reply.rcode, reply.truncated) {
                    (23, _) => &counts.challenged,
                    (_, true) => &counts.truncated,
                    _ => &counts.full,
                };
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let start = Instant::now();
        while start.elapsed() < FLOOD {
            for _ in 0..RUN {
                let number = counts.sent.fetch_add(1, Ordering::Relaxed);
                let _ = socket.send(&query(number));
            }
            thread::sleep(REST);
        }
        done.store(true, Ordering::Release);
    });
}

/// Asks `QUESTIONS` times, spread over the flood; how often it had to ask again. No answer may be a limited one.
fn ask(host: [u8; 4], server: SocketAddr, query: &[u8]) -> usize {
    let socket = socket(host, server);
    socket.set_read_timeout(Some(ANSWER)).unwrap();
    let mut buffer = [0; 1500];
    let mut again = 0;
    for question in 0..QUESTIONS {
        let answered = (0..TRIES).any(|_| {
            socket.send(query).unwrap();
            let Ok(length) = socket.recv(&mut buffer) else {
                again += 1;
                return false;
            };
            let reply = Reply::read(&buffer[..length]);
            assert_eq!((reply.rcode, reply.truncated, reply.answers.len()), (0, false, 1), "{host:?}: {reply:?}");
            true
        });
        assert!(answered, "{host:?} got no answer to question {question}");
        thread::sleep(FLOOD / u32::try_from(QUESTIONS).unwrap());
    }
    again
}

fn most(elapsed: Duration) -> u64 {
    // The burst is what a second gives.
    (elapsed.as_secs_f64() * f64::from(RATE)).ceil() as u64 + u64::from(RATE)
}

#[test]
fn a_flood_gets_its_limit_and_nobody_else_notices() {
    let settings = RateLimitSettings { responses_per_second: Some(RATE), ..RateLimitSettings::default() };
    let server = servers::waypost(settings);
    let address = server.address;
    let existing = Query::new("www.example.org", 1).build();
    let cookie = {
        let socket = socket([127, 0, 9, 77], address);
        let asked = Query::new("www.example.org", 1).edns(&option(10, &[1; 8])).build();
        socket.send(&asked).unwrap();
        let mut buffer = [0; 1500];
        let length = socket.recv(&mut buffer).unwrap();
        Reply::read(&buffer[..length]).cookie.unwrap()
    };
    let with_cookie = Query::new("www.example.org", 1).edns(&option(10, &cookie)).build();
    let (positive, negative, wildcard) = (Counts::default(), Counts::default(), Counts::default());
    let start = Instant::now();
    let (again, again_with_cookie) = thread::scope(|scope| {
        // Two hosts of one /24 share what it gets of an answer, and others ask for random names: none of them there, or each
        // made from one wildcard.
        for host in [[127, 0, 9, 1], [127, 0, 9, 2]] {
            let (counts, query) = (&positive, &existing);
            scope.spawn(move || flood(host, address, counts, |_| query.clone()));
        }
        scope.spawn(|| {
            flood([127, 0, 9, 3], address, &negative, |number| {
                Query::new(&format!("r{number}.example.org"), 1).edns(&option(10, &[1; 8])).build()
            });
        });
        scope.spawn(|| {
            flood([127, 0, 9, 4], address, &wildcard, |number| {
                Query::new(&format!("r{number}.wild.example.org"), 16).build()
            });
        });
        let other = scope.spawn(|| ask([127, 0, 10, 1], address, &existing));
        let holder = scope.spawn(|| ask([127, 0, 9, 77], address, &with_cookie));
        (other.join().unwrap(), holder.join().unwrap())
    });
    let elapsed = start.elapsed();
    let most = most(elapsed);
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    for (what, counts) in
        [("one existing name", &positive), ("random names", &negative), ("random names below a wildcard", &wildcard)]
    {
        println!(
            "{what}: {} queries from 127.0.9.0/24 in {:.2} s; {} answered in full, at most {most} are allowed \
             ({RATE}/s and a burst of {RATE}); {} truncated, {} BADCOOKIE",
            count(&counts.sent),
            elapsed.as_secs_f64(),
            count(&counts.full),
            count(&counts.truncated),
            count(&counts.challenged),
        );
        assert!(count(&counts.sent) > 4 * most, "this was no flood");
        assert!(count(&counts.full) <= most, "more than the limit");
        assert!(count(&counts.full) >= u64::from(RATE), "less than the limit");
    }
    println!(
        "127.0.10.1: all {QUESTIONS} questions answered, {again} asked again; \
         127.0.9.77 with a cookie: all {QUESTIONS} answered, {again_with_cookie} asked again"
    );
    // Who could not be told from the flood is told how to: over TCP, or by the cookie that it gets.
    assert!(count(&positive.truncated) > 0 && count(&positive.challenged) == 0);
    assert!(count(&negative.challenged) > 0 && count(&negative.truncated) == 0);
    let counted = server.usage.as_ref().unwrap().counts().limited;
    println!("counters: {counted:?}");
    for (outcome, times) in counted {
        assert!(times > 0, "{outcome} is not counted");
    }
    // People hear of it once, however long it goes on.
    let said = server.said.lock().unwrap();
    let [("rate limit", Err(what))] = said.as_slice() else { panic!("{said:?}") };
    assert!(what.starts_with("127.0.9.0/24 is limited to 50 "), "{what}");
}
