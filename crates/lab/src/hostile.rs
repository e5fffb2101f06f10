//! Peers that mean harm, one script each.
//!
//! A client that meets one must neither panic nor hang beyond its own deadline nor hold more than
//! its named limits, and must say what it saw.

use crate::drive::{converse, prefix_bytes};
use crate::{
    Chain, Credentials, Cut, Delivery, Ending, Extent, Flood, Pki, Server, ServerConfig, Sip, Twist,
};
use siptls_wire::{
    AlertDescription, AlertLevel, ContentType, Extension, ExtensionType, HandshakeType, MAX_FLIGHT_BYTES,
    MAX_PLAINTEXT_BYTES, ProtocolVersion, ServerHello, write_alert, write_certificates, write_record,
};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Certificates in the chain that is too long.
const LONG_CHAIN: usize = 200;
/// Names in the request that has too many.
const MANY_AUTHORITIES: usize = 10_000;
/// Length of the SIP answer that is too long.
const LONG_ANSWER_BYTES: usize = 10 << 20;
/// What garbage is made of: no content type of TLS among its first bytes.
const GARBAGE: [u8; 7] = [0xde, 0xad, 0x00, 0x80, 0xff, 0x0a, 0x7f];

/// A script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// Closes after so many of its messages, Finished included.
    CloseAfter {
        /// Records sent; each message stands in its own.
        records: usize,
    },
    /// Resets after so many bytes.
    ResetAfter {
        /// Bytes sent.
        bytes: usize,
    },
    /// Sends one byte at a time.
    Drip {
        /// Between two bytes.
        pause: Duration,
    },
    /// A Certificate message that never ends.
    EndlessCertificate,
    /// A handshake message that says it has 16 MiB, with nothing behind it.
    HugeMessage,
    /// A record that says it has 2^14 + 1 bytes.
    LongRecord,
    /// A CertificateRequest with 10,000 CA names.
    ManyAuthorities,
    /// A chain of 200 certificates.
    LongChain,
    /// Handshake records of length zero, for ever.
    EmptyRecords,
    /// Warning alerts instead of a flight, for ever.
    WarningFlood,
    /// HelloRequests instead of a flight, for ever.
    HelloRequestFlood,
    /// A good handshake, then meaningless records for ever.
    LateFlood(Flood),
    /// One thing wrong in a handshake that is otherwise good.
    Twisted(Twist),
    /// SIP without TLS.
    PlainSip,
    /// HTTP without TLS.
    PlainHttp,
    /// Refuses TLS 1.2, as a server does that has TLS 1.3 alone.
    Tls13Only,
    /// Answers with a ServerHello of TLS 1.3, which was not offered.
    Tls13Hello,
    /// A warning alert, then silence.
    AlertThenSilence,
    /// Reads and never answers.
    Silence,
    /// A good handshake, then this instead of a fair answer to OPTIONS.
    Sip(Sip),
    /// Bytes that are no protocol, then a close.
    Garbage,
    /// A ServerHello, then bytes that are no protocol.
    LateGarbage,
    /// Garbage without end.
    EndlessGarbage,
}

