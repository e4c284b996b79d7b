//! The encoders by themselves: what they make decodes again however it is cut, within the bound of
//! each.

mod edge;

use edge::{decoded, noise, text};
use fosse_encode::{Coder, EXPANSION, Operation};
use fosse_wire::encode::Coding;

const LEVELS: [(Coding, std::ops::RangeInclusive<u8>); 3] =
    [(Coding::Gzip, 1..=9), (Coding::Brotli, 1..=6), (Coding::Zstd, 1..=9)];

/// Encodes a body in pieces of this length, with a flush after each where that is wanted. Returns
/// what becomes of it, and the number of flushes.
fn encoded(coding: Coding, level: u8, body: &[u8], piece: usize, flushes: bool) -> (Vec<u8>, u64) {
    let mut coder = Coder::new(coding, level).unwrap();
    let (mut scratch, mut out, mut count) = (vec![0; 4096], Vec::new(), 0);
    for piece in body.chunks(piece) {
        coder.run(piece, Operation::Continue, &mut scratch, &mut out).unwrap();
        if flushes {
            coder.run(&[], Operation::Flush, &mut scratch, &mut out).unwrap();
            count += 1;
        }
    }
    coder.run(&[], Operation::Finish, &mut scratch, &mut out).unwrap();
    (out, count)
}

#[test]
fn whatever_the_level_and_the_pieces_a_body_comes_back_within_its_bound() {
    for (coding, levels) in LEVELS {
        for level in levels {
            for body in [Vec::new(), noise(1), noise(50_000), text(70_000)] {
                for (piece, flushes) in [(16_384, false), (16_384, true), (777, true), (65_536, false)] {
                    let (out, count) = encoded(coding, level, &body, piece, flushes);
                    let bound = EXPANSION.bound(u64::try_from(body.len()).unwrap(), count);
                    let length = u64::try_from(out.len()).unwrap();
                    assert!(length <= bound, "{coding:?} {level}: {length} of {} in {piece}", body.len());
                    assert!(decoded(coding.name(), &out) == body, "{coding:?} {level} in pieces of {piece}");
                }
            }
        }
    }
}

#[test]
fn bytes_one_by_one_with_a_flush_after_each_stay_within_the_bound() {
    for (coding, levels) in LEVELS {
        for level in [*levels.start(), *levels.end()] {
            let body = noise(500);
            let (out, count) = encoded(coding, level, &body, 1, true);
            assert!(u64::try_from(out.len()).unwrap() <= EXPANSION.bound(500, count), "{coding:?} {level}");
            assert!(decoded(coding.name(), &out) == body);
        }
    }
}

/// Encodes a body, by an encoder that may have had others before.
fn whole(coder: &mut Coder, body: &[u8]) -> Vec<u8> {
    let (mut scratch, mut out) = (vec![0; 4096], Vec::new());
    coder.run(body, Operation::Finish, &mut scratch, &mut out).unwrap();
    out
}

#[test]
fn an_encoder_that_is_kept_has_nothing_of_the_body_before_whole_or_left() {
    let (body, mut scratch) = (noise(20_000), vec![0; 4096]);
    for (coding, levels) in LEVELS {
        for level in levels {
            for operation in [Operation::Continue, Operation::Flush, Operation::Finish] {
                for before in [noise(5), noise(30_000), text(30_000)] {
                    let mut coder = Coder::new(coding, level).unwrap();
                    let expected = whole(&mut coder, &body);
                    let mut coder = Coder::new(coding, level).unwrap();
                    coder.run(&before, operation, &mut scratch, &mut Vec::new()).unwrap();
                    let Some(mut kept) = coder.into_spare() else { continue };
                    assert!(whole(&mut kept, &body) == expected, "{coding:?} {level} after {operation:?}");
                }
            }
        }
    }
}
