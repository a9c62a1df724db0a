//! A server that answers each request as it is told: what real members do too rarely for a test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is answered to a request.
pub enum Answer {
    /// The connection is closed without a word.
    Nothing,
    /// A whole reply, head included.
    Octets(Vec<u8>),
    /// A stream that begins with this and then repeats the second every second until somebody ends it.
    Stream(String, String),
}

impl Answer {
    pub fn json(body: &str) -> Self {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        Self::Octets((head + body).into_bytes())
    }
}

/// A server; it ends with this value.
pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Fake {
    /// Answers each path by `answer`.
    pub async fn start(answer: impl FnMut(&str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, noted) = (Arc::new(Mutex::new(answer)), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
                tokio::spawn(async move {
                    // The client ends connections as it likes.
                    let _ = serve(stream, |path| {
                        noted.lock().unwrap().push(path.to_owned());
                        (answer.lock().unwrap())(path)
                    })
                    .await;
                });
            }
        });
        Self { url, asked, task }
    }

    /// The paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, mut answer: impl FnMut(&str) -> Answer) -> std::io::Result<()> {
    while let Some(path) = request(&mut stream).await? {
        match answer(&path) {
            Answer::Nothing => return Ok(()),
            Answer::Octets(octets) => stream.write_all(&octets).await?,
            Answer::Stream(first, then) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n").await?;
                stream.write_all(first.as_bytes()).await?;
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    stream.write_all(then.as_bytes()).await?;
                }
            }
        }
    }
    Ok(())
}

/// The path of the next request, whose body is read and forgotten.
async fn request(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => return Ok(None),
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await?;
    Ok(head.split(' ').nth(1).map(str::to_owned))
}
