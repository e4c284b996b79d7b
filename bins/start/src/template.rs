//! The template: a process of each generation that has compiled the rules and makes the filters of its lanes, so that all
//! share one copy and a filter that died is back at once. Where a configuration has no rules there is none.

use fosse_die::alert;
use fosse_eventloop::slab::Key;
use fosse_wire::launch::Program;
use rustix::io::Errno;

use crate::{PROGRAM, births::Gifts, change::Change, edge::Edge, process::End};

impl Edge {
    /// Starts the template of the current generation. Errors in the rules are said on start's own descriptor 2: whoever asked
    /// for the change is there.
    pub(crate) fn start_template(&mut self) -> Result<(), Errno> {
        let Some(rules) = &self.current.rules else { return Ok(()) };
        let fds = vec![(8, rustix::io::fcntl_dupfd_cloexec(rules, 3)?)];
        let words = vec!["--template".to_owned()];
        let gifts = Gifts { fds, words, own_stderr: true, template: true, ..Gifts::default() };
        self.current.template = Some(self.spawn(Program::WafFilter, gifts)?);
        Ok(())
    }

    /// Another one in the place of one that died.
    pub(crate) fn replace_template(&mut self) {
        if let Err(errno) = self.start_template() {
            alert(PROGRAM, format_args!("unable to start a template: {errno}"));
        }
    }

    /// Whether lanes can be made: the rules are compiled, or there are none.
    pub(crate) fn template_serves(&self) -> bool {
        let ready = |key: Key| self.processes.get(key).is_some_and(|process| process.ready);
        self.current.rules.is_none() || self.current.template.is_some_and(ready)
    }

    /// The rules are compiled: the lanes of a new generation can be made, or those that are missing.
    pub(crate) fn template_ready(&mut self) {
        if matches!(self.change, Change::Checking) {
            self.checked();
        }
        let generation = self.current.generation;
        let first = self.change.waits_for_lanes() && self.lanes.iter().all(|lane| lane.generation != generation);
        if !first {
            return self.replace_missing();
        }
        if let Err(why) = self.start_lanes() {
            self.change_failed(&why);
        }
    }

    /// What templates say comes before the deaths it may be about.
    pub(crate) fn templates_answer(&mut self) {
        let templates: Vec<Key> = self.processes.iter().filter(|(_, p)| p.template).map(|(key, _)| key).collect();
        templates.into_iter().for_each(|key| self.child_says(key));
    }

    /// A template is gone. The filters it has made live on; those it was asked for and has not made never will.
    pub(crate) fn template_lost(&mut self, key: Key, end: End) {
        let waiting = |(_, via): &(Key, Option<Key>)| *via == Some(key);
        let unborn: Vec<(u32, Key)> = self
            .launches
            .iter()
            .filter(|(_, one)| waiting(one))
            .map(|(token, (process, _))| (*token, *process))
            .collect();
        for (token, process) in unborn {
            self.launches.remove(&token);
            self.died(process, End::Exit(fosse_die::EXIT_TEMPORARY));
        }
        if self.current.template != Some(key) {
            return;
        }
        self.current.template = None;
        if matches!(self.change, Change::Lanes { .. } | Change::Checking) {
            self.permanent = end == End::Exit(fosse_die::EXIT_PERMANENT);
            self.change_failed(&format!("template: {end}"));
        }
    }
}
