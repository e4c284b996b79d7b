//! Versions, ciphers and the rest of a hello.

use super::{CIPHERS, Row, cut, made, old, with};
use crate::records::{HANDSHAKE, counted, extension, hello_message, message, record, server_name};

pub(super) const ROWS: &[&[Row]] = &[VERSIONS, BODIES];

const VERSIONS: &[Row] = &[
    ("5246_7_4_1_2_hello_of_tls_1_2", |t| made(0x0303, &[], CIPHERS, &[0], &counted(&old(t))), "hello"),
    (
        "8996_4_hello_of_tls_1_0",
        |t| made(0x0301, &[], &[0xc0, 9, 0xc0, 10], &[0], &counted(&old(t))),
        "alert protocol_version|alert handshake_failure",
    ),
    (
        "8996_5_hello_of_tls_1_1",
        |t| made(0x0302, &[], &[0xc0, 9, 0xc0, 10], &[0], &counted(&old(t))),
        "alert protocol_version|alert handshake_failure",
    ),
    ("7568_3_hello_of_ssl_3", |t| made(0x0300, &[], &[0, 5, 0, 10], &[0], &counted(&old(t))), "alert"),
    (
        "8446_4_2_1_only_unknown_versions",
        |t| made(0x0303, &[], CIPHERS, &[0], &counted(&[old(t), extension(43, &[2, 0x7f, 0x7f])].concat())),
        "alert protocol_version",
    ),
    (
        "8446_4_2_1_empty_list_of_versions",
        |t| made(0x0303, &[], CIPHERS, &[0], &counted(&[old(t), extension(43, &[0])].concat())),
        "alert",
    ),
    (
        "7507_3_fallback",
        |t| made(0x0303, &[], &[0xc0, 0x2b, 0xc0, 0x2f, 0x56, 0], &[0], &counted(&old(t))),
        "alert inappropriate_fallback",
    ),
    (
        "8446_9_2_no_signature_algorithms",
        |t| {
            let some = [
                server_name(t.host.as_bytes()),
                extension(10, &counted(&[0, 29])),
                extension(43, &[2, 3, 4]),
                extension(51, &counted(&[&[0, 29], &counted(&[9; 32])[..]].concat())),
            ];
            made(0x0303, &[], &[0x13, 1], &[0], &counted(&some.concat()))
        },
        "alert missing_extension|alert",
    ),
    (
        "8446_9_2_no_groups",
        |t| {
            made(
                0x0303,
                &[],
                &[0x13, 1],
                &[0],
                &counted(
                    &[server_name(t.host.as_bytes()), extension(13, &counted(&[4, 3])), extension(43, &[2, 3, 4])]
                        .concat(),
                ),
            )
        },
        "alert missing_extension|alert",
    ),
    (
        "8701_3_grease",
        |t| {
            made(
                0x0303,
                &[1; 32],
                &[&[0x0a, 0x0a], CIPHERS].concat(),
                &[0],
                &counted(&[extension(0x1a1a, &[]), old(t), extension(0x2a2a, &[0])].concat()),
            )
        },
        "hello",
    ),
];

const BODIES: &[Row] = &[
    ("8446_4_1_2_session_of_33_bytes", |t| made(0x0303, &[1; 33], CIPHERS, &[0], &counted(&old(t))), "alert"),
    ("8446_4_1_2_no_ciphers", |t| made(0x0303, &[], &[], &[0], &counted(&old(t))), "alert"),
    ("8446_4_1_2_half_a_cipher", |t| made(0x0303, &[], &[0xc0, 0x2b, 0xc0], &[0], &counted(&old(t))), "alert"),
    (
        "8446_4_1_1_no_common_cipher",
        |t| made(0x0303, &[], &[0, 0x2f], &[0], &counted(&old(t))),
        "alert handshake_failure|alert insufficient_security",
    ),
    ("8446_4_1_2_no_compression_method", |t| made(0x0303, &[], CIPHERS, &[], &counted(&old(t))), "alert"),
    ("8446_4_1_2_another_compression_alone", |t| made(0x0303, &[], CIPHERS, &[1], &counted(&old(t))), "alert"),
    ("5246_7_4_1_2_no_extensions", |_| made(0x0303, &[], CIPHERS, &[0], &[]), "hello|alert"),
    (
        "8446_4_2_extensions_longer_than_the_hello",
        |t| made(0x0303, &[], CIPHERS, &[0], &[&[0xff, 0xff], &old(t)[..]].concat()),
        "alert",
    ),
    (
        "8446_4_2_extension_longer_than_all",
        |t| made(0x0303, &[], CIPHERS, &[0], &counted(&[old(t), vec![0x55, 0x55, 0xff, 0xff]].concat())),
        "alert",
    ),
    (
        "8446_4_2_bytes_after_the_extensions",
        |t| made(0x0303, &[], CIPHERS, &[0], &[counted(&old(t)), vec![0; 3]].concat()),
        "alert",
    ),
    ("8446_4_2_one_extension_twice", |t| with(t, &extension(13, &counted(&[4, 3]))), "alert"),
    ("8446_4_2_unknown_extension_twice", |t| with(t, &extension(0x5555, &[]).repeat(2)), "alert|hello"),
    ("8446_4_1_2_empty_hello", |_| vec![record(HANDSHAKE, 0x0301, &message(1, &[]))], "alert"),
    (
        "8446_4_1_2_hello_that_is_cut",
        |t| vec![record(HANDSHAKE, 0x0301, &message(1, &hello_message(&t.host, &[])[4..90]))],
        "alert",
    ),
    ("7685_3_hello_of_12_kibibytes", |t| with(t, &extension(21, &[0; 12_000])), "hello"),
    (
        "8446_5_1_hello_of_60_kibibytes",
        |t| {
            let all = hello_message(&t.host, &extension(21, &[0; 60_000]));
            cut(&all, 16_384).iter().map(|part| record(HANDSHAKE, 0x0301, part)).collect()
        },
        "hello|alert",
    ),
    (
        "8446_4_2_5000_extensions",
        |t| with(t, &(0x6000..0x6000 + 3_900).flat_map(|kind| extension(kind, &[])).collect::<Vec<_>>()),
        "hello|alert",
    ),
];
