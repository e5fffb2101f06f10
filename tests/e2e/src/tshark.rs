//! tshark as the independent reader of handshakes.
//!
//! What a [`Recording`] holds is written as a capture file: raw IPv4 packets with the recorded bytes and made-up TCP headers. So no
//! privilege to capture is needed, and nothing is lost or reordered.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{complete, folder};
use crate::proxy::{Direction, Recording};

/// The port the server has in written captures.
const SERVER_PORT: u16 = 5_061;

/// The client's port of the first connection; the following ones count up.
const FIRST_CLIENT_PORT: u16 = 40_000;

/// Payload of one packet.
const SEGMENT: usize = 1_400;

/// Payload of one packet where a whole turn of one side is to be in it: what IPv4 lets through.
const WHOLE: usize = 65_495;

/// Bytes of the made-up IP and TCP headers before each payload.
const HEADERS: usize = 40;

/// Capture link type of packets that begin with the IP header.
const LINKTYPE_RAW: u32 = 101;

/// A capture file and the questions one can ask about it.
#[derive(Debug)]
pub struct Tshark {
    file: PathBuf,
    port: u16,
    _folder: Option<TempDir>,
}

impl Tshark {
    /// Writes recordings as one capture file, each as a connection to port 5061.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn of(recordings: &[Recording]) -> Self {
        Self::in_segments(recordings, SEGMENT)
    }

    /// The same with everything that one side said in one go in one packet, so that offsets in the packet are offsets in
    /// what was said.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn of_whole(recordings: &[Recording]) -> Self {
        let whole: Vec<Recording> = recordings
            .iter()
            .map(|recording| {
                let mut pieces: Vec<(Direction, Vec<u8>)> = Vec::new();
                for (direction, bytes) in &recording.pieces {
                    match pieces.last_mut() {
                        Some((last, said)) if last == direction => said.extend_from_slice(bytes),
                        _ => pieces.push((*direction, bytes.clone())),
                    }
                }
                Recording {
                    pieces,
                    ..recording.clone()
                }
            })
            .collect();
        Self::in_segments(&whole, WHOLE)
    }

    fn in_segments(recordings: &[Recording], segment: usize) -> Self {
        let folder = folder("tshark");
        let file = folder.path().join("recorded.pcap");
        fs::write(&file, capture(recordings, segment)).expect("write a capture");
        Self {
            file,
            port: SERVER_PORT,
            _folder: Some(folder),
        }
    }

    /// Asks about a capture file that exists; `server` is the endpoint whose port speaks TLS.
    pub fn file(file: &Path, server: SocketAddr) -> Self {
        Self {
            file: file.to_owned(),
            port: server.port(),
            _folder: None,
        }
    }

    /// The capture file.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Values of `fields` in each packet that `filter` matches: `("tls.handshake.type == 2", &["tls.handshake.ciphersuite"])`.
    ///
    /// A field that occurs more than once in a packet gives its values in order; one that does not occur gives none.
    ///
    /// # Panics
    ///
    /// When tshark refuses the filter, a field or the file.
    pub fn fields(&self, filter: &str, fields: &[&str]) -> Vec<Vec<Vec<String>>> {
        let mut command = Command::new("tshark");
        command.env("HOME", "/nonexistent").env("LC_ALL", "C.UTF-8");
        command
            .arg("-r")
            .arg(&self.file)
            .args(["-d", &format!("tcp.port=={},tls", self.port)]);
        command.args(["-o", "tcp.reassemble_out_of_order:TRUE", "-2", "-R", filter]);
        command.args([
            "-T",
            "fields",
            "-E",
            "separator=/t",
            "-E",
            "occurrence=a",
            "-E",
            "aggregator=|",
        ]);
        for field in fields {
            command.args(["-e", field]);
        }
        let output = complete(&mut command);
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| {
                line.split('\t')
                    .map(|values| {
                        values
                            .split('|')
                            .filter(|value| !value.is_empty())
                            .map(str::to_owned)
                            .collect()
                    })
                    .collect()
            })
            .collect()
    }

    /// Where tshark finds each field of the packets that `filter` matches: its name, its first byte within what was said, its
    /// bytes. Of [`Tshark::of_whole`] only: elsewhere a message of several packets has no place in one.
    ///
    /// # Panics
    ///
    /// When tshark refuses the filter or the file.
    pub fn places(&self, filter: &str) -> Vec<(String, usize, usize)> {
        let mut command = Command::new("tshark");
        command.env("HOME", "/nonexistent").env("LC_ALL", "C.UTF-8");
        command.arg("-r").arg(&self.file);
        command.args(["-d", &format!("tcp.port=={},tls", self.port)]);
        command.args(["-2", "-R", filter, "-T", "pdml"]);
        let output = complete(&mut command);
        let text = String::from_utf8_lossy(&output.stdout);
        let attribute = |line: &str, name: &str| {
            let (_, rest) = line.split_once(&format!(" {name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let places = text.lines().filter_map(|line| {
            let line = line.trim_start().strip_prefix("<field")?;
            let position: usize = attribute(line, "pos")?.parse().ok()?;
            let size = attribute(line, "size")?.parse().ok()?;
            Some((attribute(line, "name")?, position.checked_sub(HEADERS)?, size))
        });
        places.collect()
    }

    /// All values of one field in the packets that `filter` matches.
    ///
    /// # Panics
    ///
    /// As [`Tshark::fields`].
    pub fn values(&self, filter: &str, field: &str) -> Vec<String> {
        self.fields(filter, &[field])
            .into_iter()
            .flatten()
            .flatten()
            .collect()
    }
}

