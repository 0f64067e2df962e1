use super::fake::{Control, LIMITS, eventually};
use super::*;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

fn engine() -> (Arc<Control>, Arc<Engine>) {
    let control = Arc::new(Control::default());
    let engine = Engine::start(vec![control.spec("one"), control.spec("two")], Some("two"), LIMITS).unwrap();
    (control, Arc::new(engine))
}

fn request(prompt: &str) -> ValidRequest {
    ValidRequest { model: None, work: fake::request(prompt) }
}

fn generate(engine: &Engine, prompt: &str) -> Result<Arc<Finished>> {
    engine.generate_blocking(request(prompt), Box::new(|_, _| ()))
}

/// Start a request on a thread of its own; it ends when the control opens.
fn in_background(
    engine: &Arc<Engine>,
    prompt: &'static str,
) -> std::thread::JoinHandle<Result<Arc<Finished>>> {
    let engine = engine.clone();
    std::thread::spawn(move || generate(&engine, prompt))
}

#[test]
fn a_result_is_made_and_kept() {
    let (control, engine) = engine();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let on_progress: OnProgress = Box::new({
        let seen = seen.clone();
        move |done, total| seen.lock().unwrap().push((done, total))
    });
    let finished = engine.generate_blocking(request("walk"), on_progress).unwrap();
    assert_eq!(finished.model, "two");
    assert_eq!(finished.generated.samples.len(), 1);
    assert_eq!(*seen.lock().unwrap(), (1..=20).map(|step| (step, 20)).collect::<Vec<_>>());
    assert_eq!(engine.find(&finished.id.to_string()).unwrap().id, finished.id);
    assert_eq!(engine.find("../etc/passwd").unwrap_err().code(), "unknown_motion");
    assert!(finished.total >= finished.queue);
    assert_eq!(control.loads.load(SeqCst), 1, "the other model is not loaded before it is needed");
}

#[test]
fn tokens_count_only_for_the_weights_that_they_came_from() {
    let (_, engine) = engine();
    let same = generate(&engine, "walk").unwrap();
    assert_eq!(same.codes.as_deref(), Some(&*"ab".repeat(32)));
    // As after an upgrade that brought other weights under the same name, and as of a program that noted nothing.
    for (codes, exact) in [(same.codes.clone(), true), (Some("cd".repeat(32)), false), (None, false)] {
        let id = MotionId::random().unwrap();
        let mut kept = Finished { id, codes, ..(*same).clone() };
        let tokens = crate::generate::Tokens::new(vec![1; kept.request.frames / 4 * 10]);
        kept.generated.samples[0].tokens = tokens;
        engine.store.put(Arc::new(kept));
        let body = format!(r#"{{"parent":"{id}","kind":"vary"}}"#);
        let edit = engine.prepare(RawEdit::from_json(body.as_bytes()).unwrap()).unwrap();
        assert_eq!(edit.work.source.tokens.is_some(), exact);
    }
}

#[test]
fn names_are_looked_up() {
    let (_, engine) = engine();
    let named = |name: &str| ValidRequest { model: Some(name.into()), ..request("walk") };
    let quiet = || Box::new(|_, _| ());
    assert_eq!(engine.generate_blocking(named("one"), quiet()).unwrap().model, "one");
    assert_eq!(engine.generate_blocking(named("three"), quiet()).unwrap_err().code(), "unknown_model");
    let control = Arc::new(Control::default());
    let start = |default| Engine::start(vec![control.spec("one")], default, LIMITS).map(|_| ());
    assert_eq!(start(Some("three")).unwrap_err().code(), "unknown_model");
    assert_eq!(Engine::start(vec![], None, LIMITS).map(|_| ()).unwrap_err().code(), "no_model");
}

#[test]
fn a_full_queue_refuses_and_recovers() {
    let (control, engine) = engine();
    let running = in_background(&engine, "wait");
    eventually("the first request to run", || control.started.load(SeqCst) == 1);
    let waiting = [in_background(&engine, "walk"), in_background(&engine, "walk")];
    let (_, health) = engine.health().nth(1).unwrap();
    assert_eq!(health.phase, Phase::Working);
    eventually("two requests to wait", || engine.health().nth(1).unwrap().1.waiting == 2);
    let refused = generate(&engine, "walk").unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Busy, "queue_full"));
    control.open.store(true, SeqCst);
    assert!(running.join().unwrap().is_ok());
    for request in waiting {
        assert!(request.join().unwrap().is_ok());
    }
    assert!(generate(&engine, "walk").is_ok());
}

