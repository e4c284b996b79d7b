//! Walks: all of them where there are few, some of them at random where there are many.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::world::{Rules, Script, Step, World};

/// The finding of a walk.
#[derive(Debug)]
pub struct Found {
    /// The promise that is broken.
    pub why: String,
    /// The steps that led there.
    pub steps: Vec<Step>,
}

fn mark(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// Visits every state that can be reached; how many there are.
///
/// # Errors
/// The first broken promise. Also more than `states_max` states: the walk would not be all there
/// is.
pub fn everything(scripts: &[Script], rules: &Rules, states_max: usize) -> Result<usize, Found> {
    let mut seen = HashSet::new();
    let mut path: Vec<Step> = Vec::new();
    // A state to visit and the length of the path to its parent, or the step that led there.
    let mut todo = vec![(World::new(scripts, rules), 0, None)];
    while let Some((world, depth, step)) = todo.pop() {
        path.truncate(depth);
        path.extend(step);
        if !seen.insert(mark(&world)) {
            continue;
        }
        let found = |why: String, path: &[Step]| Found { why, steps: path.to_vec() };
        if seen.len() > states_max {
            return Err(found(format!("more than {states_max} states"), &[]));
        }
        let (sure, maybe) = world.steps(rules);
        if sure.is_empty() {
            let mut rested = world.clone();
            if !rested.at_rest(rules).map_err(|why| found(why, &path))? {
                todo.push((rested, path.len(), None));
            }
        }
        for step in sure.into_iter().chain(maybe) {
            let mut next = world.clone();
            next.step(step, rules).map_err(|why| {
                path.push(step);
                found(why, &path)
            })?;
            todo.push((next, path.len(), Some(step)));
        }
    }
    Ok(seen.len())
}

/// One way through, chosen by `seed`; the number of its steps.
///
/// # Errors
/// The first broken promise.
pub fn somehow(scripts: &[Script], rules: &Rules, seed: u64) -> Result<usize, Found> {
    let mut world = World::new(scripts, rules);
    let mut steps = Vec::new();
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: usize| {
        // xorshift64
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).unwrap_or(0) % below.max(1)
    };
    loop {
        let (sure, maybe) = world.steps(rules);
        if sure.is_empty() {
            if world.at_rest(rules).map_err(|why| Found { why, steps: steps.clone() })? {
                return Ok(steps.len());
            }
            continue;
        }
        let rare = !maybe.is_empty() && next(40) == 0;
        let step = if rare { maybe[next(maybe.len())] } else { sure[next(sure.len())] };
        steps.push(step);
        world.step(step, rules).map_err(|why| Found { why, steps: steps.clone() })?;
    }
}
