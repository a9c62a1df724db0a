//! Conversations on streams (RFC 7766): queries in, replies out as they are ready, all within bounds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::bounds::{PROGRESS, QUERY, REPLY, STREAM_QUERY};
use super::connections::Admission;
use super::exchange::{Outcome, exchange};
use super::handler::Handler;
use crate::answer::Transport;

/// One end of a conversation.
pub(super) struct Talk {
    /// Who answers.
    pub(super) handler: Arc<Handler>,
    /// Who asks.
    pub(super) client: SocketAddr,
    /// How.
    pub(super) transport: Transport,
    /// The connection's place.
    pub(super) place: Admission,
    /// Turns true when the server stops.
    pub(super) stop: watch::Receiver<bool>,
}

/// Answers the queries of one connection, several at a time and each when it is ready (section 6.2.1.1), until the client
/// ends, rests too long, or does not take its replies.
pub(super) async fn converse<S>(stream: S, talk: Talk)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let talk = Arc::new(talk);
    let (reader, writer) = tokio::io::split(stream);
    let (replies, outbox) = mpsc::channel(1);
    let mut writing = tokio::spawn(write(writer, outbox, Arc::clone(&talk)));
    tokio::select! {
        () = read(reader, &talk, replies) => {
            // The client may only have closed its own side: what it asked is still answered (section 6.2.4).
            let _ = timeout(REPLY, &mut writing).await;
        }
        // A client that takes no replies is not heard either.
        _ = &mut writing => {}
    }
    writing.abort();
}

/// Reads queries and has them answered.
async fn read<S: AsyncRead>(mut reader: ReadHalf<S>, talk: &Arc<Talk>, replies: mpsc::Sender<Vec<u8>>) {
    let limits = talk.handler.limits();
    let most = limits.queries_per_connection;
    let free = Arc::new(Semaphore::new(most));
    let mut stop = talk.stop.clone();
    loop {
        // Beyond what one connection may ask at a time nothing is read: the client has to wait (section 7).
        let Ok(turn) = Arc::clone(&free).acquire_owned().await else { return };
        if free.available_permits() + 1 == most {
            talk.place.rest();
        }
        let mut first = [0];
        let began = loop {
            tokio::select! {
                began = timeout(limits.idle, reader.read_exact(&mut first)) => match began {
                    // Who waits for a reply does not rest.
                    Err(_) if free.available_permits() + 1 < most => {}
                    began => break began,
                },
                () = talk.place.evicted() => {
                    talk.handler.usage().count_evicted();
                    return;
                }
                _ = stop.wait_for(|stop| *stop) => return,
            }
        };
        let (Ok(Ok(_)), [high]) = (began, first) else { return };
        let query = tokio::select! {
            query = timeout(QUERY, read_query(&mut reader, high)) => query,
            () = talk.place.evicted() => {
                talk.handler.usage().count_evicted();
                return;
            }
        };
        let Ok(Ok(query)) = query else { return };
        talk.place.work();
        let (talk, replies, free) = (Arc::clone(talk), replies.clone(), Arc::clone(&free));
        tokio::spawn(async move {
            answer(&talk, &query, &replies).await;
            drop(turn);
            // The reader may hold a turn for the next one.
            if free.available_permits() + 1 >= most {
                talk.place.rest();
            }
        });
    }
}

/// Answers one query. Where the writer is gone, nobody waits for the reply.
async fn answer(talk: &Talk, query: &[u8], replies: &mpsc::Sender<Vec<u8>>) {
    match exchange(&talk.handler, query, talk.client, talk.transport).await {
        Outcome::Silence => {}
        Outcome::Reply(reply) => {
            let _ = replies.send(reply).await;
        }
        Outcome::Transfer(messages) => {
            for message in messages {
                if replies.send(message).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Writes replies until there will be no more, or the client takes none.
async fn write<S: AsyncWrite>(mut writer: WriteHalf<S>, mut outbox: mpsc::Receiver<Vec<u8>>, talk: Arc<Talk>) {
    while let Some(message) = outbox.recv().await {
        let Ok(length) = u16::try_from(message.len()) else { return };
        // In one write, so that length and message leave in one segment (section 8).
        let framed = [&length.to_be_bytes()[..], &message].concat();
        let sent = async {
            writer.write_all(&framed).await?;
            writer.flush().await
        };
        if !matches!(timeout(REPLY, sent).await, Ok(Ok(()))) {
            talk.handler.usage().count_unsent();
            return;
        }
    }
    let _ = timeout(REPLY, writer.shutdown()).await;
}

/// The rest of a query of which the first length octet was read.
async fn read_query<R: AsyncRead + Unpin>(reader: &mut R, high: u8) -> io::Result<Vec<u8>> {
    let mut low = [0];
    fill(reader, &mut low).await?;
    let [low] = low;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > STREAM_QUERY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut query = vec![0; length];
    fill(reader, &mut query).await?;
    Ok(query)
}

/// Fills `buffer`, as long as something comes in time.
async fn fill<R: AsyncRead + Unpin>(reader: &mut R, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        let count = timeout(PROGRESS, reader.read(buffer)).await??;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = std::mem::take(&mut buffer).get_mut(count..).unwrap_or_default();
    }
    Ok(())
}
