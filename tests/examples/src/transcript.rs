//! What stands in an example for a shell: commands, and the output that is shown beside them.

/// One command of an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Shown behind `$`: by an ordinary user.
    pub ordinary: bool,
    /// The command, with all its lines.
    pub command: String,
    /// Output shown below it; empty where none is.
    pub shown: Vec<String>,
}

/// The commands of an example. Where a line begins with a prompt (`$ `, or `# ` before a command of
/// root's) the lines that belong to no command are output; without prompts every line is a command
/// or the rest of one.
#[must_use]
pub fn steps(text: &str) -> Vec<Step> {
    let prompted = text.starts_with("$ ") || text.starts_with("# ");
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines() {
        if let Some(step) = steps.last_mut().filter(|step| step.shown.is_empty() && goes_on(&step.command)) {
            step.command.push('\n');
            step.command.push_str(line);
            continue;
        }
        let command = if prompted { line.strip_prefix("$ ").or_else(|| line.strip_prefix("# ")) } else { Some(line) };
        match (command, steps.last_mut()) {
            (Some(command), _) => {
                let ordinary = line.starts_with("$ ");
                steps.push(Step { ordinary, command: command.to_owned(), shown: Vec::new() });
            }
            (None, Some(step)) => step.shown.push(line.to_owned()),
            (None, None) => {}
        }
    }
    steps
}

/// Whether a shell would ask for more.
fn goes_on(command: &str) -> bool {
    let end = command.trim_end();
    end.ends_with(['\\', '|']) || end.ends_with("&&") || command.matches('\'').count() % 2 == 1
}

/// Whether `output` is what is shown: line by line, where `...` in a line stands for any characters
/// and a line of nothing else for any lines.
#[must_use]
pub fn fits(shown: &[String], output: &[&str]) -> bool {
    match shown.split_first() {
        None => output.is_empty(),
        Some((line, rest)) if line.trim() == "..." => (0..=output.len()).any(|skipped| fits(rest, &output[skipped..])),
        Some((line, rest)) => {
            output.split_first().is_some_and(|(first, others)| line_fits(line, first) && fits(rest, others))
        }
    }
}

fn line_fits(shown: &str, line: &str) -> bool {
    match shown.split_once("...") {
        None => shown.trim_end() == line.trim_end(),
        Some((before, after)) => line
            .strip_prefix(before)
            .is_some_and(|rest| (0..=rest.len()).filter_map(|at| rest.get(at..)).any(|rest| line_fits(after, rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(ordinary: bool, command: &str, shown: &[&str]) -> Step {
        Step { ordinary, command: command.to_owned(), shown: shown.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn every_line_without_a_prompt_is_a_command_or_the_rest_of_one() {
        let expected = [step(false, "make  # all", &[]), step(false, "a |\n  b 'x\n y' |\nc", &[])];
        assert_eq!(steps("make  # all\na |\n  b 'x\n y' |\nc\n"), expected);
    }

    #[test]
    fn lines_below_a_prompted_command_are_its_output() {
        assert_eq!(steps("$ a \\\n  b\n1\n2\n# c\n"), [step(true, "a \\\n  b", &["1", "2"]), step(false, "c", &[])]);
    }

    #[test]
    fn dots_stand_for_characters_and_lines() {
        let shown = ["a...z".to_owned(), "...".to_owned(), "end".to_owned()];
        assert!(fits(&shown, &["abcz", "end"]) && fits(&shown, &["az", "1", "2", "end"]));
        assert!(!fits(&shown, &["abc", "end"]) && !fits(&shown, &["az", "end", "more"]) && !fits(&shown, &["az"]));
    }
}
