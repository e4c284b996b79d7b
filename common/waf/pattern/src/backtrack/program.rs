//! A parsed pattern as instructions.

use crate::CompileError;
use crate::ast::{Greed, Look, Node};
use crate::byteset::ByteSet;
use crate::lower;

/// Instructions in one pattern: counted repeats are written out. 64 Ki of them take about 4 MiB.
const PROGRAM_COUNT_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub(super) enum Inst {
    Byte(ByteSet),
    /// A run of one set, at least `min` and at most `max` bytes: one frame instead of one per byte.
    Run {
        set: ByteSet,
        min: usize,
        max: usize,
        greed: Greed,
    },
    Split {
        first: usize,
        second: usize,
    },
    Jump(usize),
    /// Stores the position.
    Save(usize),
    /// Ends a group: its start is in `opened`, its end is here.
    Close {
        group: usize,
        opened: usize,
    },
    /// Leaves a loop whose last round took no bytes.
    LeaveIfAt {
        slot: usize,
        exit: usize,
    },
    Look(Look),
    Backref {
        group: usize,
        caseless: bool,
    },
    /// Matches the part after it up to `next` once and for all.
    Atomic {
        next: usize,
    },
    Around {
        ahead: bool,
        negate: bool,
        least: usize,
        most: usize,
        next: usize,
    },
    Accept,
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Backtracker {
    pub(super) program: Vec<Inst>,
    /// The whole match counted.
    pub(super) groups: usize,
    /// Positions: two per group, then one per group opened and per loop.
    pub(super) slots: usize,
    /// The bytes a match may begin with; `None` where it may be empty there.
    pub(super) first: Option<ByteSet>,
}

impl Backtracker {
    pub(crate) fn new(node: &Node, groups: usize) -> Result<Self, CompileError> {
        let groups = groups + 1;
        let mut slots = groups * 2;
        let mut compiler = Compiler { program: Vec::new(), slots: &mut slots };
        compiler.push(Inst::Save(0))?;
        compiler.node(node)?;
        compiler.push(Inst::Save(1))?;
        compiler.push(Inst::Accept)?;
        let program = compiler.program;
        let (set, nullable) = lower::first(node, ByteSet::EMPTY);
        Ok(Self { program, groups, slots, first: (!nullable).then_some(set) })
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.program.capacity() * size_of::<Inst>()
    }
}

struct Compiler<'a> {
    program: Vec<Inst>,
    slots: &'a mut usize,
}

impl Compiler<'_> {
    fn push(&mut self, inst: Inst) -> Result<usize, CompileError> {
        if self.program.len() >= PROGRAM_COUNT_MAX {
            return Err(CompileError::new(0, format!("the pattern takes more than {PROGRAM_COUNT_MAX} instructions")));
        }
        self.program.push(inst);
        Ok(self.program.len() - 1)
    }

    fn here(&self) -> usize {
        self.program.len()
    }

    fn set(&mut self, at: usize, inst: Inst) {
        self.program[at] = inst;
    }

    fn node(&mut self, node: &Node) -> Result<(), CompileError> {
        match node {
            Node::Empty => {}
            Node::Bytes(set) => drop(self.push(Inst::Byte(*set))?),
            Node::Look(look) => drop(self.push(Inst::Look(*look))?),
            Node::Keep => drop(self.push(Inst::Save(0))?),
            Node::Backref { group, caseless } => {
                self.push(Inst::Backref { group: *group, caseless: *caseless })?;
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node))?,
            Node::Alternate(nodes) => self.alternate(nodes)?,
            Node::Group(index, node) => self.group(*index, node)?,
            Node::Atomic(node) => self.atomic(|compiler| compiler.node(node))?,
            Node::Around { ahead, negate, node } => self.around(*ahead, *negate, node)?,
            Node::Repeat { node, min, max, greed } => self.repeat(node, *min, *max, *greed)?,
        }
        Ok(())
    }

    fn new_slot(&mut self) -> usize {
        let slot = *self.slots;
        *self.slots = slot + 1;
        slot
    }

    /// Compiles a capturing group. Its start is saved apart until it ends, so that a reference to a
    /// group inside itself sees its last complete match.
    fn group(&mut self, index: usize, node: &Node) -> Result<(), CompileError> {
        let opened = self.new_slot();
        self.push(Inst::Save(opened))?;
        self.node(node)?;
        self.push(Inst::Close { group: index, opened }).map(drop)
    }

    fn alternate(&mut self, nodes: &[Node]) -> Result<(), CompileError> {
        let mut exits = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if index + 1 == nodes.len() {
                self.node(node)?;
            } else {
                let split = self.push(Inst::Accept)?;
                self.node(node)?;
                exits.push(self.push(Inst::Accept)?);
                self.set(split, Inst::Split { first: split + 1, second: self.here() });
            }
        }
        let end = self.here();
        exits.into_iter().for_each(|exit| self.set(exit, Inst::Jump(end)));
        Ok(())
    }

    fn atomic(&mut self, body: impl FnOnce(&mut Self) -> Result<(), CompileError>) -> Result<(), CompileError> {
        let at = self.push(Inst::Accept)?;
        body(self)?;
        self.push(Inst::Accept)?;
        self.set(at, Inst::Atomic { next: self.here() });
        Ok(())
    }

    fn around(&mut self, ahead: bool, negate: bool, node: &Node) -> Result<(), CompileError> {
        let (least, most) = lower::lengths(node);
        let at = self.push(Inst::Accept)?;
        self.node(node)?;
        self.push(Inst::Accept)?;
        let most = most.unwrap_or(usize::MAX);
        self.set(at, Inst::Around { ahead, negate, least, most, next: self.here() });
        Ok(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>, greed: Greed) -> Result<(), CompileError> {
        if let Node::Bytes(set) = node {
            let least = usize::try_from(min).unwrap_or(usize::MAX);
            let most = max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
            return self.push(Inst::Run { set: *set, min: least, max: most, greed }).map(drop);
        }
        if greed == Greed::Possessive {
            return self.atomic(|compiler| compiler.repeat(node, min, max, Greed::Greedy));
        }
        (0..min).try_for_each(|_| self.node(node))?;
        match max {
            None => self.star(node, greed),
            Some(max) => self.optional(node, max - min, greed),
        }
    }

    fn split(&mut self, at: usize, body: usize, exit: usize, greed: Greed) {
        let (first, second) = if greed == Greed::Lazy { (exit, body) } else { (body, exit) };
        self.set(at, Inst::Split { first, second });
    }

    fn star(&mut self, node: &Node, greed: Greed) -> Result<(), CompileError> {
        let slot = self.new_slot();
        let split = self.push(Inst::Accept)?;
        self.push(Inst::Save(slot))?;
        self.node(node)?;
        let leave = self.push(Inst::Accept)?;
        self.push(Inst::Jump(split))?;
        let exit = self.here();
        self.set(leave, Inst::LeaveIfAt { slot, exit });
        self.split(split, split + 1, exit, greed);
        Ok(())
    }

    /// Compiles a node repeated up to `count` times, each time only after the time before.
    fn optional(&mut self, node: &Node, count: u32, greed: Greed) -> Result<(), CompileError> {
        let mut splits = Vec::new();
        for _ in 0..count {
            splits.push(self.push(Inst::Accept)?);
            self.node(node)?;
        }
        let exit = self.here();
        splits.into_iter().for_each(|split| self.split(split, split + 1, exit, greed));
        Ok(())
    }
}
