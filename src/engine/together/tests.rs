use super::Batch;
use crate::engine::fake::{self, Control, LIMITS, eventually};
use crate::engine::{Engine, Finished, Limits, OnBatch, Parent, Phase, RawEdit, ValidRequest};
use crate::error::Result;
use crate::generate::GenerateRequest;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Tokens of [`fake::request`]: 22 token frames of two people, twice.
const ONE: usize = 440;

type Answer = JoinHandle<Result<Arc<Finished>>>;

struct Desk {
    control: Arc<Control>,
    engine: Arc<Engine>,
    /// All that was in flight.
    batches: Arc<Mutex<Vec<Batch>>>,
}

impl Desk {
    fn new(batch_tokens: usize) -> Self {
        let control = Arc::new(Control::default());
        control.together.store(true, SeqCst);
        let limits = Limits { queue: 8, batch_tokens, ..LIMITS };
        let engine = Arc::new(Engine::start(vec![control.spec("one")], None, limits).unwrap());
        let batches = Arc::new(Mutex::new(Vec::new()));
        let seen = batches.clone();
        let on_batch: OnBatch = Arc::new(move |_, batch| seen.lock().unwrap().push(batch));
        engine.on_batch(&on_batch);
        Self { control, engine, batches }
    }

    /// Ask on a thread of its own.
    fn ask(&self, prompt: &str) -> Answer {
        self.ask_for(fake::request(prompt))
    }

    fn ask_for(&self, work: GenerateRequest) -> Answer {
        let engine = self.engine.clone();
        std::thread::spawn(move || {
            engine.generate_blocking(ValidRequest { model: None, work }, Box::new(|_, _| ()))
        })
    }

    /// Wait until so many have started and so many wait.
    fn reach(&self, started: usize, waiting: usize) {
        eventually(&format!("{started} started and {waiting} waiting"), || {
            (self.control.started.load(SeqCst), self.waiting()) == (started, waiting)
        });
    }

    fn waiting(&self) -> usize {
        self.engine.health().next().unwrap().1.waiting
    }

    /// Wait until another step is made, of so many requests.
    fn flies(&self, requests: usize) {
        let before = self.batches.lock().unwrap().len();
        eventually(&format!("a step of {requests}"), || {
            self.batches.lock().unwrap().iter().skip(before + 1).any(|batch| batch.requests == requests)
        });
    }

    fn most(&self) -> Batch {
        *self.batches.lock().unwrap().iter().max_by_key(|batch| batch.requests).unwrap()
    }

    fn open(&self) {
        self.control.open.store(true, SeqCst);
    }
}

#[test]
fn what_has_room_flies_together_and_the_others_wait_in_order() {
    let desk = Desk::new(2 * ONE);
    let flying = [desk.ask("wait"), desk.ask("wait")];
    desk.reach(2, 0);
    let larger = desk.ask_for(GenerateRequest { samples: 2, ..fake::request("walk") });
    desk.reach(2, 1);
    let smaller = desk.ask_for(GenerateRequest { frames: 16, ..fake::request("walk") });
    desk.reach(2, 2);
    desk.flies(2);
    desk.reach(2, 2);
    desk.open();
    for answer in flying.into_iter().chain([larger, smaller]) {
        assert!(answer.join().unwrap().is_ok());
    }
    assert_eq!(desk.most(), Batch { requests: 2, tokens: 2 * ONE });
    assert_eq!(desk.engine.health().next().unwrap().1.phase, Phase::Ready);
}

#[test]
fn whoever_is_done_leaves_and_another_comes_in() {
    let desk = Desk::new(2 * ONE);
    let long = desk.ask("wait");
    desk.reach(1, 0);
    for _ in 0..3 {
        let short = desk.ask("walk").join().unwrap().unwrap();
        assert_eq!(short.generated.samples.len(), 1);
        assert!(!long.is_finished());
    }
    desk.open();
    assert!(long.join().unwrap().is_ok());
    assert_eq!(desk.most().requests, 2);
}

#[test]
fn a_request_beyond_the_budget_runs_alone() {
    let desk = Desk::new(ONE - 1);
    let alone = desk.ask("wait");
    desk.reach(1, 0);
    let next = desk.ask("walk");
    desk.reach(1, 1);
    desk.flies(1);
    desk.reach(1, 1);
    desk.open();
    assert!(alone.join().unwrap().is_ok() && next.join().unwrap().is_ok());
    assert_eq!(desk.most().requests, 1);
}

