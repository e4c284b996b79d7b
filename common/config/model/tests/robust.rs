//! No bytes make the reader panic, hang, or point outside the file.

use fosse_model::{Backends, PROBLEMS_SHOWN_MAX, buffers_whole, read};

#[expect(unreachable_pub, reason = "the fuzz crate has them public")]
#[path = "../../../../fuzz/src/target/model.rs"]
mod target;

const FULL: &str = include_str!("full.toml");

#[test]
fn a_configuration_cut_at_every_byte_is_read_or_refused() {
    for cut in 0..FULL.len() {
        target::configuration(&FULL.as_bytes()[..cut]);
    }
}

/// Every table and every kind of value in few bytes.
const SHORT: &str = "lanes=2\n[limits]\nhead_bytes_max=\"9 KiB\"\n[[listen]]\naddress=\"[::1]:80\"\ntrusted=[\"::1/128\"]\n\
    [[site]]\nhosts=[\"*.a.b\"]\nrules=[\"*\"]\n[[site.route]]\nprefix=\"/\"\nbackend=\"x\"\n[[site.exclude]]\nrules=[1,\"2-3\"]\n\
    [[backend]]\nname=\"x\"\nservers=[\"unix:/s\"]\nretry=true\n[backend.health]\npath=\"/\"\nrest_seconds=1.5\n";

#[test]
fn a_configuration_with_any_bit_flipped_is_read_or_refused() {
    assert!(read("short.toml", SHORT.as_bytes()).is_ok());
    for bit in 0..SHORT.len() * 8 {
        let mut bytes = SHORT.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        target::configuration(&bytes);
    }
}

/// Three files: variables, a template, and the site that takes it.
const SEVERAL: &str = "include=[\"*\"]\nlanes=\"${ONE:-2}\"\n[[listen]]\naddress=\"[::1]:80\"\n\0[template.t]\nwaf=\"off\"\n\
    [[template.t.route]]\nprefix=\"/\"\nbackend=\"x\"\n\0[[site]]\ntemplate=\"t\"\nhosts=[\"${HOST}\"]\n\
    [[backend]]\nname=\"x\"\nservers=[\"unix:/s\"]\n";

#[test]
fn several_files_cut_anywhere_or_with_any_bit_flipped_are_read_or_refused() {
    for cut in 0..SEVERAL.len() {
        target::sources(&SEVERAL.as_bytes()[..cut]);
    }
    for bit in 0..SEVERAL.len() * 8 {
        let mut bytes = SEVERAL.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        target::sources(&bytes);
    }
}

#[test]
fn every_mistake_is_counted_and_a_screenful_shown() {
    let text: String = (0..50).map(|number| format!("strange_{number} = 1\n")).collect();
    let report = read("fosse.toml", text.as_bytes()).unwrap_err();
    assert_eq!((report.problems().len(), report.total()), (PROBLEMS_SHOWN_MAX, 52));
    assert!(report.to_string().ends_with("fosse.toml: and 32 more problems\n"), "{report}");
}

#[test]
fn the_line_stands_under_its_place_with_a_caret() {
    let report = read("fosse.toml", "\tlanes = \"two\" # ü\n".as_bytes()).unwrap_err();
    let printed = report.to_string();
    let expected = "fosse.toml:1:10: lanes takes a whole number, this is a string\n 1 |  lanes = \"two\" # ü\n   |          ^^^^^\n";
    assert!(printed.contains(expected), "{printed}");
}

#[test]
fn columns_count_characters_and_long_lines_are_cut_around_the_caret() {
    let text = format!("x = \"{}\", lanes", "ü".repeat(500));
    let report = read("fosse.toml", text.as_bytes()).unwrap_err();
    assert_eq!(report.problems()[0].column, 507);
    assert!(report.to_string().lines().all(|line| line.chars().count() < 140), "{report}");
}

#[test]
fn a_byte_that_is_not_utf8_and_a_file_too_long_are_refused() {
    let report = read("fosse.toml", b"lanes = 1\nx = \"\xff\"\n").unwrap_err();
    assert_eq!(report.lines().next().unwrap(), "fosse.toml:2:6: a byte that is not UTF-8; save the file as UTF-8");
    let long = vec![b'#'; fosse_model::CONFIGURATION_BYTES_MAX + 1];
    assert!(read("fosse.toml", &long).unwrap_err().to_string().contains("longer than"));
}

#[test]
fn deep_nesting_is_refused_and_not_recursed_into() {
    target::configuration("x = ".bytes().chain(std::iter::repeat_n(b'[', 100_000)).collect::<Vec<_>>().as_slice());
    target::configuration(&b"a.".repeat(100_000));
}

#[test]
fn nothing_odd_in_a_name_reaches_the_terminal() {
    let report = read(
        "\u{1b}[31mx",
        "\"\u{202e}\\u001b\" = 1\nmode = \"\\u0007\"\n[[listen]]\naddress = \"\\u001b[2J\"".as_bytes(),
    )
    .unwrap_err();
    assert!(report.to_string().chars().all(|one| one == '\n' || !one.is_control()), "{report:?}");
}

#[test]
fn ten_thousand_sites_are_read_in_reasonable_time() {
    let mut text =
        String::from("[[listen]]\naddress = \"127.0.0.1:1\"\n[[backend]]\nname = \"a\"\nservers = [\"unix:/a\"]\n");
    for number in 0..10_000 {
        text += &format!("[[site]]\nhosts = [\"s{number}.example\"]\nbackend = \"a\"\n");
    }
    let edge = read("fosse.toml", text.as_bytes()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(edge.site.len(), 10_000);
}

#[test]
fn ten_thousand_sites_find_their_backends_among_ten_thousand() {
    let mut text = String::from("[[listen]]\naddress = \"127.0.0.1:1\"\n");
    for number in 0..10_000 {
        let buffers = if number % 100 == 99 { "buffer_requests = true\n" } else { "" };
        text += &format!("[[backend]]\nname = \"b{number}\"\nservers = [\"unix:/{number}\"]\n{buffers}");
        text += &format!("[[site]]\nhosts = [\"s{number}.example\"]\nwaf = \"off\"\nbackend = \"b{number}\"\n");
    }
    let edge = read("fosse.toml", text.as_bytes()).unwrap_or_else(|report| panic!("{report}"));
    let backends = Backends::of(&edge.backend);
    assert_eq!(edge.site.iter().filter(|site| buffers_whole(site, &backends)).count(), 100);
}
