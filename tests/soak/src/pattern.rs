//! Bodies in which every byte tells whose it is and where it belongs: lines of 32 bytes, `id in 16
//! hex | line number in 15 hex | LF`. A byte lost, doubled, moved or taken from another message
//! does not pass [`Checker`].

const LINE_BYTES: u64 = 32;

fn hex(mut number: u64, out: &mut [u8]) {
    for place in out.iter_mut().rev() {
        *place = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

/// Adds one to a number in hex: almost always one digit is all that changes.
fn count(hex: &mut [u8]) {
    for digit in hex.iter_mut().rev() {
        *digit = match *digit {
            b'f' => b'0',
            b'9' => b'a',
            other => other + 1,
        };
        if *digit != b'0' {
            return;
        }
    }
}

/// Writes what body `id` has from `offset` on into `out`.
pub fn fill(id: u64, offset: u64, out: &mut [u8]) {
    let mut line = [b'\n'; LINE_BYTES as usize];
    hex(id, &mut line[..16]);
    hex(offset / LINE_BYTES, &mut line[16..31]);
    let (mut at, mut skip) = (0, (offset % LINE_BYTES) as usize);
    while at < out.len() {
        let length = (line.len() - skip).min(out.len() - at);
        out[at..at + length].copy_from_slice(&line[skip..skip + length]);
        at += length;
        skip = 0;
        count(&mut line[16..31]);
    }
}

/// The first `size` bytes of body `id`.
#[must_use]
pub fn body(id: u64, size: u64) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    fill(id, 0, &mut bytes);
    bytes
}

/// Takes a body piece by piece and remembers the first byte that is not its own.
#[derive(Debug)]
pub struct Checker {
    id: u64,
    offset: u64,
    wrong: Option<String>,
    scratch: Vec<u8>,
}

impl Checker {
    /// Expects body `id`.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self { id, offset: 0, wrong: None, scratch: Vec::new() }
    }

    /// The next piece.
    pub fn take(&mut self, piece: &[u8]) {
        self.scratch.resize(piece.len(), 0);
        fill(self.id, self.offset, &mut self.scratch);
        if self.wrong.is_none()
            && let Some(at) = piece.iter().zip(&self.scratch).position(|(a, b)| a != b)
        {
            let shown = &piece[at..piece.len().min(at + 64)];
            let place = self.offset + at as u64;
            self.wrong =
                Some(format!("body {:016x} differs at {place}: {:?}", self.id, String::from_utf8_lossy(shown)));
        }
        self.offset += piece.len() as u64;
    }

    /// How many bytes came, or what was wrong with them.
    ///
    /// # Errors
    /// Words about the first wrong byte.
    pub fn end(self) -> Result<u64, String> {
        self.wrong.map_or(Ok(self.offset), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_wherever_a_piece_begins() {
        let line = |number: u64| format!("{:016x}{number:015x}\n", 9).into_bytes();
        for first in [0, 9, 15, 159, 255, 0xfff, 0xf_ffff_ffff] {
            let mut two = [0; 64];
            fill(9, first * LINE_BYTES, &mut two);
            assert_eq!(two.to_vec(), [line(first), line(first + 1)].concat(), "{first}");
        }
    }

    #[test]
    fn a_body_checks_out_however_it_is_cut_and_no_other_does() {
        let whole = body(7, 1000);
        for step in [1, 31, 32, 33, 1000] {
            let mut checker = Checker::new(7);
            whole.chunks(step).for_each(|piece| checker.take(piece));
            assert_eq!(checker.end(), Ok(1000));
        }
        for bad in [body(8, 1000), whole[32..].to_vec(), [&whole[..64], &whole[96..]].concat()] {
            let mut checker = Checker::new(7);
            checker.take(&bad);
            assert!(checker.end().is_err());
        }
    }
}
