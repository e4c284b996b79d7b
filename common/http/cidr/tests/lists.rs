//! Address lists judge as the prefixes in them do, at any size, and a damaged image is refused or
//! harmless.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fosse_cidr::{BadImage, Builder, ENTRY_COUNT_MAX, Full, IMAGE_BYTES_MAX, List, Prefix, Verdict, compile};

use target::{edges, plainly};

#[path = "../../../../fuzz/src/target/cidr.rs"]
#[expect(unreachable_pub, reason = "fuzz/ calls them")]
mod target;

fn judged(allow: &str, deny: &str, address: &str) -> Verdict {
    let image = compile(allow.as_bytes(), deny.as_bytes()).unwrap();
    List::open(&image).unwrap().judge(address.parse().unwrap())
}

/// xorshift64*: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// Addresses from few bits, so that prefixes nest and touch.
    fn prefix(&mut self) -> Prefix {
        if self.below(2) == 0 {
            let address = Ipv4Addr::from_bits((self.roll() as u32) & 0xC000_0703);
            Prefix::around(address.into(), self.below(33) as u8)
        } else {
            let high = u128::from(self.roll() & 0xE000_0000_0000_0003) << 64;
            let address = Ipv6Addr::from_bits(high | u128::from(self.roll() & 0x8000_0000_0000_0003));
            Prefix::around(address.into(), self.below(129) as u8)
        }
    }
}

#[test]
fn the_most_specific_entry_wins() {
    assert_eq!(judged("10.1.0.0/16", "10.0.0.0/8\n10.1.2.3", "10.1.2.3"), Verdict::Denied);
    assert_eq!(judged("10.1.0.0/16", "10.0.0.0/8\n10.1.2.3", "10.1.2.4"), Verdict::Allowed);
    assert_eq!(judged("10.1.0.0/16", "10.0.0.0/8\n10.1.2.3", "10.2.2.3"), Verdict::Denied);
    assert_eq!(judged("10.1.0.0/16", "10.0.0.0/8\n10.1.2.3", "11.2.2.3"), Verdict::Unlisted);
    assert_eq!(judged("2001:db8::1", "2001:db8::/32", "2001:db8::1"), Verdict::Allowed);
    assert_eq!(judged("2001:db8::1", "2001:db8::/32", "2001:db8::2"), Verdict::Denied);
}

#[test]
fn an_exception_for_the_very_same_prefix_wins() {
    assert_eq!(judged("192.0.2.1", "192.0.2.1", "192.0.2.1"), Verdict::Allowed);
    assert_eq!(judged("2001:db8::/64", "2001:db8::/64", "2001:db8::9"), Verdict::Allowed);
}

#[test]
fn ipv4_in_ipv6_clothes_is_judged_as_ipv4() {
    assert_eq!(judged("", "192.0.2.0/24", "::ffff:192.0.2.7"), Verdict::Denied);
    assert_eq!(judged("", "::ffff:192.0.2.0/120", "192.0.2.7"), Verdict::Denied);
    assert_eq!(judged("", "::/0", "::ffff:192.0.2.7"), Verdict::Unlisted);
}

#[test]
fn everything_can_be_denied() {
    for address in ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::1"] {
        assert_eq!(judged("", "0.0.0.0/0\n::/0", address), Verdict::Denied, "{address}");
        assert_eq!(judged("", "", address), Verdict::Unlisted, "{address}");
    }
}

#[test]
fn judges_as_a_plain_search_does() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for round in 0..600 {
        let mut builder = Builder::default();
        let mut entries = Vec::new();
        for _ in 0..dice.below(if round % 20 == 0 { 700 } else { 40 }) {
            let verdict = if dice.below(2) == 0 { Verdict::Allowed } else { Verdict::Denied };
            let prefix = dice.prefix();
            builder.entry(verdict, prefix).unwrap();
            entries.push((verdict, prefix));
        }
        let list = List::open(builder.image()).unwrap();
        let mut probes: Vec<IpAddr> = entries.iter().flat_map(|(_, prefix)| edges(prefix)).collect();
        probes.extend((0..40).map(|_| dice.prefix().address()));
        for address in probes {
            assert_eq!(list.judge(address), plainly(&entries, address), "round {round}, {address}");
        }
    }
}

