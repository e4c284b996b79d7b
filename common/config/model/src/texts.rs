//! The texts of a configuration in one row: a place is a number of bytes from the beginning of the
//! first.

/// One text with its name, and the place of its first byte.
#[derive(Clone, Copy, Debug)]
struct Text<'s> {
    name: &'s str,
    text: &'s str,
    base: usize,
}

/// All texts, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts<'s> {
    all: Vec<Text<'s>>,
}

impl<'s> Texts<'s> {
    /// Returns one text alone.
    pub(crate) fn one(name: &'s str, text: &'s str) -> Self {
        Self { all: vec![Text { name, text, base: 0 }] }
    }

    /// Adds a text.
    pub(crate) fn push(&mut self, name: &'s str, text: &'s str) {
        // The end of a text is a place too, and not the beginning of the next one.
        let base = self.all.last().map_or(0, |last| last.base + last.text.len() + 1);
        self.all.push(Text { name, text, base });
    }

    /// Returns each text and the place of its first byte.
    pub(crate) fn with_bases(&self) -> impl Iterator<Item = (&'s str, usize)> {
        self.all.iter().map(|text| (text.text, text.base))
    }

    /// Returns the name and the text in which a place lies, and the place of its first byte.
    pub(crate) fn around(&self, place: usize) -> (&'s str, &'s str, usize) {
        let number = self.all.partition_point(|text| text.base <= place);
        self.all[..number].last().map_or(("", "", 0), |text| (text.name, text.text, text.base))
    }

    /// Returns the name of the first text.
    pub(crate) fn main_name(&self) -> &'s str {
        self.around(0).0
    }
}
