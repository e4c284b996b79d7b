//! What fosse-config and fosse-load have made, sealed for the programs of a generation.

use std::{collections::HashMap, os::fd::OwnedFd};

use fosse_bundle::{Part, Parts};
use fosse_plan::Plan;

use crate::edge::Current;

/// Seals each part of a plan and of what was loaded for it. The generation has no number yet.
///
/// # Errors
/// What the bundle is not, or why it could not be sealed.
pub(crate) fn sealed(plan: Plan, loaded: &[u8]) -> Result<Current, String> {
    let mut blobs = HashMap::new();
    for (program, blob) in &plan.blobs {
        blobs.insert(*program, seal(program.name(), blob)?);
    }
    let (mut rules, mut addresses) = (None, Vec::new());
    for part in Parts::decode(loaded).map_err(|e| format!("bundle: {e}"))?.parts {
        match part {
            Part::Rules(bytes) if bytes.len() > fosse_bundle::EMPTY_BYTES => rules = Some(seal("rules", bytes)?),
            Part::Rules(_) => {}
            Part::Addresses { listener, image } => addresses.push((listener, seal("addresses", image)?)),
        }
    }
    Ok(Current { plan, generation: 0, blobs, rules, template: None, keeps_records: false, addresses })
}

fn seal(name: &str, bytes: &[u8]) -> Result<OwnedFd, String> {
    fosse_sys::memfd::sealed(name, bytes).map_err(|e| format!("unable to seal {name}: {e}"))
}
