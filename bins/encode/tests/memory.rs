//! The memory of encoders. Alone in its process, since it looks at all that the process takes.

mod edge;

use edge::text;
use fosse_encode::{Coder, Operation, memory_bytes};
use fosse_wire::encode::Coding;

/// Returns the bytes of memory that this process has.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn no_encoder_takes_more_than_it_is_counted_with() {
    let body = text(500_000);
    let (mut scratch, mut out) = (vec![0; 65_536], Vec::with_capacity(8 << 20));
    for (coding, levels) in [(Coding::Gzip, 1..=9), (Coding::Brotli, 1..=6), (Coding::Zstd, 1..=9)] {
        for level in levels {
            // What the first one leaves behind in the heap is not its own.
            let mut coders = Vec::with_capacity(5);
            let mut before = 0;
            for number in 0..5 {
                let mut coder = Coder::new(coding, level).unwrap();
                out.clear();
                for piece in body.chunks(16_384) {
                    coder.run(piece, Operation::Continue, &mut scratch, &mut out).unwrap();
                }
                coders.push(coder);
                if number == 0 {
                    before = resident();
                }
            }
            let each = resident().saturating_sub(before) / 4;
            println!("{} {level}: {} KiB of {}", coding.name(), each / 1024, memory_bytes(coding, level) / 1024);
            assert!(each <= memory_bytes(coding, level), "{coding:?} {level}: {each}");
        }
    }
}
