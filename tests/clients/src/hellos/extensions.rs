//! Names, protocols, tickets and shares of a hello.

use super::{CIPHERS, Row, made, with};
use crate::records::{APPLICATION, counted, extension, record, server_name};

pub(super) const ROWS: &[&[Row]] = &[NAMES, EXTENSIONS];

fn named(names: &[u8]) -> Vec<Vec<u8>> {
    let rest =
        [extension(10, &counted(&[0, 29, 0, 23])), extension(11, &[1, 0]), extension(13, &counted(&[4, 3, 8, 4]))]
            .concat();
    made(0x0303, &[], CIPHERS, &[0], &counted(&[names, &rest].concat()))
}

const NAMES: &[Row] = &[
    ("6066_3_unknown_name", |_| named(&server_name(b"unknown.example")), "hello|alert unrecognized_name"),
    ("6066_3_no_name", |_| named(&[]), "hello|alert"),
    ("6066_3_name_in_upper_case", |t| named(&server_name(t.host.to_uppercase().as_bytes())), "hello"),
    ("6066_3_dot_at_the_end", |t| named(&server_name(format!("{}.", t.host).as_bytes())), "hello|alert"),
    ("6066_3_name_of_255_bytes", |_| named(&server_name(&[b'a'; 255])), "hello|alert"),
    ("6066_3_name_of_10000_bytes", |_| named(&server_name(&[b'a'; 10_000])), "hello|alert"),
    ("6066_3_empty_name", |_| named(&server_name(b"")), "alert"),
    ("6066_3_nul_in_a_name", |t| named(&server_name(format!("{}\0.example", t.host).as_bytes())), "hello|alert"),
    ("6066_3_name_above_ascii", |_| named(&server_name(b"\xff\xfe.example")), "hello|alert"),
    ("6066_3_address_as_a_name", |_| named(&server_name(b"127.0.0.1")), "hello|alert"),
    ("6066_3_path_as_a_name", |_| named(&server_name(b"../../etc/passwd")), "hello|alert"),
    (
        "6066_3_two_names",
        |t| {
            named(&extension(
                0,
                &counted(&[&[0], &counted(t.host.as_bytes())[..], &[0], &counted(b"b.example")[..]].concat()),
            ))
        },
        "alert|hello",
    ),
    ("6066_3_empty_list", |_| named(&extension(0, &[0, 0])), "alert"),
    ("6066_3_name_longer_than_its_list", |_| named(&extension(0, &[0, 5, 0, 0xff, 0xff, b'a', b'b'])), "alert"),
];

const EXTENSIONS: &[Row] = &[
    (
        "7301_3_2_unknown_protocol",
        |t| with(t, &extension(16, &counted(b"\x07unknown"))),
        "alert no_application_protocol|hello",
    ),
    ("7301_3_1_empty_list", |t| with(t, &extension(16, &[0, 0])), "alert"),
    ("7301_3_1_empty_protocol", |t| with(t, &extension(16, &counted(b"\x00\x08http/1.1"))), "alert"),
    ("7301_3_1_protocol_longer_than_its_list", |t| with(t, &extension(16, &counted(b"\xffh2"))), "alert"),
    (
        "7301_3_1_many_protocols",
        |t| with(t, &extension(16, &counted(&[b"\x02zz".repeat(2_000), b"\x08http/1.1".to_vec()].concat()))),
        "hello|alert",
    ),
    ("8737_3_acme", |t| with(t, &extension(16, &counted(b"\x0aacme-tls/1"))), "alert|hello"),
    ("8446_4_2_11_unknown_ticket", |t| with(t, &[extension(45, &[1, 1]), psk(&[5; 200])].concat()), "hello"),
    (
        "8446_4_2_11_ticket_that_is_not_last",
        |t| with(t, &[extension(45, &[1, 1]), psk(&[5; 200]), extension(0x5555, &[])].concat()),
        "alert",
    ),
    ("8446_4_2_11_ticket_without_a_mode", |t| with(t, &psk(&[5; 200])), "alert|hello"),
    (
        "8446_4_2_10_early_data_with_an_unknown_ticket",
        |t| {
            vec![
                with(t, &[extension(42, &[]), extension(45, &[1, 1]), psk(&[5; 200])].concat()).concat(),
                record(APPLICATION, 0x0303, &[7; 500]),
            ]
        },
        "hello",
    ),
    ("8446_4_2_8_share_of_a_wrong_length", |_| shares(&[0, 29], &[9; 31]), "alert"),
    ("8446_4_2_8_share_of_zeros", |_| shares(&[0, 29], &[0; 32]), "alert"),
    ("8446_4_2_8_share_of_a_group_not_listed", |_| shares(&[0, 24], &[4; 97]), "alert|hello"),
    // A server that prefers another group asks for a share of that one.
    ("8446_4_2_8_point_off_the_curve", |_| shares(&[0, 23], &[4; 65]), "alert|hello"),
    ("8446_4_2_8_hybrid_share_of_a_wrong_length", |_| shares(&[0x11, 0xec], &[4; 1_000]), "alert|hello"),
    ("8446_4_1_4_no_share_asks_for_another_hello", |_| shares(&[], &[]), "hello"),
];

/// A ticket that nobody has given.
fn psk(ticket: &[u8]) -> Vec<u8> {
    let identities = counted(&[counted(ticket), vec![0; 4]].concat());
    let binders = counted(&[&[32][..], &[6; 32]].concat());
    extension(41, &[identities, binders].concat())
}

/// A hello of TLS 1.3 with one share, or none.
fn shares(group: &[u8], share: &[u8]) -> Vec<Vec<u8>> {
    let list = if group.is_empty() { Vec::new() } else { [group, &counted(share)].concat() };
    let all = [
        server_name(b"localhost"),
        extension(10, &counted(&[0, 29, 0, 23, 0x11, 0xec])),
        extension(13, &counted(&[4, 3, 8, 4])),
        extension(43, &[2, 3, 4]),
        extension(51, &counted(&list)),
    ];
    made(0x0303, &[9; 32], &[0x13, 1], &[0], &counted(&all.concat()))
}
