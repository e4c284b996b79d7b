//! The wall: one seccomp filter, once. What it does not name ends the process.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

use crate::base::{BASE, FLOOR, Floor};
use crate::call::Call;
use crate::mode::Mode;
use crate::policy::{Args, Cond, Policy, Row};
use crate::refusal::Refusal;

const STEP: &str = "seccomp";

/// Instructions before the first that compares numbers in seccompiler's own code: three that kill
/// on a foreign architecture (int 0x80 among them) and one that loads the number.
const PROLOGUE_INSTRUCTIONS: usize = 4;

const BPF_LD_W_ABS: u16 = 0x20;
const BPF_JMP_JEQ_K: u16 = 0x15;
const BPF_RET_K: u16 = 0x06;
const SECCOMP_RET_ERRNO: u32 = 0x0005_0000;

/// Compiles the policy and installs it for all threads to come.
pub(crate) fn install(policy: &Policy, mode: Mode) -> Result<(), Refusal> {
    let program = compile(policy, mode)?;
    if mode == Mode::Trap {
        fosse_sys::signal::report_forbidden_calls(policy.program, crate::call::name_of)
            .map_err(|errno| Refusal::new(STEP, errno.to_string()))?;
    }
    // The last moment: the filter forbids this madvise, and the code that makes the filter is most
    // of what is not needed again.
    fosse_sys::text::release_pages();
    seccompiler::apply_filter(&program).map_err(|error| Refusal::new(STEP, error.to_string()))
}

/// Compiles a launcher's rows and installs them, without [`BASE`] and [`FLOOR`]: the filters above
/// this one have both.
pub(crate) fn install_launcher(rows: &[Row], mode: Mode) -> Result<(), Refusal> {
    let forbidden = if mode == Mode::Trap { SeccompAction::Trap } else { SeccompAction::KillProcess };
    // A negative number is a call that this architecture does not have.
    let rules = permitted(rows.iter().filter(|row| row.call.number >= 0), &[])?;
    let filter = SeccompFilter::new(rules, forbidden, SeccompAction::Allow, architecture()?);
    let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(failed)?;
    seccompiler::apply_filter(&program).map_err(|error| Refusal::new(STEP, error.to_string()))
}

fn compile(policy: &Policy, mode: Mode) -> Result<BpfProgram, Refusal> {
    let forbidden = if mode == Mode::Trap { SeccompAction::Trap } else { SeccompAction::KillProcess };
    let rows = || BASE.iter().chain(policy.syscalls).filter(|row| row.call.number >= 0);
    let filter = SeccompFilter::new(permitted(rows(), FLOOR)?, forbidden, SeccompAction::Allow, architecture()?);
    let mut program: BpfProgram = filter.and_then(TryInto::try_into).map_err(failed)?;
    refuse(&mut program, rows())?;
    Ok(program)
}

/// Returns the rules of each call. A call that is permitted with any arguments has an empty list,
/// whatever other rows say.
fn permitted<'a>(
    rows: impl Iterator<Item = &'a Row>,
    floors: &[Floor],
) -> Result<BTreeMap<i64, Vec<SeccompRule>>, Refusal> {
    let floor = |call: Call| floors.iter().filter(move |floor| floor.call == call).map(|floor| floor.condition);
    let mut map: BTreeMap<i64, Option<Vec<SeccompRule>>> = BTreeMap::new();
    for row in rows {
        let conditions = match row.args {
            Args::Refuse(_) => continue,
            Args::Any => floor(row.call).collect::<Vec<_>>(),
            Args::All(conditions) => conditions.iter().copied().chain(floor(row.call)).collect(),
        };
        let entry = map.entry(row.call.number);
        if conditions.is_empty() {
            *entry.or_insert(None) = None;
        } else if let Some(rules) = entry.or_insert_with(|| Some(Vec::new())) {
            rules.push(rule(&conditions)?);
        }
    }
    Ok(map.into_iter().map(|(number, rules)| (number, rules.unwrap_or_default())).collect())
}

fn rule(conditions: &[Cond]) -> Result<SeccompRule, Refusal> {
    let conditions = conditions.iter().map(condition).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    SeccompRule::new(conditions).map_err(failed)
}

