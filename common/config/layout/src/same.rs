//! Whether two texts say the same: their values without the places of these.

use toml::de::{DeTable, DeValue};

/// Returns the values of a text; `None` where it is not TOML.
pub(crate) fn table(text: &str) -> Option<DeTable<'_>> {
    let (table, mistakes) = DeTable::parse_recoverable(text);
    mistakes.is_empty().then(|| table.into_inner())
}

/// Returns whether two tables have the same keys and values.
pub(crate) fn tables(one: &DeTable<'_>, other: &DeTable<'_>) -> bool {
    let pairs = || one.iter().zip(other.iter());
    one.len() == other.len()
        && pairs().all(|((name, value), (other_name, other_value))| {
            name.get_ref() == other_name.get_ref() && values(value.get_ref(), other_value.get_ref())
        })
}

fn values(one: &DeValue<'_>, other: &DeValue<'_>) -> bool {
    match (one, other) {
        (DeValue::String(one), DeValue::String(other)) => one == other,
        (DeValue::Integer(one), DeValue::Integer(other)) => {
            (one.as_str(), one.radix()) == (other.as_str(), other.radix())
        }
        (DeValue::Float(one), DeValue::Float(other)) => one.as_str() == other.as_str(),
        (DeValue::Boolean(one), DeValue::Boolean(other)) => one == other,
        (DeValue::Datetime(one), DeValue::Datetime(other)) => one == other,
        (DeValue::Array(one), DeValue::Array(other)) => {
            let mut pairs = one.iter().zip(other.iter());
            one.len() == other.len() && pairs.all(|(one, other)| values(one.get_ref(), other.get_ref()))
        }
        (DeValue::Table(one), DeValue::Table(other)) => tables(one, other),
        _ => false,
    }
}