impl Hostile {
    /// Every script, with parameters that suit a test: each place of cutting a handshake short,
    /// every twist, every flood.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = (0..=6).map(|records| Self::CloseAfter { records }).collect();
        all.extend([0, 1, 5, 60, 500, 2000].map(|bytes| Self::ResetAfter { bytes }));
        all.extend([
            Self::Drip {
                pause: Duration::from_secs(1),
            },
            Self::EndlessCertificate,
            Self::HugeMessage,
            Self::LongRecord,
            Self::ManyAuthorities,
            Self::LongChain,
            Self::EmptyRecords,
            Self::WarningFlood,
            Self::HelloRequestFlood,
        ]);
        all.extend([Flood::EmptyRecords, Flood::Warnings, Flood::HelloRequests].map(Self::LateFlood));
        all.extend(
            [
                Twist::SuiteNotOffered,
                Twist::GroupNotOffered,
                Twist::PointOffCurve,
                Twist::BadSignature,
                Twist::WrongFinished,
                Twist::BadMac,
                Twist::RequestAfterFinished,
                Twist::Renegotiation,
            ]
            .map(Self::Twisted),
        );
        all.extend([
            Self::PlainSip,
            Self::PlainHttp,
            Self::Tls13Only,
            Self::Tls13Hello,
            Self::AlertThenSilence,
            Self::Silence,
            Self::Garbage,
            Self::LateGarbage,
            Self::EndlessGarbage,
        ]);
        all.extend(
            [
                Sip::Flood {
                    body_bytes: LONG_ANSWER_BYTES,
                },
                Sip::NoLength,
                Sip::Request,
                Sip::Garbage,
                Sip::Http,
                Sip::Silent,
                Sip::Closes,
            ]
            .map(Self::Sip),
        );
        all
    }

    /// Plays the script on a connection; how the stream is to end.
    ///
    /// # Errors
    ///
    /// When the stream fails: a client that leaves is how the endless scripts end.
    pub async fn perform<S>(self, scene: &Scene, stream: &mut S) -> io::Result<Ending>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if let Some(config) = self.config(scene) {
            return converse(stream, &Arc::new(config)).await;
        }
        let flight = flight(scene, stream).await?;
        let hello = &flight[..prefix_bytes(&flight, 1)];
        let mut out = Vec::new();
        match self {
            Self::EndlessCertificate => {
                out.extend(hello);
                let mut start = header(HandshakeType::CERTIFICATE, MAX_FLIGHT_BYTES);
                start.resize(MAX_PLAINTEXT_BYTES, 0);
                write_record(&mut out, ContentType::HANDSHAKE, ProtocolVersion::TLS_1_2, &start);
                stream.write_all(&out).await?;
                return repeat(stream, ContentType::HANDSHAKE, &[0; MAX_PLAINTEXT_BYTES]).await;
            }
            Self::HugeMessage => {
                out.extend(hello);
                let message = header(HandshakeType::CERTIFICATE, (16 << 20) - 1);
                write_record(
                    &mut out,
                    ContentType::HANDSHAKE,
                    ProtocolVersion::TLS_1_2,
                    &message,
                );
            }
            Self::LongRecord => {
                let long = [0; MAX_PLAINTEXT_BYTES + 1];
                write_record(&mut out, ContentType::HANDSHAKE, ProtocolVersion::TLS_1_2, &long);
            }
            Self::LongChain => {
                out.extend(hello);
                let chain = vec![scene.credentials.chain().first().cloned().unwrap_or_default(); LONG_CHAIN];
                siptls_wire::write_handshake(&mut out, ProtocolVersion::TLS_1_2, &write_certificates(&chain));
            }
            Self::EmptyRecords => return repeat(stream, ContentType::HANDSHAKE, &[]).await,
            Self::WarningFlood => {
                let warning = [AlertLevel::WARNING.0, AlertDescription::UNRECOGNIZED_NAME.0];
                return repeat(stream, ContentType::ALERT, &warning).await;
            }
            Self::HelloRequestFlood => return repeat(stream, ContentType::HANDSHAKE, &[0, 0, 0, 0]).await,
            Self::PlainSip => out.extend(crate::sip::bad_request()),
            Self::PlainHttp => out.extend(crate::sip::http()),
            Self::Tls13Only => {
                let description = AlertDescription::PROTOCOL_VERSION;
                write_alert(&mut out, ProtocolVersion::TLS_1_2, AlertLevel::FATAL, description);
            }
            Self::Tls13Hello => {
                siptls_wire::write_handshake(&mut out, ProtocolVersion::TLS_1_2, &tls13_hello());
                write_record(
                    &mut out,
                    ContentType::CHANGE_CIPHER_SPEC,
                    ProtocolVersion::TLS_1_2,
                    &[1],
                );
                write_record(
                    &mut out,
                    ContentType::APPLICATION_DATA,
                    ProtocolVersion::TLS_1_2,
                    &[0xa5; 600],
                );
            }
            Self::AlertThenSilence => {
                let description = AlertDescription::UNRECOGNIZED_NAME;
                write_alert(
                    &mut out,
                    ProtocolVersion::TLS_1_2,
                    AlertLevel::WARNING,
                    description,
                );
                stream.write_all(&out).await?;
                return silence(stream).await;
            }
            Self::LateGarbage => {
                out.extend(hello);
                out.extend(GARBAGE.repeat(100));
            }
            Self::EndlessGarbage => loop {
                stream.write_all(&GARBAGE.repeat(500)).await?;
                tokio::task::consume_budget().await;
            },
            Self::Garbage => out.extend(GARBAGE.repeat(100)),
            // The others are played by a real server, or say nothing.
            _ => return silence(stream).await,
        }
        stream.write_all(&out).await?;
        if self == Self::HugeMessage {
            silence(stream).await
        } else {
            Ok(Ending::Close)
        }
    }

    /// The server that plays it, where a real handshake is needed.
    fn config(self, scene: &Scene) -> Option<ServerConfig> {
        let good = ServerConfig::new(Arc::clone(&scene.credentials));
        let cut = |after, ending| Delivery {
            cut: Some(Cut { after, ending }),
            pace: None,
        };
        Some(match self {
            Self::CloseAfter { records } => ServerConfig {
                delivery: cut(Extent::Records(records), Ending::Close),
                ..good
            },
            Self::ResetAfter { bytes } => ServerConfig {
                delivery: cut(Extent::Bytes(bytes), Ending::Reset),
                ..good
            },
            Self::Drip { pause } => ServerConfig {
                delivery: Delivery {
                    pace: Some(pause),
                    cut: None,
                },
                ..good
            },
            Self::ManyAuthorities => ServerConfig {
                client_certificates: crate::ClientCertificates::Optional,
                // The shortest name that is not empty, so that so many fit into the message.
                authorities: vec![vec![0x30, 2, 0x31, 0]; MANY_AUTHORITIES],
                ..good
            },
            Self::LateFlood(flood) => ServerConfig {
                twist: Some(Twist::Flood(flood)),
                ..good
            },
            Self::Twisted(twist) => ServerConfig {
                twist: Some(twist),
                ..good
            },
            Self::Sip(sip) => ServerConfig { sip, ..good },
            _ => return None,
        })
    }
}

