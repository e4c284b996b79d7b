//! The layout: what changes, and that nothing else does.

use fosse_layout::{LINE_CHARS_MAX, NoLayout, layout};

#[expect(unreachable_pub, reason = "the fuzz crate has them public")]
#[path = "../../../../fuzz/src/target/layout.rs"]
mod target;

fn laid_out(text: &str) -> String {
    layout(text).unwrap_or_else(|why| panic!("{why:?}: {text}"))
}

#[test]
fn blanks_and_empty_lines_have_one_form() {
    for (text, expected) in [
        ("", ""),
        ("\n\n", ""),
        ("a=1", "a = 1\n"),
        ("\u{feff}\n a  =  'x' \r\n\n\n\nb . c=[ 1,2 ,]\n", "a = 'x'\n\nb.c = [1, 2]\n"),
        ("  [ a . \"b\" ]   # why\nx = {y=1,z={ }}\n", "[a.\"b\"] # why\nx = { y = 1, z = {} }\n"),
        ("a = 1\n[[b]]\n\n\nc = 1\n[[b]]\n", "a = 1\n\n[[b]]\nc = 1\n\n[[b]]\n"),
        ("a = 1.50\nb = 1979-05-27  07:32:00\nc = -0x_a", ""),
        ("a = 1.50\nb = 1979-05-27 07:32:00\nc = +1_000", "a = 1.50\nb = 1979-05-27 07:32:00\nc = +1_000\n"),
        ("a = \"\"\"\n  x  \n\n y\"\"\"   \n", "a = \"\"\"\n  x  \n\n y\"\"\"\n"),
    ] {
        if expected.is_empty() && !text.trim().is_empty() {
            assert_eq!(layout(text), Err(NoLayout::NotToml), "{text}");
        } else {
            assert_eq!(laid_out(text), expected, "{text}");
        }
    }
}

#[test]
fn comments_stay_where_they_were() {
    let text = "  # top\n\n# of a\na=1# first\n# leads to b\n[b]   # b\n  # inside\nc=[ # open\n 1 , # one\n # before two\n\
                 2 # two\n , # after two\n # last\n]# end\n# end of file";
    let expected = "# top\n\n# of a\na = 1 # first\n\n# leads to b\n[b] # b\n# inside\nc = [\n    # open\n    1, # one\n    \
                    # before two\n    2, # two\n    # after two\n    # last\n] # end\n# end of file\n";
    assert_eq!(laid_out(text), expected);
}

#[test]
fn a_list_has_lines_where_it_had_them_or_has_no_room() {
    assert_eq!(laid_out("a = [1,\n2]"), "a = [\n    1,\n    2,\n]\n");
    assert_eq!(laid_out("a = [[1,\n2], [3]]"), "a = [\n    [\n        1,\n        2,\n    ],\n    [3],\n]\n");
    let list = |count: usize| format!("hosts = [{}]\n", vec!["\"a.example\""; count].join(", "));
    assert_eq!(laid_out(&list(7)), list(7));
    let long = laid_out(&list(8));
    assert!(list(8).trim_end().chars().count() > LINE_CHARS_MAX && long.lines().count() == 10, "{long}");
}

#[test]
fn every_example_of_the_manual_and_the_packages_has_a_layout_that_stays() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
    let page = std::fs::read_to_string(format!("{root}/man/fosse.toml.5")).unwrap();
    let examples = page.split(".Bd -literal").skip(1).filter_map(|rest| rest.split_once('\n')?.1.split(".Ed").next());
    let examples: Vec<String> = examples.map(|text| text.replace("\\e", "\\").replace("\\&", "")).collect();
    let toml: Vec<&String> = examples.iter().filter(|text| text.contains("[[")).collect();
    assert!(toml.len() > 3, "{examples:?}");
    for text in toml {
        target::layout(text.as_bytes());
        assert!(layout(text).is_ok(), "{text}");
    }
    for file in ["packaging/fosse.toml", "common/config/model/tests/full.toml"] {
        let text = std::fs::read_to_string(format!("{root}/{file}")).unwrap();
        target::layout(text.as_bytes());
        assert!(layout(&text).is_ok(), "{file}");
    }
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(layout(&deep), Err(NoLayout::NotToml));
}

const SHORT: &str =
    "# a\na=1\n[b.\"c\"]# x\nd=[1, # y\n{e='f',g=\"\"\"h\n\"\"\"}]\n[[i]]\n\nj=1.5\nk=1979-05-27 07:32:00\n";

#[test]
fn texts_cut_anywhere_or_with_any_bit_flipped_keep_their_meaning() {
    for cut in 0..SHORT.len() {
        target::layout(&SHORT.as_bytes()[..cut]);
    }
    for bit in 0..SHORT.len() * 8 {
        let mut bytes = SHORT.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        target::layout(&bytes);
    }
}
