//! The loop.

use std::convert::Infallible;

use fosse_counters::TURNS;
use fosse_die::EXIT_TEMPORARY;
use fosse_eventloop::{Event, Events, Interest};
use fosse_wire::start::ToStart;

use crate::{ExitReason, Order, Process};

/// Token of the conversation with start. A [`fosse_eventloop::slab::Key`] of kind 255 is the only
/// other way to it.
const START: u64 = u64::MAX;
/// Orders followed in one turn, so that a burst of them does not keep the peers waiting.
const ORDERS_TURN_MAX: usize = 16;

/// The job of a program. A turn is: wait, [`begin_turn`](Service::begin_turn),
/// [`on_start_message`](Service::on_start_message) for what start says,
/// [`on_event`](Service::on_event) for everything else that is ready, [`on_tick`](Service::on_tick)
/// about twice a second, [`end_turn`](Service::end_turn). Whichever returns an [`ExitReason`] ends
/// the process, after [`finish`](Service::finish).
pub trait Service {
    /// A turn begins: what is ready and the time are known, and nothing is worked on yet.
    fn begin_turn(&mut self, _process: &Process) {}

    /// Returns how many milliseconds the next turn may be waited for, where there is work that no
    /// descriptor announces.
    fn wait_ms_max(&self, _process: &Process) -> Option<u64> {
        None
    }

    /// A descriptor that the service watches is ready.
    ///
    /// # Errors
    /// The reason to end.
    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason>;

    /// start says something. [`Order::End`] must end the process, in this turn.
    ///
    /// # Errors
    /// The reason to end.
    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason>;

    /// Time limits are due for a look.
    ///
    /// # Errors
    /// The reason to end.
    fn on_tick(&mut self, _process: &Process) -> Result<(), ExitReason> {
        Ok(())
    }

    /// All events of the turn are worked on: one write to each peer.
    ///
    /// # Errors
    /// The reason to end.
    fn end_turn(&mut self, _process: &Process) -> Result<(), ExitReason> {
        Ok(())
    }

    /// The loop has ended. Does what is owed to those that are still there, in a bounded time, and
    /// returns the reason that the process ends with. start is not watched any more.
    fn finish(&mut self, _process: &mut Process, reason: ExitReason) -> ExitReason {
        reason
    }
}

impl Process {
    /// Makes the service, tells start that it is ready, and serves to the end of the process.
    pub fn serve<S: Service>(mut self, new: impl FnOnce(&Self) -> Result<S, ExitReason>) -> ! {
        let reason = self.serve_to_end(new);
        self.exit(reason)
    }

    fn exit(&self, reason: ExitReason) -> ! {
        match reason {
            ExitReason::Done => {}
            ExitReason::Drained => self.tell_start(ToStart::Drained),
            ExitReason::Failed(why) => fosse_die::temporary(self.program, why),
            ExitReason::Reported => std::process::exit(EXIT_TEMPORARY),
        }
        std::process::exit(0)
    }

    fn serve_to_end<S: Service>(&mut self, new: impl FnOnce(&Self) -> Result<S, ExitReason>) -> ExitReason {
        let mut service = match new(self) {
            Ok(service) => service,
            Err(reason) => return reason,
        };
        let Err(reason) = self.run(&mut service);
        if let Some(start) = &self.start.0 {
            // A start that is gone is always ready and would keep `finish` awake. That it was not
            // watched yet does no harm.
            let _ = self.event_loop.remove(start);
        }
        service.finish(self, reason)
    }

    fn run(&mut self, service: &mut impl Service) -> Result<Infallible, ExitReason> {
        if let Some(start) = &self.start.0 {
            self.event_loop.add(start, START, Interest::IN)?;
        }
        self.tell_start(ToStart::Ready);
        let mut events = Events::new();
        loop {
            self.turn(service, &mut events)?;
        }
    }

    fn turn(&mut self, service: &mut impl Service, events: &mut Events) -> Result<(), ExitReason> {
        let wait_ms_max = service.wait_ms_max(self);
        self.event_loop.poll_once(events, wait_ms_max)?;
        self.counters.add(TURNS, 1);
        service.begin_turn(self);
        // start's word counts before anybody else's: a list that refuses an address has arrived
        // before the connection does that it refuses.
        if events.iter().any(|event| event.token == START) {
            self.follow_orders(service)?;
        }
        for event in events.iter().filter(|event| event.token != START) {
            service.on_event(self, event)?;
        }
        if self.event_loop.ticked() {
            self.count_tick();
            service.on_tick(self)?;
        }
        service.end_turn(self)
    }