fn condition(cond: &Cond) -> Result<SeccompCondition, seccompiler::BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    use SeccompCmpOp::{Eq, Ge, Le, MaskedEq};
    let (index, len, operator, value) = match *cond {
        Cond::Is(index, value) => (index, Dword, Eq, u64::from(value)),
        Cond::Lacks(index, bits) => (index, Dword, MaskedEq(u64::from(bits)), 0),
        Cond::Masked(index, mask, value) => (index, Dword, MaskedEq(u64::from(mask)), u64::from(value)),
        Cond::AtMost(index, value) => (index, Dword, Le, u64::from(value)),
        Cond::AtLeast(index, value) => (index, Dword, Ge, u64::from(value)),
        Cond::IsLong(index, value) => (index, Qword, Eq, value),
        Cond::OwnPid(index) => (index, Dword, Eq, u64::from(std::process::id())),
    };
    SeccompCondition::new(index, len, operator, value)
}

/// Puts `if number == N return errno` right after the prologue: seccompiler knows two outcomes, and
/// a second filter would need seccomp(2) permitted. Its jumps are relative and come after this
/// place, so they stay right.
fn refuse<'a>(program: &mut BpfProgram, rows: impl Iterator<Item = &'a Row>) -> Result<(), Refusal> {
    let loads_number = program.get(PROLOGUE_INSTRUCTIONS - 1);
    if loads_number.is_none_or(|load| load.code != BPF_LD_W_ABS || load.k != 0) {
        return Err(Refusal::new(STEP, "the filter does not begin as expected"));
    }
    for row in rows {
        let Args::Refuse(errno) = row.args else { continue };
        let number = u32::try_from(row.call.number).map_err(|_| Refusal::new(STEP, "call number out of range"))?;
        let outcome = SECCOMP_RET_ERRNO | u32::from(errno);
        let refusal = [
            sock_filter { code: BPF_JMP_JEQ_K, jt: 0, jf: 1, k: number },
            sock_filter { code: BPF_RET_K, jt: 0, jf: 0, k: outcome },
        ];
        program.splice(PROLOGUE_INSTRUCTIONS..PROLOGUE_INSTRUCTIONS, refusal);
    }
    Ok(())
}

fn architecture() -> Result<TargetArch, Refusal> {
    TargetArch::try_from(std::env::consts::ARCH).map_err(failed)
}

