//! What stands inside the extensions of a hello.

use crate::codes::{ExtensionType, HandshakeType};
use crate::error::{Fault, Malformed, Within};
use crate::reader::Reader;

/// Whether the data of this extension decides how the handshake goes on, so that a server's must hold.
pub(crate) const fn decides(kind: ExtensionType) -> bool {
    matches!(
        kind,
        ExtensionType::RENEGOTIATION_INFO
            | ExtensionType::EC_POINT_FORMATS
            | ExtensionType::SUPPORTED_VERSIONS
            | ExtensionType::EXTENDED_MASTER_SECRET
            | ExtensionType::ENCRYPT_THEN_MAC
    )
}

/// Notes what stands inside an extension, as far as it can be read; else its bytes as they are.
pub(crate) fn note(kind: ExtensionType, mut data: Reader<'_>) {
    let Some(trace) = data.trace() else { return };
    let mark = trace.mark();
    if read(kind, &mut data.clone()).is_err() {
        trace.rewind(mark);
        data.rest("extension_data");
    }
}

/// Reads the data of an extension, of a ServerHello or of a ClientHello as the reader says.
pub(crate) fn read(kind: ExtensionType, data: &mut Reader<'_>) -> Result<(), Malformed> {
    let chosen = data.within() == Within::Message(HandshakeType::SERVER_HELLO);
    match kind {
        // RFC 5746 §3.2: opaque renegotiated_connection<0..255>
        ExtensionType::RENEGOTIATION_INFO => {
            data.vec8("renegotiated_connection")?
                .rest("renegotiated_connection");
            data.end("renegotiated_connection")
        }
        // RFC 8422 §5.1.2: ECPointFormat ec_point_format_list<1..2^8-1>
        ExtensionType::EC_POINT_FORMATS => {
            let mut formats = data.vec8("ec_point_format_list")?;
            if formats.is_empty() {
                let fault = Fault::Length {
                    field: "ec_point_format_list",
                    found: 0,
                    expected: "at least 1",
                };
                return Err(formats.fault(fault));
            }
            formats.rest("ec_point_format");
            data.end("ec_point_format_list")
        }
        // RFC 8446 §4.2.1: ProtocolVersion selected_version
        ExtensionType::SUPPORTED_VERSIONS if chosen => {
            data.u16("selected_version")?;
            data.end("selected_version")
        }
        // RFC 8446 §4.2.1: ProtocolVersion versions<2..254>
        ExtensionType::SUPPORTED_VERSIONS => {
            let versions = data.vec8("versions")?;
            versions.u16_list("versions", "version", |_| ())?;
            data.end("versions")
        }
        // RFC 7627 §5.1, RFC 7366 §2: empty
        ExtensionType::EXTENDED_MASTER_SECRET | ExtensionType::ENCRYPT_THEN_MAC => {
            if data.is_empty() {
                return Ok(());
            }
            Err(data.fault(Fault::Length {
                field: "extension_data",
                found: data.left(),
                expected: "0",
            }))
        }
        // RFC 6066 §3 and §8: a server answers with nothing
        ExtensionType::SERVER_NAME | ExtensionType::STATUS_REQUEST if data.is_empty() => Ok(()),
        ExtensionType::SERVER_NAME => {
            let mut list = data.vec16("server_name_list")?;
            while !list.is_empty() {
                let entry = list.open("server_name");
                list.u8("name_type")?;
                list.vec16("host_name")?.rest("host_name");
                list.close(entry);
            }
            data.end("server_name_list")
        }
        ExtensionType::STATUS_REQUEST => {
            data.u8("status_type")?;
            data.vec16("responder_id_list")?.rest("responder_id_list");
            data.vec16("request_extensions")?.rest("request_extensions");
            data.end("request_extensions")
        }
        // RFC 8422 §5.1.1: NamedCurve named_curve_list<2..2^16-1>
        ExtensionType::SUPPORTED_GROUPS => {
            let groups = data.vec16("named_group_list")?;
            groups.u16_list("named_group_list", "named_group", |_| ())?;
            data.end("named_group_list")
        }
        // RFC 5246 §7.4.1.4.1: supported_signature_algorithms<2..2^16-2>
        ExtensionType::SIGNATURE_ALGORITHMS => {
            let schemes = data.vec16("supported_signature_algorithms")?;
            schemes.u16_list("supported_signature_algorithms", "algorithm", |_| ())?;
            data.end("supported_signature_algorithms")
        }
        // RFC 7301 §3.1: ProtocolName protocol_name_list<2..2^16-1>
        ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
            let mut list = data.vec16("protocol_name_list")?;
            while !list.is_empty() {
                list.vec8("protocol_name")?.rest("protocol_name");
            }
            data.end("protocol_name_list")
        }
        // RFC 8446 §4.2.8: selected_group of a HelloRetryRequest, server_share, client_shares
        ExtensionType::KEY_SHARE if chosen && data.left() == 2 => {
            data.u16("selected_group")?;
            data.end("selected_group")
        }
        ExtensionType::KEY_SHARE if chosen => {
            read_share(data)?;
            data.end("key_exchange")
        }
        ExtensionType::KEY_SHARE => {
            let mut shares = data.vec16("client_shares")?;
            while !shares.is_empty() {
                let share = shares.open("key_share_entry");
                read_share(&mut shares)?;
                shares.close(share);
            }
            data.end("client_shares")
        }
        _ => {
            data.rest("extension_data");
            Ok(())
        }
    }
}

/// `struct { NamedGroup group; opaque key_exchange<1..2^16-1>; } KeyShareEntry;`
fn read_share(data: &mut Reader<'_>) -> Result<(), Malformed> {
    data.u16("named_group")?;
    data.vec16("key_exchange")?.rest("key_exchange");
    Ok(())
}
