//! An answer made chunk by chunk, as fast as its reader takes it.

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body of chunks, each made when the connection has room for it: memory does not grow with the answer.
pub(crate) fn of_chunks(chunks: impl Iterator<Item = Vec<u8>> + Send + Unpin + 'static) -> Body {
    Body::new(Chunks { chunks })
}

struct Chunks<I> {
    chunks: I,
}

impl<I: Iterator<Item = Vec<u8>> + Unpin> http_body::Body for Chunks<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.get_mut()
                .chunks
                .next()
                .map(|chunk| Ok(Frame::data(Bytes::from(chunk)))),
        )
    }
}