fn capture(recordings: &[Recording], size: usize) -> Vec<u8> {
    let mut file = Vec::new();
    for number in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x0004_0000, LINKTYPE_RAW] {
        file.extend_from_slice(&u32::to_le_bytes(number));
    }
    let mut ticks = 0;
    for (recording, client_port) in recordings.iter().zip(FIRST_CLIENT_PORT..) {
        let mut stream = Stream {
            client_port,
            client: 1_000,
            server: 2_000,
        };
        stream.write(&mut file, &mut ticks, Direction::FromClient, SYN, &[]);
        stream.write(&mut file, &mut ticks, Direction::FromServer, SYN | ACK, &[]);
        stream.write(&mut file, &mut ticks, Direction::FromClient, ACK, &[]);
        for (direction, bytes) in &recording.pieces {
            for segment in bytes.chunks(size) {
                stream.write(&mut file, &mut ticks, *direction, PSH | ACK, segment);
            }
        }
        if let Some(first) = recording.first_to_close {
            stream.write(&mut file, &mut ticks, first, FIN | ACK, &[]);
        }
    }
    file
}

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

struct Stream {
    client_port: u16,
    client: u32,
    server: u32,
}

impl Stream {
    fn write(
        &mut self,
        file: &mut Vec<u8>,
        ticks: &mut u32,
        direction: Direction,
        flags: u8,
        payload: &[u8],
    ) {
        let (from, to, from_port, to_port, sequence, acknowledged) = match direction {
            Direction::FromClient => (
                [192, 0, 2, 1],
                [192, 0, 2, 2],
                self.client_port,
                SERVER_PORT,
                self.client,
                self.server,
            ),
            Direction::FromServer => (
                [192, 0, 2, 2],
                [192, 0, 2, 1],
                SERVER_PORT,
                self.client_port,
                self.server,
                self.client,
            ),
        };
        let length = u16::try_from(40 + payload.len()).expect("a segment fits a packet");
        let mut packet = vec![0x45, 0];
        packet.extend_from_slice(&length.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
        packet.extend_from_slice(&from);
        packet.extend_from_slice(&to);
        packet.extend_from_slice(&from_port.to_be_bytes());
        packet.extend_from_slice(&to_port.to_be_bytes());
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&(if flags & ACK == 0 { 0 } else { acknowledged }).to_be_bytes());
        packet.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend_from_slice(payload);

        *ticks += 1;
        let size = u32::from(length);
        for number in [1_800_000_000, *ticks, size, size] {
            file.extend_from_slice(&u32::to_le_bytes(number));
        }
        file.extend_from_slice(&packet);
        let taken =
            u32::try_from(payload.len()).expect("a segment is short") + u32::from(flags & (SYN | FIN) != 0);
        match direction {
            Direction::FromClient => self.client = self.client.wrapping_add(taken),
            Direction::FromServer => self.server = self.server.wrapping_add(taken),
        }
    }
}
