//! Prints image size, time to make and to open an image, and ns a lookup, for lists of 1, 1,000 and
//! 1,000,000 entries. Half the looked-up addresses are listed; all are looked up in random order,
//! so the cache helps as little as it can.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use fosse_cidr::{Builder, List, Prefix, Verdict};

const LOOKUPS: usize = 1 << 20;
/// The lookups are timed in this many parts, of which the quarter-fastest counts: others use this
/// machine too.
const RUNS: usize = 64;

fn main() {
    println!("family       entries   image KiB   make ms   open ms   ns a lookup");
    for (name, make) in
        [("v4 /32", v4 as fn(u64) -> Prefix), ("v4 /16-/32", v4_mixed), ("v6 /32-/64", v6_mixed), ("v6 /128", v6)]
    {
        [1, 1_000, 1_000_000].into_iter().for_each(|entries| measure(name, entries, make));
    }
}

fn measure(name: &str, entries: u64, make: fn(u64) -> Prefix) {
    let begun = Instant::now();
    let mut builder = Builder::default();
    (0..entries).for_each(|n| builder.entry(Verdict::Denied, make(mix(n))).unwrap());
    let image = builder.image();
    let made = begun.elapsed();
    let begun = Instant::now();
    let list = List::open(&image).unwrap();
    let opened = begun.elapsed();
    let probe = |n: u64| if n.is_multiple_of(2) { make(mix(mix(n) % entries)) } else { make(mix(n + 5_000_000)) };
    let probes: Vec<IpAddr> = (0..LOOKUPS as u64).map(|n| probe(n).address()).collect();
    let mut runs: Vec<f64> = probes.chunks(LOOKUPS / RUNS).map(|run| time(&list, run)).collect();
    runs.sort_by(f64::total_cmp);
    let ns = runs[RUNS / 4];
    let (made, opened) = (made.as_secs_f64() * 1e3, opened.as_secs_f64() * 1e3);
    println!("{name:<10} {entries:>9} {:>11} {made:>9.1} {opened:>9.2} {ns:>13.1}", image.len().div_ceil(1024));
}

/// Nanoseconds a lookup.
fn time(list: &List<&Vec<u8>>, probes: &[IpAddr]) -> f64 {
    let begun = Instant::now();
    let denied = probes.iter().filter(|address| list.judge(**address) == Verdict::Denied).count();
    black_box(denied);
    begun.elapsed().as_nanos() as f64 / probes.len() as f64
}

fn v4(n: u64) -> Prefix {
    Prefix::around(IpAddr::V4(Ipv4Addr::from_bits(n as u32)), 32)
}

fn v4_mixed(n: u64) -> Prefix {
    Prefix::around(IpAddr::V4(Ipv4Addr::from_bits(n as u32)), 16 + (n >> 32) as u8 % 17)
}

fn v6_mixed(n: u64) -> Prefix {
    let high = 0x2000_0000_0000_0000 | n >> 4;
    Prefix::around(IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64)), 32 + (n & 31) as u8)
}

fn v6(n: u64) -> Prefix {
    let high = 0x2000_0000_0000_0000 | n >> 4;
    Prefix::around(IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(mix(n)))), 128)
}

/// splitmix64.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}
