//! Drives a server over a stream.

use crate::sip::{Action, Dialogue};
use crate::{Cut, Delivery, Ending, Extent, Server, ServerConfig, ServerEvent, Twist};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const READ_BYTES: usize = 16 * 1024;
const RECORD_HEADER_BYTES: usize = 5;

/// Serves one connection until it is over; how the stream is to end.
///
/// # Errors
///
/// When the stream fails, which is how a client that leaves early is seen.
pub async fn converse<S>(stream: &mut S, config: &Arc<ServerConfig>) -> io::Result<Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut server = Server::new(Arc::clone(config));
    let mut dialogue = Dialogue::new(config.sip);
    let mut sender = Sender::new(config.delivery);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        while let Some(event) = server.poll_event() {
            match event {
                ServerEvent::Finished { .. } => {
                    while let Some(Twist::Flood(flood)) = config.twist {
                        server.flood(flood);
                        if let Some(ending) = sender.send(stream, &server.take_output()).await? {
                            return Ok(ending);
                        }
                        tokio::task::consume_budget().await;
                    }
                }
                ServerEvent::Data(data) => {
                    for action in dialogue.handle_data(&data) {
                        match action {
                            Action::Send(bytes) => server.send(&bytes),
                            Action::Pause(pause) => {
                                if let Some(ending) = sender.send(stream, &server.take_output()).await? {
                                    return Ok(ending);
                                }
                                tokio::time::sleep(pause).await;
                            }
                            Action::Close => server.close(),
                        }
                    }
                }
                ServerEvent::Alert(_) | ServerEvent::Refused(_) => {}
            }
        }
        if let Some(ending) = sender.send(stream, &server.take_output()).await? {
            return Ok(ending);
        }
        if let Some(ending) = server.ending() {
            return Ok(ending);
        }
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(Ending::Close);
        }
        server.handle_input(&buffer[..count]);
    }
}

/// Sends as a [`Delivery`] says.
#[derive(Debug)]
pub(crate) struct Sender {
    delivery: Delivery,
    sent_bytes: usize,
    sent_records: usize,
}

impl Sender {
    pub(crate) const fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            sent_bytes: 0,
            sent_records: 0,
        }
    }

    /// Sends whole records, or as many of their bytes as there are before the cut; then the ending.
    pub(crate) async fn send<S>(&mut self, stream: &mut S, bytes: &[u8]) -> io::Result<Option<Ending>>
    where
        S: AsyncWrite + Unpin,
    {
        if bytes.is_empty() {
            return Ok(None);
        }
        let allowed = match self.delivery.cut {
            None => bytes.len(),
            Some(Cut {
                after: Extent::Bytes(limit),
                ..
            }) => bytes.len().min(limit - self.sent_bytes),
            Some(Cut {
                after: Extent::Records(limit),
                ..
            }) => prefix_bytes(bytes, limit - self.sent_records),
        };
        let (now, rest) = bytes.split_at(allowed);
        match self.delivery.pace {
            None => stream.write_all(now).await?,
            Some(pause) => write_slowly(stream, now, pause).await?,
        }
        self.sent_bytes += now.len();
        self.sent_records += record_count(now);
        Ok(self
            .delivery
            .cut
            .filter(|_| !rest.is_empty())
            .map(|cut| cut.ending))
    }
}

async fn write_slowly<S: AsyncWrite + Unpin>(
    stream: &mut S,
    bytes: &[u8],
    pause: Duration,
) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// Length of the first record; at most what is there.
fn record_bytes(bytes: &[u8]) -> usize {
    let length = match bytes {
        [_, _, _, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    (RECORD_HEADER_BYTES + length).min(bytes.len())
}

/// Length of the first `count` records.
pub(crate) fn prefix_bytes(bytes: &[u8], count: usize) -> usize {
    (0..count).fold(0, |at, _| at + record_bytes(&bytes[at..]))
}

fn record_count(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while !bytes.is_empty() {
        bytes = &bytes[record_bytes(bytes)..];
        count += 1;
    }
    count
}
