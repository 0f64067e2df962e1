//! A watch over a model's thread. Nothing stops a thread that hangs; but those who wait on it can be told, and another thread can take
//! over the queue. When the first wakes, it finds its callers answered and another in its place, and ends.

use super::worker::{Desk, hung};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that hang, each with a model in memory, before none is started any more: what hangs again and again is not mended by a thread.
/// Then the model stays hung, `/livez` says so, and a supervisor starts the process anew.
const MOST_HUNG: usize = 2;

/// Look at the desk's thread from now on, until the desk is gone; one that shows no sign of life for `stall` is taken for hung.
pub(super) fn over(desk: &Arc<Desk>, stall: Duration) -> std::io::Result<()> {
    let desk = Arc::downgrade(desk);
    let every = (stall / 8).clamp(Duration::from_millis(5), Duration::from_secs(1));
    thread::Builder::new().name("watch".into()).spawn(move || look(&desk, stall, every)).map(drop)
}

/// Whether no further thread is started for one that hangs.
pub(super) fn is_at_its_end(desk: &Desk) -> bool {
    desk.hung_threads() >= MOST_HUNG
}

fn look(desk: &Weak<Desk>, stall: Duration, every: Duration) {
    let mut awake = Awake { since: Instant::now() };
    loop {
        let slept = Instant::now();
        thread::sleep(every);
        let Some(desk) = desk.upgrade() else { return };
        if desk.queue.is_closed() {
            return;
        }
        let now = Instant::now();
        awake.noticed(slept, now, every + stall / 2);
        if awake.lasts(now, stall) && !is_at_its_end(&desk) {
            take_over(&desk, stall);
        }
    }
}

/// How long the process as a whole has not stood still (a paused machine, a debugger): before, the model had no chance to show life.
struct Awake {
    since: Instant,
}

impl Awake {
    /// A nap that began at `slept` is over `now`; had the process been awake, it would have taken `longest` at most.
    fn noticed(&mut self, slept: Instant, now: Instant, longest: Duration) {
        if now - slept > longest {
            self.since = now;
        }
    }

    /// Whether it has been awake for as long as a thread may show no life.
    fn lasts(&self, now: Instant, stall: Duration) -> bool {
        now - self.since >= stall
    }
}

/// Not ready first, then the callers, then the next thread.
fn take_over(desk: &Arc<Desk>, stall: Duration) {
    let Some((in_flight, heir)) = desk.give_up(stall) else { return };
    tracing::error!(model = desk.name(), requests = in_flight.len(), "the model hangs: no step for too long");
    in_flight.iter().for_each(|reply| reply.send(Err(hung())));
    desk.start_again(heir);
}

#[cfg(test)]
mod tests {
    use super::{Awake, MOST_HUNG};
    use crate::engine::fake::{self, Control, LIMITS, eventually};
    use crate::engine::{Engine, Finished, Health, Limits, Phase, ValidRequest};
    use crate::error::Result;
    use std::sync::Arc;
    use std::sync::atomic::Ordering::SeqCst;
    use std::thread::JoinHandle;
    use std::time::{Duration, Instant};

    struct House {
        control: Arc<Control>,
        engine: Arc<Engine>,
    }

    impl House {
        fn new(together: bool) -> Self {
            let control = Arc::new(Control::default());
            control.together.store(together, SeqCst);
            let limits = Limits { queue: 8, stall: Some(Duration::from_millis(80)), ..LIMITS };
            let engine = Arc::new(Engine::start(vec![control.spec("one")], None, limits).unwrap());
            Self { control, engine }
        }

        fn ask(&self, prompt: &str) -> JoinHandle<Result<Arc<Finished>>> {
            let (engine, work) = (self.engine.clone(), fake::request(prompt));
            std::thread::spawn(move || {
                engine.generate_blocking(ValidRequest { model: None, work }, Box::new(|_, _| ()))
            })
        }

        fn health(&self) -> Health {
            self.engine.health().next().unwrap().1
        }

        fn starts(&self, requests: usize) {
            eventually("the request to run", || self.control.started.load(SeqCst) == requests);
        }
    }

