//! Rule sets and their files:
//! `magic | u16 sets, each u32 entries, each u16 name | u32 files, each u16 name, u32 bytes`.

use std::collections::BTreeMap;

use fosse_wire::WireError;
use fosse_wire::cursor::{Cursor, put_long, put_short};

const MAGIC: [u8; 8] = *b"fossebu1";

/// Rule sets of one edge: sites that write the same rules share one set.
pub const SETS_COUNT_MAX: usize = 1024;
/// Files of one bundle. CRS 4 has 50.
pub const FILES_COUNT_MAX: usize = 10_000;
/// Longest name of a file (PATH_MAX without the closing NUL).
pub const NAME_BYTES_MAX: usize = 4095;

/// The files a rule set is read from, in this order; what they include is in the bundle too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// Names of files in the bundle.
    pub entries: Vec<String>,
}

/// Files by name, and the rule sets that begin in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// In the order of their index.
    pub sets: Vec<RuleSet>,
    /// Name, as shown in messages and looked up by includes, and bytes.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// Returns the rule file a site begins with: it includes the entries of set `index`, with the
    /// site's exclusions before and after them. `None` where there is no such set.
    #[must_use]
    pub fn entry_text(&self, index: usize, exclusions: &str) -> Option<String> {
        let (before, after) = crate::split_exclusions(exclusions);
        let mut text = before.to_owned();
        for entry in &self.sets.get(index)?.entries {
            text.push_str("Include \"");
            text.push_str(entry);
            text.push_str("\"\n");
        }
        text.push_str(after);
        Some(text)
    }

    /// Returns the files that the sets begin with, in their order, each once.
    #[must_use]
    pub fn entries_in_order(&self) -> Vec<(&str, &[u8])> {
        let mut seen = std::collections::BTreeSet::new();
        let entries = self.sets.iter().flat_map(|set| &set.entries).filter(|name| seen.insert(name.as_str()));
        entries.filter_map(|name| Some((name.as_str(), self.files.get(name)?.as_slice()))).collect()
    }

    /// Returns the bytes of the bundle.
    ///
    /// # Errors
    /// [`WireError::Field`] where it is over a limit.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut out = MAGIC.to_vec();
        put_count(&mut out, self.sets.len(), SETS_COUNT_MAX)?;
        for set in &self.sets {
            put_count(&mut out, set.entries.len(), FILES_COUNT_MAX)?;
            for entry in &set.entries {
                put_name(&mut out, entry)?;
            }
        }
        put_count(&mut out, self.files.len(), FILES_COUNT_MAX)?;
        for (name, bytes) in &self.files {
            put_name(&mut out, name)?;
            put_long(&mut out, bytes, "file")?;
        }
        if out.len() > crate::BYTES_MAX { Err(WireError::Field("bundle")) } else { Ok(out) }
    }

    /// Reads a bundle, consuming exactly `bytes`. Every entry names a file of the bundle; names
    /// come in order.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Field`] for a number over its limit or an entry without its
    /// file.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        if c.array()? != MAGIC {
            return Err(WireError::Field("magic"));
        }
        let mut bundle = Self::default();
        for _ in 0..count(&mut c, SETS_COUNT_MAX)? {
            let mut set = RuleSet::default();
            for _ in 0..count(&mut c, FILES_COUNT_MAX)? {
                set.entries.push(name(&mut c)?);
            }
            bundle.sets.push(set);
        }
        for _ in 0..count(&mut c, FILES_COUNT_MAX)? {
            let name = name(&mut c)?;
            if bundle.files.last_key_value().is_some_and(|(last, _)| *last >= name) {
                return Err(WireError::Field("file order"));
            }
            bundle.files.insert(name, c.long_bytes()?.to_vec());
        }
        c.end()?;
        let known = |entry: &String| bundle.files.contains_key(entry);
        if bundle.sets.iter().flat_map(|set| &set.entries).all(known) {
            Ok(bundle)
        } else {
            Err(WireError::Field("entry"))
        }
    }
}

