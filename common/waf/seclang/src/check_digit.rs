//! Numbers with check digits, which few other numbers have.

/// Numbers with a check digit, found by a pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CheckDigit {
    CreditCard,
    Cpf,
    Ssn,
    Svnr,
}

impl CheckDigit {
    /// Returns whether the digits of a text are such a number.
    pub(crate) fn holds(self, text: &[u8]) -> bool {
        let digits: Vec<u32> =
            text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(*byte - b'0')).collect();
        match self {
            CheckDigit::CreditCard => luhn(&digits),
            CheckDigit::Cpf => cpf(&digits),
            CheckDigit::Ssn => ssn(&digits),
            CheckDigit::Svnr => svnr(&digits),
        }
    }
}

/// Checks a card number (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(at, digit)| if at % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// Checks the two check digits of a Brazilian CPF number: weights fall to 2, the sum is taken
/// modulo 11.
fn cpf(digits: &[u32]) -> bool {
    let check = |count: usize| -> Option<u32> {
        let weights = (2..=u32::try_from(count).ok()? + 1).rev();
        let sum: u32 = digits.iter().take(count).zip(weights).map(|(digit, weight)| digit * weight).sum();
        Some(if sum % 11 < 2 { 0 } else { 11 - sum % 11 })
    };
    let all_same = digits.windows(2).all(|pair| pair.first() == pair.last());
    digits.len() == 11 && !all_same && check(9) == digits.get(9).copied() && check(10) == digits.get(10).copied()
}

/// Checks a United States social security number: none has area 000, 666 or 900 and above, group 00
/// or serial 0000.
fn ssn(digits: &[u32]) -> bool {
    if digits.len() != 9 {
        return false;
    }
    let number = |digits: &[u32]| digits.iter().fold(0, |value, digit| value * 10 + digit);
    let area = number(&digits[..3]);
    area != 0 && area != 666 && area < 900 && number(&digits[3..5]) != 0 && number(&digits[5..]) != 0
}

/// Checks an Austrian social insurance number: the fourth digit is the weighted sum of the others
/// modulo 11.
fn svnr(digits: &[u32]) -> bool {
    const WEIGHTS: [u32; 10] = [3, 7, 9, 0, 5, 8, 4, 2, 1, 6];
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    digits.len() == 10 && digits.get(3) == Some(&(sum % 11))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_checked() {
        assert!(CheckDigit::CreditCard.holds(b"4111-1111-1111-1111"));
        assert!(!CheckDigit::CreditCard.holds(b"4111-1111-1111-1112"));
        assert!(CheckDigit::Cpf.holds(b"529.982.247-25") && !CheckDigit::Cpf.holds(b"529.982.247-26"));
        assert!(CheckDigit::Ssn.holds(b"078-05-1120") && !CheckDigit::Ssn.holds(b"666-05-1120"));
        assert!(CheckDigit::Svnr.holds(b"1237010180") && !CheckDigit::Svnr.holds(b"1238010180"));
    }
}