    #[test]
    fn a_pause_of_the_whole_process_is_no_hang() {
        let (begun, second) = (Instant::now(), Duration::from_secs(1));
        let mut awake = Awake { since: begun };
        awake.noticed(begun, begun + second, 2 * second);
        assert!(!awake.lasts(begun + second, 4 * second) && awake.lasts(begun + 4 * second, 4 * second));
        let woken = begun + 60 * second;
        awake.noticed(begun + second, woken, 2 * second);
        assert!(!awake.lasts(woken, 4 * second), "after a minute's pause the model has all its time again");
        assert!(awake.lasts(woken + 4 * second, 4 * second));
    }

    #[test]
    fn callers_of_a_thread_that_hangs_are_told_and_another_serves_the_rest() {
        for together in [false, true] {
            let house = House::new(together);
            let hung = house.ask("hang");
            house.starts(1);
            let waiting = house.ask("walk");
            assert_eq!(hung.join().unwrap().unwrap_err().code(), "model_failure");
            waiting.join().unwrap().unwrap();
            assert_eq!(house.health().restarts, 1);
            // The first thread comes back: it serves nobody and says nothing of itself.
            house.control.open.store(true, SeqCst);
            eventually("the first thread to stop", || house.control.cancelled.load(SeqCst) == 1);
            house.ask("walk").join().unwrap().unwrap();
            let health = house.health();
            assert_eq!((health.phase, health.restarts), (Phase::Ready, 1));
            assert_eq!(house.control.loads.load(SeqCst), 2);
        }
    }

    #[test]
    fn who_is_slow_but_steady_does_not_hang() {
        let house = House::new(false);
        // Steps come, each within the time.
        let slow = house.ask("wait");
        house.starts(1);
        std::thread::sleep(Duration::from_millis(200));
        house.control.open.store(true, SeqCst);
        slow.join().unwrap().unwrap();
        assert_eq!(house.health().restarts, 0);
    }

    #[test]
    fn what_hangs_again_and_again_stays_hung() {
        let house = House::new(false);
        for k in 1..=MOST_HUNG {
            let hung = house.ask("hang");
            house.starts(k);
            assert_eq!(hung.join().unwrap().unwrap_err().code(), "model_failure");
        }
        assert!(!house.health().is_watched, "nobody helps any more");
        let last = house.ask("hang apart");
        house.starts(MOST_HUNG + 1);
        eventually("nobody to help", || house.health().quiet > Duration::from_millis(300));
        let health = house.health();
        assert_eq!((health.phase, health.restarts), (Phase::Working, MOST_HUNG as u64));
        // Before those that hang beside it: they would make room for another thread, which might take its place.
        house.control.apart.store(true, SeqCst);
        last.join().unwrap().unwrap();
        house.control.open.store(true, SeqCst);
    }

    #[test]
    fn what_is_no_motion_is_a_reason_to_load_again() {
        // As the model says it of itself, and as it shows.
        for prompt in ["fail", "nan"] {
            for together in [false, true] {
                let house = House::new(together);
                assert_eq!(house.ask(prompt).join().unwrap().unwrap_err().code(), "model_failure");
                house.ask("walk").join().unwrap().unwrap();
                assert_eq!((house.health().restarts, house.control.loads.load(SeqCst)), (1, 2), "{prompt}");
            }
        }
    }

    #[test]
    fn those_beside_what_is_no_motion_finish_and_nobody_comes_in() {
        let house = House::new(true);
        let beside = house.ask("wait");
        house.starts(1);
        assert_eq!(house.ask("nan").join().unwrap().unwrap_err().code(), "model_failure");
        assert_eq!(house.health().phase, Phase::Loading, "not ready, whatever is still in flight");
        let next = house.ask("walk");
        eventually("the next to wait", || house.health().waiting == 1);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(house.control.started.load(SeqCst), 2);
        house.control.open.store(true, SeqCst);
        beside.join().unwrap().unwrap();
        next.join().unwrap().unwrap();
        assert_eq!((house.health().restarts, house.control.loads.load(SeqCst)), (1, 2));
    }
}