fn small_images() -> Vec<Vec<u8>> {
    let many: String = (0..20).map(|n| format!("10.{n}.0.0/16\n2001:db8:{n}::/48\n2001:db8:{n}::{n}\n")).collect();
    let allow = "10.3.3.3\n2001:db8:3::7:0/112\nfe80::1\n";
    [("", ""), ("", "192.0.2.1"), (allow, many.as_str())]
        .map(|(allow, deny)| compile(allow.as_bytes(), deny.as_bytes()).unwrap())
        .to_vec()
}

#[test]
fn a_cut_or_lengthened_image_is_refused() {
    for image in small_images() {
        for cut in 0..image.len() {
            assert_eq!(List::open(&image[..cut]).unwrap_err(), BadImage);
        }
        assert!(List::open(&image).is_ok());
        assert!(List::open([image.as_slice(), &[0]].concat()).is_err());
    }
}

#[test]
fn a_flipped_bit_is_refused_or_harmless() {
    for mut image in small_images() {
        for bit in 0..image.len() * 8 {
            image[bit / 8] ^= 1 << (bit % 8);
            target::image(&image);
            image[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn mutated_texts_and_images_make_no_panic() {
    let mut dice = Dice(7);
    let seed = b"\x0710.0.0.1/8\n::ffff:1.2.3.4/120 # x\n2001:db8::/33\n10.0.0.0/8\n";
    let images = small_images();
    for round in 0..20_000 {
        let mut text = seed.to_vec();
        let mut image = images[round % images.len()].clone();
        for _ in 0..=dice.below(4) {
            let (at, byte) = (dice.below(text.len() as u64) as usize, dice.roll() as u8);
            text[at] = if dice.below(2) == 0 { byte } else { b"0123456789.:/#\nf"[usize::from(byte % 16)] };
            let at = dice.below(image.len() as u64) as usize;
            image[at] = dice.roll() as u8;
        }
        target::lists(&text);
        target::image(&image);
    }
}

#[test]
fn takes_a_million_entries_of_each_word_and_no_more() {
    let mut builder = Builder::default();
    let mut dice = Dice(3);
    for n in 0..ENTRY_COUNT_MAX {
        let address: IpAddr = if n % 2 == 0 {
            Ipv4Addr::from_bits(dice.roll() as u32).into()
        } else {
            Ipv6Addr::from_bits(u128::from(dice.roll()) << 64).into()
        };
        builder.entry(Verdict::Denied, Prefix::around(address, 128)).unwrap();
    }
    let one = Prefix::parse("192.0.2.1").unwrap();
    assert_eq!(builder.entry(Verdict::Denied, one), Err(Full));
    assert_eq!(builder.entry(Verdict::Allowed, one), Ok(()));
    let image = builder.image();
    assert!(image.len() < 32 << 20, "{} bytes", image.len());
    let list = List::open(&image).unwrap();
    assert_eq!(list.len(), ENTRY_COUNT_MAX + 1);
    assert_eq!(list.judge("192.0.2.1".parse().unwrap()), Verdict::Allowed);
}

#[test]
fn the_worst_image_stays_within_its_bound() {
    const PART: usize = 20;
    let mut builder = Builder::default();
    for n in 0..(ENTRY_COUNT_MAX / PART) as u128 {
        for (verdict, at) in [(Verdict::Denied, n * 4), (Verdict::Allowed, n * 4 + 2)] {
            let upper_half = Ipv6Addr::from_bits((0x2000 << 112) | at << 64 | 1 << 63);
            builder.entry(verdict, Prefix::around(upper_half.into(), 65)).unwrap();
        }
    }
    let image = builder.image();
    let len = image.len() * PART;
    assert!(len <= IMAGE_BYTES_MAX && len > IMAGE_BYTES_MAX * 9 / 10, "{len} bytes");
    assert!(List::open(&image).is_ok());
}

#[test]
fn says_which_text_is_wrong_and_where() {
    let (which, error) = compile(b"10.0.0.0/8\n", b"# fine\n10.0.0.0/40\n").unwrap_err();
    assert_eq!(which, Verdict::Denied);
    assert_eq!(error.to_string(), "2:1: 10.0.0.0/40: the prefix length must be a number from 0 to 32");
}
