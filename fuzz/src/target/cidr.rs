//! Fuzz targets: a finding is a panic.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fosse_cidr::{Builder, List, Prefix, Verdict};

/// The first byte splits the rest into an allow and a deny text; what compiles must open and judge
/// as the prefixes do.
pub fn lists(data: &[u8]) {
    let Some((cut, rest)) = data.split_first() else { return };
    let (allow, deny) = rest.split_at(usize::from(*cut).min(rest.len()));
    let mut entries = Vec::new();
    let mut builder = Builder::default();
    for (verdict, text) in [(Verdict::Allowed, allow), (Verdict::Denied, deny)] {
        if builder.text(verdict, text).is_err() {
            return;
        }
        entries.extend(words(text).map(|word| (verdict, Prefix::parse(word).expect("a text that was taken"))));
    }
    let list = List::open(builder.image()).expect("what the builder writes opens");
    assert_eq!(list.len(), entries.len());
    for (_, prefix) in &entries {
        edges(prefix).into_iter().for_each(|address| assert_eq!(list.judge(address), plainly(&entries, address)));
    }
}

/// The words of a text that was taken: one a line, up to a `#`.
fn words(text: &[u8]) -> impl Iterator<Item = &str> {
    let entries = text.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b'#').next());
    let words = entries.map(|entry| std::str::from_utf8(entry.trim_ascii()).expect("a text that was taken"));
    words.filter(|word| !word.is_empty())
}

/// Arbitrary bytes as an image: they open or they do not; what opens judges anything.
pub fn image(data: &[u8]) {
    let Ok(list) = List::open(data) else { return };
    for low in [0, 1, u128::from(u32::MAX), u128::MAX >> 64, u128::MAX >> 1, u128::MAX] {
        list.judge(Ipv6Addr::from_bits(low).into());
    }
    for window in data.windows(16) {
        let bits = window.try_into().map_or(0, u128::from_le_bytes);
        list.judge(Ipv6Addr::from_bits(bits).into());
        list.judge(Ipv4Addr::from_bits(window.first_chunk().map_or(0, |four| u32::from_le_bytes(*four))).into());
    }
}

/// The judgement as one would make it by hand: of all entries that hold the address the longest, of
/// equals the allowing.
pub fn plainly(entries: &[(Verdict, Prefix)], address: IpAddr) -> Verdict {
    let holding = entries.iter().filter(|(_, prefix)| prefix.holds(address));
    let best = holding.max_by_key(|(verdict, prefix)| (prefix.bits(), *verdict == Verdict::Allowed));
    best.map_or(Verdict::Unlisted, |(verdict, _)| *verdict)
}

/// The addresses where a prefix begins and ends, and their neighbours outside.
pub fn edges(prefix: &Prefix) -> [IpAddr; 4] {
    let bits = u32::from(prefix.bits());
    match prefix.address() {
        IpAddr::V4(first) => {
            let first = first.to_bits();
            let last = first | u32::MAX.checked_shr(bits).unwrap_or(0);
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(|bits| Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(first) => {
            let first = first.to_bits();
            let last = first | u128::MAX.checked_shr(bits).unwrap_or(0);
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(|bits| Ipv6Addr::from_bits(bits).into())
        }
    }
}