    fn follow_orders(&self, service: &mut impl Service) -> Result<(), ExitReason> {
        for _ in 0..ORDERS_TURN_MAX {
            match self.start.next()? {
                None => return Ok(()),
                Some(Order::End) => return service.on_start_message(self, Order::End),
                Some(order) => service.on_start_message(self, order)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::start::Start;
    use fosse_counters::Counters;
    use fosse_eventloop::EventLoop;
    use fosse_fdpass::{Received, receive, send};
    use fosse_wire::start::{MESSAGE_BYTES, ToChild};
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    /// Notes what it is told; ends when told to drain, fails when start is gone.
    #[derive(Default)]
    struct Notes {
        said: Vec<String>,
        peer: Option<OwnedFd>,
        /// The reason in place of every other one.
        last: Option<ExitReason>,
    }

    impl Service for Notes {
        fn wait_ms_max(&self, _: &Process) -> Option<u64> {
            Some(0)
        }

        fn begin_turn(&mut self, process: &Process) {
            self.said.push(format!("turn {}", process.counters.get(TURNS)));
        }

        fn on_event(&mut self, _: &Process, event: Event) -> Result<(), ExitReason> {
            self.said.push(format!("event {}", event.token));
            Ok(())
        }

        fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
            match order {
                Order::Drain => return Err(ExitReason::Drained),
                Order::End => return Err(ExitReason::Failed("start is gone".to_owned())),
                Order::Tell(message) => self.said.push(format!("{message:?}")),
                Order::Give(message, _) => self.said.push(format!("{message:?} and a descriptor")),
            }
            Ok(())
        }

        fn finish(&mut self, process: &mut Process, reason: ExitReason) -> ExitReason {
            let mut events = Events::new();
            process.event_loop.poll_once(&mut events, Some(0)).unwrap();
            assert_eq!(events.iter().count(), 0, "start is watched still");
            self.last.take().unwrap_or(reason)
        }
    }

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
    }

    /// A process with start's end of their conversation.
    fn process() -> (Process, OwnedFd) {
        let (start, ours) = pair();
        let event_loop = EventLoop::new().unwrap().without_linger();
        let process =
            Process { event_loop, counters: Counters::private().into(), program: "test", start: Start(Some(ours)) };
        (process, start)
    }

    fn order(start: &OwnedFd, message: ToChild) {
        send(start, &message.encode(), &[]).unwrap();
    }

    #[test]
    fn a_program_is_ready_once_its_service_is_made_and_drains_when_told() {
        let (mut process, start) = process();
        order(&start, ToChild::Drain);
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        let new = |_: &Process| {
            assert!(matches!(receive(&start, &mut bytes, &mut fds), Ok(Received::Nothing)), "ready before it is made");
            Ok(Notes::default())
        };
        assert_eq!(process.serve_to_end(new), ExitReason::Drained);
        assert!(matches!(receive(&start, &mut bytes, &mut fds), Ok(Received::Message(MESSAGE_BYTES))));
        assert_eq!(ToStart::decode(&bytes), Ok(ToStart::Ready));
    }

    #[test]
    fn a_service_that_cannot_be_made_is_never_ready() {
        let (mut process, start) = process();
        let failed = process.serve_to_end(|_| Err::<Notes, _>(ExitReason::Done));
        assert_eq!(failed, ExitReason::Done);
        assert!(matches!(receive(&start, &mut [0; MESSAGE_BYTES], &mut Vec::new()), Ok(Received::Nothing)));
    }

    #[test]
    fn a_service_has_the_last_word_and_start_that_is_gone_does_not_keep_it_awake() {
        let (mut process, start) = process();
        drop(start);
        let new = |_: &Process| Ok(Notes { last: Some(ExitReason::Reported), ..Notes::default() });
        assert_eq!(process.serve_to_end(new), ExitReason::Reported);
    }

    fn turn(process: &mut Process, notes: &mut Notes) -> Result<(), ExitReason> {
        process.turn(notes, &mut Events::new())
    }

    /// Watched as [`Process::serve`] does it.
    fn watch_start(process: &Process) {
        process.event_loop.add(process.start.0.as_ref().unwrap(), START, Interest::IN).unwrap();
    }

    #[test]
    fn start_is_heard_before_everybody_else_and_every_turn_is_counted() {
        let (mut process, start) = process();
        let (theirs, ours) = pair();
        let mut notes = Notes { peer: Some(ours), ..Notes::default() };
        // Watched first, so epoll reports it first.
        process.event_loop.add(notes.peer.as_ref().unwrap(), 7, Interest::IN).unwrap();
        watch_start(&process);
        send(&theirs, b"x", &[]).unwrap();
        order(&start, ToChild::LaneDrain { lane: 3 });
        send(&start, &ToChild::Strikes.encode(), &[std::os::fd::AsFd::as_fd(&theirs)]).unwrap();
        turn(&mut process, &mut notes).unwrap();
        assert_eq!(notes.said, ["turn 1", "LaneDrain { lane: 3 }", "Strikes and a descriptor", "event 7"]);
    }

    #[test]
    fn orders_of_one_turn_are_bounded_and_the_rest_comes_with_the_next() {
        let (mut process, start) = process();
        watch_start(&process);
        let mut notes = Notes::default();
        for _ in 0..2 * ORDERS_TURN_MAX {
            order(&start, ToChild::LaneDrain { lane: 1 });
        }
        for turns in 1..=2 {
            turn(&mut process, &mut notes).unwrap();
            assert_eq!(notes.said.len(), turns * (1 + ORDERS_TURN_MAX));
        }
    }

    #[test]
    fn what_start_cannot_have_said_ends_the_process() {
        for bytes in [&[0u8; MESSAGE_BYTES][..], b"short", &ToChild::Strikes.encode()] {
            let (mut process, start) = process();
            watch_start(&process);
            send(&start, bytes, &[]).unwrap();
            let ended = turn(&mut process, &mut Notes::default());
            assert_eq!(ended, Err(ExitReason::Failed("start broke the protocol".to_owned())));
        }
    }

    #[test]
    fn the_end_of_start_is_heard_after_its_last_words() {
        let (mut process, start) = process();
        watch_start(&process);
        order(&start, ToChild::PageDrop { pid: 9 });
        drop(start);
        let mut notes = Notes::default();
        assert_eq!(turn(&mut process, &mut notes), Err(ExitReason::Failed("start is gone".to_owned())));
        assert_eq!(notes.said, ["turn 1", "PageDrop { pid: 9 }"]);
    }

    #[test]
    fn a_program_in_a_shell_has_no_start_and_serves_all_the_same() {
        let (mut process, _) = process();
        process.start = Start(None);
        turn(&mut process, &mut Notes::default()).unwrap();
        process.tell_start(ToStart::Ready);
    }
}