#[test]
fn work_nobody_waits_for_is_stopped_or_skipped() {
    let (control, engine) = engine();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut running = Box::pin(engine.generate(request("wait")));
        let mut waiting = Box::pin(engine.generate(request("wait too")));
        let short = Duration::from_millis(100);
        assert!(tokio::time::timeout(short, &mut running).await.is_err());
        assert!(tokio::time::timeout(short, &mut waiting).await.is_err());
    });
    // Both futures are dropped: the first was running, the second waited.
    eventually("the work to be cancelled", || control.cancelled.load(SeqCst) == 1);
    assert!(generate(&engine, "walk").is_ok());
    assert_eq!(control.started.load(SeqCst), 2, "the request that waited never started");
}

#[test]
fn a_panic_ends_one_request_only() {
    let (control, engine) = engine();
    let error = generate(&engine, "panic").unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Internal, "model_failure"));
    assert!(!error.to_string().contains("secret"));
    assert!(generate(&engine, "walk").is_ok());
    assert_eq!(control.loads.load(SeqCst), 2, "the model was loaded afresh");
}

#[test]
fn a_panic_starts_the_thread_again_and_the_queue_goes_on() {
    let (control, engine) = engine();
    let health = || engine.health().nth(1).unwrap().1;
    let running = in_background(&engine, "wait");
    eventually("the first request to run", || control.started.load(SeqCst) == 1);
    let broken = in_background(&engine, "panic");
    eventually("the second to wait", || health().waiting == 1);
    let waiting = in_background(&engine, "walk");
    eventually("the third to wait", || health().waiting == 2);
    control.slow.store(true, SeqCst);
    control.open.store(true, SeqCst);
    assert!(running.join().unwrap().is_ok());
    assert_eq!(broken.join().unwrap().unwrap_err().code(), "model_failure");
    // Whoever knows of the panic finds a model that is not ready.
    assert_eq!((health().phase, health().restarts), (Phase::Loading, 1));
    assert!(!waiting.is_finished());
    control.slow.store(false, SeqCst);
    assert!(waiting.join().unwrap().is_ok(), "who waited is served by the new thread");
    assert_eq!((health().phase, health().restarts), (Phase::Ready, 1));
    assert_eq!(control.loads.load(SeqCst), 2);
}

#[test]
fn who_is_being_served_is_told_of_the_end_though_the_step_goes_on() {
    let (control, engine) = engine();
    let hanging = in_background(&engine, "hang");
    eventually("the request to run", || control.started.load(SeqCst) == 1);
    engine.stop();
    assert_eq!(hanging.join().unwrap().unwrap_err().code(), "shutting_down");
    control.open.store(true, SeqCst);
}

/// Panics on whatever thread drops it.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in the caller's own part");
    }
}

#[test]
fn what_a_caller_brings_along_cannot_end_the_model() {
    let (_, engine) = engine();
    let bomb = Bomb;
    let on_progress: OnProgress = Box::new(move |_, _| {
        let _held = &bomb;
    });
    let error = engine.generate_blocking(request("walk"), on_progress).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Internal, "model_failure"));
    let panics: OnProgress = Box::new(|done, _| assert!(done < 3, "enough"));
    assert_eq!(engine.generate_blocking(request("walk"), panics).unwrap_err().code(), "model_failure");
    assert!(generate(&engine, "walk").is_ok());
    assert_eq!(engine.health().nth(1).unwrap().1.restarts, 2);
}