impl fmt::Display for Hostile {
    /// The script and its parameters, for messages of tests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What the scripts need: a server's chain and key.
#[derive(Debug)]
pub struct Scene {
    credentials: Arc<Credentials>,
}

impl Scene {
    /// A scene with the good chain of a PKI.
    #[must_use]
    pub fn new(pki: &Pki) -> Self {
        Self {
            credentials: pki.credentials(Chain::Good),
        }
    }
}

/// Waits for the client's hello; the flight that a good server answers. Empty when the client left
/// or sent no hello that can be answered.
async fn flight<S: AsyncRead + Unpin>(scene: &Scene, stream: &mut S) -> io::Result<Vec<u8>> {
    let mut server = Server::new(Arc::new(ServerConfig::new(Arc::clone(&scene.credentials))));
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        server.handle_input(&buffer[..count]);
        let output = server.take_output();
        if count == 0 || !output.is_empty() || server.ending().is_some() {
            return Ok(output);
        }
    }
}

fn header(kind: HandshakeType, length: usize) -> Vec<u8> {
    let [.., high, middle, low] = length.to_be_bytes();
    vec![kind.0, high, middle, low]
}

fn tls13_hello() -> Vec<u8> {
    ServerHello {
        legacy_version: ProtocolVersion::TLS_1_2,
        random: siptls_tls12::random(),
        session_id: Vec::new(),
        cipher_suite: siptls_wire::CipherSuite::TLS_AES_256_GCM_SHA384,
        compression_method: 0,
        extensions: vec![Extension {
            kind: ExtensionType::SUPPORTED_VERSIONS,
            data: vec![3, 4],
        }],
    }
    .encode()
}

/// Sends the same record until the client leaves.
async fn repeat<S: AsyncWrite + Unpin>(
    stream: &mut S,
    kind: ContentType,
    payload: &[u8],
) -> io::Result<Ending> {
    let mut record = Vec::new();
    write_record(&mut record, kind, ProtocolVersion::TLS_1_2, payload);
    let batch = record.repeat(1 + 1024 / record.len());
    loop {
        stream.write_all(&batch).await?;
        tokio::task::consume_budget().await;
    }
}

/// Says nothing until the client leaves.
async fn silence<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Ending> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(Ending::Close)
}
