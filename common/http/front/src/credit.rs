//! The credit for one response: the bytes that may come over the ring before more is granted.

use fosse_wire::WireError;
use fosse_wire::frame::WINDOW_BYTES_INITIAL;

use crate::limits::{GRANT_BYTES_MIN, WINDOW_BYTES_MAX};

/// A window of bytes. What may still come and what is owed are the window together.
#[derive(Debug)]
pub(crate) struct ResponseCredit {
    /// Bytes that may be on their way at a time.
    window: u32,
    /// Bytes that may still come.
    left: u32,
    /// Bytes that came and were not granted again.
    owed: u32,
}

impl ResponseCredit {
    /// Returns the credit of a new stream.
    pub(crate) const fn new() -> Self {
        Self { window: WINDOW_BYTES_INITIAL, left: WINDOW_BYTES_INITIAL, owed: 0 }
    }

    /// Takes the credit for bytes that came.
    ///
    /// # Errors
    /// `Credit`: more came than may.
    pub(crate) fn spend(&mut self, bytes: u32) -> Result<(), WireError> {
        self.left = self.left.checked_sub(bytes).ok_or(WireError::Credit)?;
        self.owed += bytes;
        Ok(())
    }

    /// Grants credit for the bytes that came and are written. Returns the number of bytes, 0 while
    /// it is not worth a frame. The window grows for a reader that takes all at once, and falls
    /// back for one that was `blocked`.
    pub(crate) fn grant(&mut self, blocked: bool) -> u32 {
        if self.owed < GRANT_BYTES_MIN {
            return 0;
        }
        let target = if blocked { WINDOW_BYTES_INITIAL } else { (self.window * 2).min(WINDOW_BYTES_MAX) };
        // A window can only shrink by what is not granted again: the rest may be on its way.
        self.window = target.max(self.left);
        let granted = self.window - self.left;
        self.left = self.window;
        self.owed = 0;
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_comes_than_was_granted() {
        let mut credit = ResponseCredit::new();
        assert_eq!(credit.spend(WINDOW_BYTES_INITIAL), Ok(()));
        assert_eq!(credit.spend(1), Err(WireError::Credit));
        let granted = credit.grant(false);
        assert_eq!(credit.spend(granted + 1), Err(WireError::Credit));
        assert_eq!(credit.spend(granted), Ok(()));
    }

    #[test]
    fn a_small_debt_is_not_worth_a_frame() {
        let mut credit = ResponseCredit::new();
        credit.spend(GRANT_BYTES_MIN - 1).unwrap();
        assert_eq!(credit.grant(false), 0);
        credit.spend(1).unwrap();
        assert!(credit.grant(false) > 0);
        assert_eq!(credit.grant(false), 0);
    }

    #[test]
    fn the_window_grows_for_a_reader_that_keeps_up_and_falls_back_for_one_that_does_not() {
        let mut credit = ResponseCredit::new();
        for _ in 0..10 {
            credit.spend(GRANT_BYTES_MIN).unwrap();
            credit.grant(false);
            assert_eq!(credit.left, credit.window);
        }
        assert_eq!(credit.window, WINDOW_BYTES_MAX);
        credit.spend(GRANT_BYTES_MIN).unwrap();
        assert_eq!(credit.grant(true), 0, "what may be on its way is not taken back");
        assert_eq!(credit.window, WINDOW_BYTES_MAX - GRANT_BYTES_MIN);
        credit.spend(credit.left).unwrap();
        assert_eq!(credit.grant(true), WINDOW_BYTES_INITIAL);
    }
}