#[test]
fn a_model_that_is_gone_after_a_panic_is_tried_again() {
    let (control, engine) = engine();
    assert!(generate(&engine, "walk").is_ok());
    control.broken.store(true, SeqCst);
    assert_eq!(generate(&engine, "panic").unwrap_err().code(), "model_failure");
    assert_eq!(generate(&engine, "walk").unwrap_err().code(), "model_not_ready");
    assert_eq!(engine.health().nth(1).unwrap().1.phase, Phase::Failed);
    control.broken.store(false, SeqCst);
    assert!(generate(&engine, "walk").is_ok());
    // Also where nobody asks for it.
    control.broken.store(true, SeqCst);
    assert_eq!(generate(&engine, "panic").unwrap_err().code(), "model_failure");
    eventually("the load to fail", || engine.health().nth(1).unwrap().1.phase == Phase::Failed);
    control.broken.store(false, SeqCst);
    eventually("the next try", || engine.health().nth(1).unwrap().1.phase == Phase::Ready);
}

#[test]
fn what_the_model_gives_is_checked() {
    let (control, engine) = engine();
    for prompt in ["nan", "infinite", "short", "fail"] {
        let error = generate(&engine, prompt).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Internal, "model_failure"), "{prompt}");
    }
    assert!(generate(&engine, "walk").is_ok());
    assert_eq!(engine.health().nth(1).unwrap().1.restarts, 4, "weights that went bad are loaded again");
    assert_eq!(control.loads.load(SeqCst), 5);
}

#[test]
fn a_model_that_cannot_be_loaded_is_tried_again() {
    let (control, engine) = engine();
    control.broken.store(true, SeqCst);
    assert_eq!(engine.load(None).unwrap_err().code(), "bad_digest");
    let error = generate(&engine, "walk").unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "model_not_ready"));
    assert!(!error.to_string().contains("secret"));
    assert_eq!(engine.health().nth(1).unwrap().1.phase, Phase::Failed);
    control.broken.store(false, SeqCst);
    assert!(generate(&engine, "walk").is_ok());
    assert_eq!(engine.health().nth(1).unwrap().1.phase, Phase::Ready);
}

#[test]
fn stopping_ends_running_and_waiting_requests() {
    let (control, engine) = engine();
    let running = in_background(&engine, "wait");
    eventually("the request to run", || control.started.load(SeqCst) == 1);
    let waiting = in_background(&engine, "walk");
    eventually("a request to wait", || engine.health().nth(1).unwrap().1.waiting == 1);
    engine.stop();
    assert_eq!(waiting.join().unwrap().unwrap_err().code(), "shutting_down");
    assert_eq!(running.join().unwrap().unwrap_err().code(), "shutting_down");
    assert_eq!(generate(&engine, "walk").unwrap_err().code(), "shutting_down");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_want_one_result_from_disk_get_one_copy() {
    let folder = tempfile::tempdir().unwrap();
    let control = Arc::new(Control::default());
    let keeping = Keeping::on_disk(folder.path(), ArchiveLimits::default(), JobLimits::default());
    let engine = Engine::start(vec![control.spec("one")], None, LIMITS).unwrap().keeping(keeping);
    let engine = Arc::new(engine);
    let made = engine.generate(request("walk")).await.unwrap();
    engine.store.remove(made.id);
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let (engine, id) = (engine.clone(), made.id.to_string());
            tokio::spawn(async move { engine.fetch(&id).await.unwrap() })
        })
        .collect();
    let mut copies = Vec::new();
    for caller in callers {
        copies.push(caller.await.unwrap());
    }
    assert_eq!(copies[0], made);
    assert!(copies.iter().all(|copy| Arc::ptr_eq(copy, &copies[0])));
}
