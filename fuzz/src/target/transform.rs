//! What must hold for every transformation on every input; a fuzz driver calls this.

use fosse_transform::{GROWTH_BYTES_MAX, GROWTH_FACTOR_MAX, Outcome, Transform};

/// The first byte chooses the transformation, the rest is its input. Panics when an invariant does
/// not hold.
pub(crate) fn transform(data: &[u8]) {
    let Some((choice, input)) = data.split_first() else { return };
    if let Some((transform, _)) = Transform::ALL.get(usize::from(*choice) % Transform::ALL.len()) {
        check(*transform, input);
    }
}

/// Every transformation on one input.
pub(crate) fn transform_all(data: &[u8]) {
    for (transform, _) in Transform::ALL {
        check(transform, data);
    }
}

fn check(transform: Transform, input: &[u8]) {
    let prefix = b"what an arena held before";
    let mut out = prefix.to_vec();
    let outcome = transform.run(input, &mut out);
    assert!(out.starts_with(prefix), "{} wrote over the arena", transform.name());
    let written = out.split_off(prefix.len());
    match outcome {
        Outcome::Same => assert!(written.is_empty(), "{} wrote what it says is the same", transform.name()),
        Outcome::Part(range) => {
            assert!(written.is_empty(), "{} wrote a part", transform.name());
            assert!(range.start <= range.end && range.end <= input.len() && range.len() < input.len());
        }
        Outcome::Written => assert_ne!(written, input, "{} says changed where nothing is", transform.name()),
    }
    let bound = input.len().saturating_mul(GROWTH_FACTOR_MAX).saturating_add(GROWTH_BYTES_MAX);
    assert!(written.len() <= bound, "{} wrote {} bytes for {}", transform.name(), written.len(), input.len());
    let mut appended = Vec::new();
    let changed = transform.apply_into(input, &mut appended);
    let value = transform.apply(input);
    assert_eq!(changed, *value != *input, "{} is not sure whether it changed its input", transform.name());
    if changed {
        assert_eq!(*value, *appended, "{} gives two values", transform.name());
    }
}