#[test]
fn without_a_budget_requests_run_one_by_one() {
    let desk = Desk::new(0);
    let one = desk.ask("wait");
    desk.reach(1, 0);
    let next = desk.ask("walk");
    desk.reach(1, 1);
    desk.open();
    assert!(one.join().unwrap().is_ok() && next.join().unwrap().is_ok());
    assert!(desk.batches.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_whose_caller_leaves_is_gone_at_the_next_step() {
    let desk = Desk::new(3 * ONE);
    let asked = || ValidRequest { model: None, work: fake::request("wait") };
    let submit = || desk.engine.submit(asked().into()).unwrap();
    let [first, second, third] = [submit(), submit(), submit()];
    desk.reach(3, 0);
    drop(second);
    desk.flies(2);
    assert_eq!(desk.control.cancelled.load(SeqCst), 1);
    desk.open();
    assert!(desk.engine.result(first).await.is_ok());
    assert!(desk.engine.result(third).await.is_ok());
    assert_eq!(desk.control.cancelled.load(SeqCst), 1);
}

#[test]
fn an_edit_waits_for_those_in_flight_and_lets_nobody_past() {
    let desk = Desk::new(8 * ONE);
    let before = desk.ask("wait");
    desk.reach(1, 0);
    let raw = RawEdit::from_json(br#"{"kind":"vary","prompt":"walk"}"#).unwrap();
    let edit = desk.engine.prepare_from(raw, Parent::of(&fake::finished(88, 1), 0).unwrap()).unwrap();
    let engine = desk.engine.clone();
    let edit = std::thread::spawn(move || engine.edit_blocking(edit, Box::new(|_, _| ())));
    desk.reach(1, 1);
    let after = desk.ask("walk");
    desk.reach(1, 2);
    desk.flies(1);
    desk.reach(1, 2);
    desk.open();
    assert!(before.join().unwrap().is_ok());
    assert!(edit.join().unwrap().is_ok());
    assert!(after.join().unwrap().is_ok());
    assert_eq!(desk.most().requests, 1, "neither flew beside the edit");
}

#[test]
fn what_fails_fails_alone() {
    let desk = Desk::new(8 * ONE);
    let neighbour = desk.ask("wait");
    desk.reach(1, 0);
    // The model's own failure comes last: after it nobody is let in.
    for (prompt, code) in [("file", "file_not_found"), ("fail", "model_failure")] {
        let error = desk.ask(prompt).join().unwrap().unwrap_err();
        assert_eq!(error.code(), code, "{prompt}");
        assert!(!neighbour.is_finished());
    }
    desk.open();
    assert!(neighbour.join().unwrap().is_ok());
    assert!(desk.ask("walk").join().unwrap().is_ok(), "a new thread serves");
    assert_eq!(desk.engine.health().next().unwrap().1.restarts, 1);
}

#[test]
fn a_panic_fails_those_in_flight_and_the_model_goes_on() {
    let desk = Desk::new(2 * ONE);
    let neighbour = desk.ask("wait");
    desk.reach(1, 0);
    assert_eq!(desk.ask("panic").join().unwrap().unwrap_err().code(), "model_failure");
    assert_eq!(neighbour.join().unwrap().unwrap_err().code(), "model_failure");
    assert!(desk.ask("walk").join().unwrap().is_ok(), "a new thread serves");
    assert_eq!(desk.engine.health().next().unwrap().1.restarts, 1);
    assert_eq!(desk.control.loads.load(SeqCst), 2);
}

#[test]
fn what_a_caller_brings_along_cannot_end_the_model() {
    /// Panics on whatever thread drops it.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the caller's own part");
        }
    }
    let desk = Desk::new(8 * ONE);
    let bomb = Bomb;
    let request = || ValidRequest { model: None, work: fake::request("walk") };
    let held = Box::new(move |_, _| {
        let _held = &bomb;
    });
    assert_eq!(desk.engine.generate_blocking(request(), held).unwrap_err().code(), "model_failure");
    assert!(desk.engine.generate_blocking(request(), Box::new(|_, _| ())).is_ok());
    assert_eq!(desk.engine.health().next().unwrap().1.restarts, 1);
}

#[test]
fn stopping_answers_everybody() {
    let desk = Desk::new(2 * ONE);
    let flying = [desk.ask("wait"), desk.ask("wait")];
    desk.reach(2, 0);
    let waiting = desk.ask("walk");
    desk.reach(2, 1);
    desk.engine.stop();
    for answer in flying.into_iter().chain([waiting]) {
        assert_eq!(answer.join().unwrap().unwrap_err().code(), "shutting_down");
    }
    eventually("the work to end", || desk.control.cancelled.load(SeqCst) == 2);
}

#[test]
fn progress_is_told_once_a_step_and_to_its_own_caller() {
    let desk = Desk::new(8 * ONE);
    let neighbour = desk.ask("wait");
    desk.reach(1, 0);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let on_progress = Box::new(move |done, total| told.lock().unwrap().push((done, total)));
    let request = ValidRequest { model: None, work: fake::request("walk") };
    desk.engine.generate_blocking(request, on_progress).unwrap();
    assert_eq!(*seen.lock().unwrap(), (0..=20).map(|step| (step, 20)).collect::<Vec<_>>());
    desk.open();
    assert!(neighbour.join().unwrap().is_ok());
}
