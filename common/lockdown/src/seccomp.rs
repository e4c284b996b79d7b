//! The wall: one seccomp filter, once. What it does not name ends the process.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

use crate::base::BASE;
use crate::mode::Mode;
use crate::policy::{Args, Cond, Policy, Row};
use crate::refusal::Refusal;

const STEP: &str = "seccomp";

/// Where seccompiler's own code begins to compare numbers: after three instructions that kill on a foreign architecture
/// (int 0x80 among them) and one that loads the number.
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
    seccompiler::apply_filter(&program).map_err(|error| Refusal::new(STEP, error.to_string()))
}

fn compile(policy: &Policy, mode: Mode) -> Result<BpfProgram, Refusal> {
    let forbidden = if mode == Mode::Trap { SeccompAction::Trap } else { SeccompAction::KillProcess };
    let rows = || BASE.iter().chain(policy.syscalls).filter(|row| row.call.number >= 0);
    let filter = SeccompFilter::new(permitted(rows())?, forbidden, SeccompAction::Allow, architecture()?);
    let mut program: BpfProgram = filter.and_then(TryInto::try_into).map_err(failed)?;
    refuse(&mut program, rows())?;
    Ok(program)
}

/// One entry a call. A call that is permitted with any arguments has an empty list, whatever other rows say.
fn permitted<'a>(rows: impl Iterator<Item = &'a Row>) -> Result<BTreeMap<i64, Vec<SeccompRule>>, Refusal> {
    let mut map: BTreeMap<i64, Option<Vec<SeccompRule>>> = BTreeMap::new();
    for row in rows {
        let entry = map.entry(row.call.number);
        match row.args {
            Args::Refuse(_) => {}
            Args::Any => *entry.or_insert(None) = None,
            Args::All(conditions) => {
                if let Some(rules) = entry.or_insert_with(|| Some(Vec::new())) {
                    rules.push(rule(conditions)?);
                }
            }
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
    use SeccompCmpOp::{Eq, Le, MaskedEq};
    let own_pid = u64::from(std::process::id());
    let (index, len, operator, value) = match *cond {
        Cond::Is(index, value) => (index, Dword, Eq, u64::from(value)),
        Cond::Lacks(index, bits) => (index, Dword, MaskedEq(u64::from(bits)), 0),
        Cond::Masked(index, mask, value) => (index, Dword, MaskedEq(u64::from(mask)), u64::from(value)),
        Cond::AtMost(index, value) => (index, Dword, Le, u64::from(value)),
        Cond::IsLong(index, value) => (index, Qword, Eq, value),
        Cond::OwnPid(index) => (index, Dword, Eq, own_pid),
    };
    SeccompCondition::new(index, len, operator, value)
}

/// Puts `if number == N return errno` right behind the prologue: seccompiler knows two outcomes, and a second filter
/// would need seccomp(2) permitted. Its jumps are relative and lie behind this place, so they stay right.
fn refuse<'a>(program: &mut BpfProgram, rows: impl Iterator<Item = &'a Row>) -> Result<(), Refusal> {
    let loads_number = program.get(PROLOGUE_INSTRUCTIONS.saturating_sub(1));
    if loads_number.is_none_or(|load| load.code != BPF_LD_W_ABS || load.k != 0) {
        return Err(Refusal::new(STEP, "the filter does not begin as expected"));
    }
    for row in rows {
        let Args::Refuse(errno) = row.args else { continue };
        let number = u32::try_from(row.call.number).map_err(|_| Refusal::new(STEP, "call number out of range"))?;
        let answer = SECCOMP_RET_ERRNO | u32::from(errno);
        let refusal = [
            sock_filter { code: BPF_JMP_JEQ_K, jt: 0, jf: 1, k: number },
            sock_filter { code: BPF_RET_K, jt: 0, jf: 0, k: answer },
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