fn put_count(out: &mut Vec<u8>, count: usize, most: usize) -> Result<(), WireError> {
    let count = u32::try_from(count).ok().filter(|_| count <= most).ok_or(WireError::Field("count"))?;
    out.extend_from_slice(&count.to_le_bytes());
    Ok(())
}

fn count(c: &mut Cursor<'_>, most: usize) -> Result<usize, WireError> {
    usize::try_from(c.u32()?).ok().filter(|count| *count <= most).ok_or(WireError::Field("count"))
}

/// Returns whether a name means itself in an Include: it holds no pattern, quote, backslash or
/// control character.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let special = |one: char| one.is_control() || matches!(one, '*' | '?' | '[' | '"' | '\'' | '\\');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.contains(special)
}

fn put_name(out: &mut Vec<u8>, name: &str) -> Result<(), WireError> {
    if !is_plain_name(name) {
        return Err(WireError::Field("name"));
    }
    put_short(out, name.as_bytes(), "name")
}

fn name(c: &mut Cursor<'_>) -> Result<String, WireError> {
    let name = std::str::from_utf8(c.short_bytes()?).map_err(|_| WireError::Field("name"))?;
    if is_plain_name(name) { Ok(name.to_owned()) } else { Err(WireError::Field("name")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Bundle {
        let files = [("rules/a.conf", "SecRuleEngine On\n"), ("rules/a.data", "x\n")];
        Bundle {
            sets: vec![RuleSet { entries: vec!["rules/a.conf".into()] }, RuleSet::default()],
            files: files.map(|(name, bytes)| (name.to_owned(), bytes.as_bytes().to_vec())).into(),
        }
    }

    #[test]
    fn a_bundle_comes_back_and_a_cut_or_longer_one_does_not() {
        let mut bytes = sample().encode().unwrap();
        assert_eq!(Bundle::decode(&bytes), Ok(sample()));
        for cut in 0..bytes.len() {
            assert!(Bundle::decode(&bytes[..cut]).is_err());
        }
        bytes.push(0);
        assert_eq!(Bundle::decode(&bytes), Err(WireError::Long));
    }

    #[test]
    fn a_bundle_without_rules_is_known_by_its_length() {
        assert_eq!(Bundle::default().encode().unwrap().len(), crate::EMPTY_BYTES);
        assert!(sample().encode().unwrap().len() > crate::EMPTY_BYTES);
    }

    #[test]
    fn a_flipped_bit_never_panics_and_decodes_to_the_same_bytes_or_not_at_all() {
        let whole = sample().encode().unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(bundle) = Bundle::decode(&bytes) {
                assert_eq!(bundle.encode().unwrap(), bytes);
            }
        }
    }

    #[test]
    fn refuses_an_entry_without_its_file() {
        let mut bundle = sample();
        bundle.files.remove("rules/a.conf");
        assert_eq!(Bundle::decode(&bundle.encode().unwrap()), Err(WireError::Field("entry")));
    }

    #[test]
    fn a_sites_file_has_its_exclusions_on_both_sides_of_the_rules() {
        let exclusions = crate::join_exclusions("SecRule before\n", "SecRuleRemoveById 1\n");
        let text = sample().entry_text(0, &exclusions).unwrap();
        assert_eq!(text, "SecRule before\nInclude \"rules/a.conf\"\nSecRuleRemoveById 1\n");
        assert_eq!(sample().entry_text(0, "").unwrap(), "Include \"rules/a.conf\"\n");
        assert_eq!(sample().entry_text(2, ""), None);
    }

    #[test]
    fn names_that_mean_more_than_themselves_are_refused() {
        for name in ["", "a*", "a?", "a[1]", "a\"b", "a'b", "a\\b", "a\nb"] {
            let bundle = Bundle { files: [(name.to_owned(), vec![])].into(), ..Bundle::default() };
            assert!(bundle.encode().is_err(), "{name}");
        }
    }

    #[test]
    fn entry_patterns_come_back_from_one_text() {
        let joined = crate::join_patterns(["crs-setup.conf", "rules/*.conf"]);
        assert_eq!(crate::split_patterns(&joined).collect::<Vec<_>>(), ["crs-setup.conf", "rules/*.conf"]);
        assert_eq!(crate::split_patterns("").count(), 0);
    }
}