fn failed(error: seccompiler::BackendError) -> Refusal {
    Refusal::new(STEP, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call;

    const ALLOW: u32 = 0x7fff_0000;
    const KILL: u32 = 0x8000_0000;
    const HERE: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
    /// The architecture of `int 0x80`.
    const I386: u32 = 0x4000_0003;

    const POLICY: Policy = Policy {
        syscalls: &[
            Row::seen(call::SENDTO, Args::SENDTO_PEER, "a test"),
            Row::seen(call::SENDMSG, Args::Any, "a test"),
            Row::seen(call::MPROTECT, Args::Any, "a test"),
            Row::seen(call::DUP, Args::All(&[Cond::AtMost(0, 2)]), "a test"),
            Row::seen(call::DUP, Args::All(&[Cond::Masked(0, 0xf0, 0x20), Cond::Is(1, 7)]), "a test"),
            Row::seen(call::UMASK, Args::Any, "a refusal wins over this"),
            Row::refused(call::UMASK, 1, "a test"),
            Row::refused(call::CLONE3, 38, "a test"),
        ],
        ..Policy::NOTHING
    };

    /// Runs a filter as the kernel would (struct seccomp_data of seccomp(2) as its memory).
    fn outcome(program: &BpfProgram, arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut memory = vec![number, arch, 0, 0];
        memory.extend(arguments.iter().flat_map(|argument| [*argument as u32, (*argument >> 32) as u32]));
        let (mut at, mut a) = (0, 0_u32);
        loop {
            let instruction = &program[at];
            at += 1;
            let (jt, jf) = (usize::from(instruction.jt), usize::from(instruction.jf));
            let jump = |holds: bool| if holds { jt } else { jf };
            match instruction.code {
                0x20 => a = memory[instruction.k as usize / 4],
                0x54 => a &= instruction.k,
                0x05 => at += instruction.k as usize,
                0x15 => at += jump(a == instruction.k),
                0x25 => at += jump(a > instruction.k),
                0x35 => at += jump(a >= instruction.k),
                0x06 => return instruction.k,
                code => panic!("instruction {code:#x}"),
            }
        }
    }

    fn here(call: Call, arguments: [u64; 6]) -> u32 {
        outcome(&compile(&POLICY, Mode::Default).unwrap(), HERE, u32::try_from(call.number).unwrap(), arguments)
    }

    #[test]
    fn a_number_no_row_names_is_killed() {
        let program = compile(&POLICY, Mode::Default).unwrap();
        let named: Vec<u32> =
            BASE.iter().chain(POLICY.syscalls).filter_map(|row| u32::try_from(row.call.number).ok()).collect();
        for number in (0..1024).chain([0x4000_0000, 0x4000_0027, u32::MAX]) {
            let allowed = outcome(&program, HERE, number, [0; 6]) != KILL;
            assert!(!allowed || named.contains(&number), "call {number}");
        }
    }

    #[test]
    fn another_architecture_is_killed_whatever_the_number() {
        let program = compile(&POLICY, Mode::Default).unwrap();
        for number in 0..512 {
            assert_eq!(outcome(&program, I386, number, [0; 6]), KILL);
        }
    }

    #[test]
    fn an_address_or_fast_open_is_killed_in_either_half() {
        assert_eq!(here(call::SENDTO, [1, 2, 3, 0x4040, 0, 16]), ALLOW);
        assert_eq!(here(call::SENDTO, [1, 2, 3, 0x4040, 1 << 32, 16]), KILL);
        assert_eq!(here(call::SENDTO, [1, 2, 3, 0x4040, 1, 16]), KILL);
        assert_eq!(here(call::SENDTO, [1, 2, 3, 0x2000_4040, 0, 16]), KILL);
        assert_eq!(here(call::SENDMSG, [1, 2, 0x4040, 0, 0, 0]), ALLOW);
        assert_eq!(here(call::SENDMSG, [1, 2, 0x2000_4040, 0, 0, 0]), KILL);
    }

    #[test]
    fn conditions_of_one_row_hold_together_and_rows_hold_either_way() {
        for (arguments, expected) in [
            ([2, 0, 0, 0, 0, 0], ALLOW),
            ([3, 0, 0, 0, 0, 0], KILL),
            ([0x2f, 7, 0, 0, 0, 0], ALLOW),
            ([0x2f, 8, 0, 0, 0, 0], KILL),
            ([0x3f, 7, 0, 0, 0, 0], KILL),
        ] {
            assert_eq!(here(call::DUP, arguments), expected, "{arguments:?}");
        }
    }

    #[test]
    fn memory_is_executable_for_no_program() {
        assert_eq!(here(call::MMAP, [0, 4096, 3, 0x22, u64::MAX, 0]), ALLOW);
        assert_eq!(here(call::MMAP, [0, 4096, 7, 0x22, u64::MAX, 0]), KILL);
        assert_eq!(here(call::MPROTECT, [0, 4096, 3, 0, 0, 0]), ALLOW);
        assert_eq!(here(call::MPROTECT, [0, 4096, 5, 0, 0, 0]), KILL);
    }

    #[test]
    fn signals_reach_this_process_alone() {
        let own = u64::from(std::process::id());
        assert_eq!(here(call::TGKILL, [own, own, 6, 0, 0, 0]), ALLOW);
        assert_eq!(here(call::TGKILL, [own + 1, own, 6, 0, 0, 0]), KILL);
        assert_eq!(here(call::KILL, [own, 0, 0, 0, 0, 0]), KILL);
    }

    #[test]
    fn a_refused_call_returns_its_errno_whatever_other_rows_say() {
        assert_eq!(here(call::UMASK, [0; 6]), SECCOMP_RET_ERRNO | 1);
        assert_eq!(here(call::CLONE3, [0; 6]), SECCOMP_RET_ERRNO | 38);
    }

    #[test]
    fn trap_mode_traps_where_the_default_kills() {
        let program = compile(&POLICY, Mode::Trap).unwrap();
        assert_eq!(outcome(&program, HERE, 500, [0; 6]), 0x0003_0000);
    }
}
