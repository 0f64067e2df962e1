use super::*;
use crate::engine::fake::{self, Control, LIMITS, eventually};
use crate::engine::{ArchiveLimits, Keeping, ValidRequest};
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;

struct Desk {
    control: Arc<Control>,
    engine: Arc<Engine>,
    jobs: Jobs,
}

impl Desk {
    fn new(limits: JobLimits) -> Self {
        Self::keeping(Keeping::Memory, limits)
    }

    fn on_disk(folder: &Path, limits: JobLimits) -> Self {
        Self::keeping(Keeping::on_disk(folder, ArchiveLimits::default(), limits), limits)
    }

    fn keeping(keeping: Keeping, limits: JobLimits) -> Self {
        let control = Arc::new(Control::default());
        let engine = Engine::start(vec![control.spec("one")], None, LIMITS).unwrap().keeping(keeping);
        Self { control, engine: Arc::new(engine), jobs: Jobs::new(limits) }
    }

    fn submit(&self, prompt: &str, order: Order) -> Result<(Arc<Job>, bool)> {
        let request = ValidRequest { model: None, work: fake::request(prompt) };
        self.jobs.submit(&self.engine, request.into(), order, || Ok(()))
    }

    fn job(&self, prompt: &str) -> Result<Arc<Job>> {
        self.submit(prompt, order()).map(|(job, _)| job)
    }

    fn state(&self, job: &Job) -> JobState {
        job.state(&self.engine)
    }
}

fn order() -> Order {
    Order { time: Duration::from_secs(60), ..Order::default() }
}

fn named(key: &str, fingerprint: u8, owner: Option<&str>) -> Order {
    let idempotency = Some(Idempotency { key: key.into(), fingerprint: [fingerprint; 32] });
    Order { idempotency, owner: owner.map(Into::into), ..order() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_runs_and_succeeds() {
    let desk = Desk::new(JobLimits::default());
    let running = desk.job("wait").unwrap();
    eventually("the first job to run", || desk.control.started.load(SeqCst) == 1);
    assert!(matches!(desk.state(&running), JobState::Running { step: 0, steps: 20 }));
    let (next, last) = (desk.job("walk").unwrap(), desk.job("walk").unwrap());
    assert!(matches!(desk.state(&next), JobState::Queued { position: 0 }));
    assert!(matches!(desk.state(&last), JobState::Queued { position: 1 }));
    assert_eq!(desk.job("walk").map(|_| ()).unwrap_err().code(), "queue_full");
    desk.control.open.store(true, SeqCst);
    for job in [&running, &next, &last] {
        job.ended().await;
        let JobState::Succeeded(id) = desk.state(job) else { panic!("{:?}", desk.state(job)) };
        assert!(desk.engine.find(&id.to_string()).is_ok());
    }
    assert_eq!(desk.jobs.find(&running.id().to_string(), None).unwrap().id(), running.id());
    assert_eq!(desk.jobs.count(), (0, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_frees_its_place_and_its_share() {
    let desk = Desk::new(JobLimits::default());
    let share = Arc::new(());
    let (job, _) = desk.submit("wait", Order { share: Some(Box::new(share.clone())), ..order() }).unwrap();
    eventually("the job to run", || desk.control.started.load(SeqCst) == 1);
    job.cancel();
    assert!(matches!(desk.state(&job), JobState::Cancelled));
    eventually("the work to stop", || desk.control.cancelled.load(SeqCst) == 1);
    eventually("the share to return", || Arc::strong_count(&share) == 1);
    let next = desk.job("walk").unwrap();
    next.ended().await;
    next.cancel();
    assert!(matches!(desk.state(&next), JobState::Succeeded(_)), "an end stays as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_order_is_the_same_job() {
    let desk = Desk::new(JobLimits::default());
    let (first, new) = desk.submit("walk", named("a", 1, None)).unwrap();
    assert!(new);
    let (again, new) = desk.submit("walk", named("a", 1, None)).unwrap();
    assert!(!new && again.id() == first.id());
    assert_eq!(
        desk.submit("run", named("a", 2, None)).map(|_| ()).unwrap_err().code(),
        "idempotency_key_reused"
    );
    let (other, new) = desk.submit("walk", named("a", 1, Some("anna"))).unwrap();
    assert!(new && other.id() != first.id(), "names are each owner's own");
    assert_eq!(desk.jobs.find(&other.id().to_string(), None).map(|_| ()).unwrap_err().code(), "unknown_job");
    assert!(desk.jobs.find(&other.id().to_string(), Some("anna")).is_ok());
    first.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_bounded_and_forgotten() {
    let desk = Desk::new(JobLimits { count: 1, age: Duration::from_millis(50) });
    let waiting = desk.job("wait").unwrap();
    assert_eq!(desk.job("walk").map(|_| ()).unwrap_err().code(), "too_many_jobs");
    desk.control.open.store(true, SeqCst);
    waiting.ended().await;
    let next = desk.job("walk").unwrap();
    assert!(desk.jobs.find(&waiting.id().to_string(), None).is_err(), "the oldest made room");
    next.ended().await;
    eventually("the job to be forgotten", || desk.jobs.count() == (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_fails_says_why() {
    let desk = Desk::new(JobLimits::default());
    for (prompt, time, code) in
        [("panic", 60_000, "model_failure"), ("nan", 60_000, "model_failure"), ("wait", 50, "took_too_long")]
    {
        let order = Order { time: Duration::from_millis(time), ..order() };
        let (job, _) = desk.submit(prompt, order).unwrap();
        job.ended().await;
        let JobState::Failed(error) = desk.state(&job) else { panic!("{prompt} did not fail") };
        assert_eq!(error.code(), code, "{prompt}");
    }
    eventually("the work to be cancelled", || desk.control.cancelled.load(SeqCst) == 1);
    let stopped = desk.job("wait").unwrap();
    desk.engine.stop();
    tokio::time::timeout(Duration::from_secs(5), desk.jobs.drained()).await.expect("an end at the stop");
    assert!(matches!(desk.state(&stopped), JobState::Failed(error) if error.code() == "shutting_down"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_refused_takes_nobodys_room() {
    let desk = Desk::new(JobLimits { count: 4, ..JobLimits::default() });
    let done = desk.job("walk").unwrap();
    done.ended().await;
    desk.job("wait").unwrap();
    eventually("the model to be at work", || desk.control.started.load(SeqCst) == 2);
    let last = [desk.job("walk").unwrap(), desk.job("walk").unwrap()];
    for _ in 0..3 {
        assert_eq!(desk.job("walk").map(|_| ()).unwrap_err().code(), "queue_full");
    }
    assert!(desk.jobs.find(&done.id().to_string(), None).is_ok(), "it made room for nobody");
    desk.control.open.store(true, SeqCst);
    for job in last {
        job.ended().await;
    }
    // Neither does one that its caller's limits refuse at last.
    let request = ValidRequest { model: None, work: fake::request("walk") };
    let spent = || Err(Error::new(ErrorKind::Busy, "rate_limited", "none left"));
    let refused = desk.jobs.submit(&desk.engine, request.into(), order(), spent).map(|_| ());
    assert_eq!(refused.unwrap_err().code(), "rate_limited");
    assert!(desk.jobs.find(&done.id().to_string(), None).is_ok());
    desk.job("walk").unwrap().ended().await;
    assert!(desk.jobs.find(&done.id().to_string(), None).is_err(), "the oldest made room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_came_to_nothing_may_come_again() {
    let desk = Desk::new(JobLimits::default());
    let ask = || desk.submit("walk", named("a", 1, None)).unwrap();
    desk.control.broken.store(true, SeqCst);
    let (failed, _) = ask();
    failed.ended().await;
    assert!(matches!(desk.state(&failed), JobState::Failed(error) if error.code() == "model_not_ready"));
    desk.control.broken.store(false, SeqCst);
    let (second, new) = ask();
    assert!(new && second.id() != failed.id());
    second.ended().await;
    let (again, new) = ask();
    assert!(!new && again.id() == second.id(), "the newest of the name counts");
    second.make_void();
    let (third, new) = ask();
    assert!(new, "its result is gone");
    third.ended().await;
    for id in [failed.id(), second.id()] {
        assert!(desk.jobs.find(&id.to_string(), None).is_ok(), "the jobs themselves stay");
    }
    // What took too long would only do so again.
    let slow = || Order { time: Duration::from_millis(20), ..named("b", 1, None) };
    let (late, _) = desk.submit("wait", slow()).unwrap();
    late.ended().await;
    assert!(matches!(desk.submit("wait", slow()), Ok((job, false)) if job.id() == late.id()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_cannot_be_written_down_has_never_been() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::on_disk(folder.path(), JobLimits { count: 2, ..JobLimits::default() });
    let done = desk.job("walk").unwrap();
    done.settled().await;
    let running = desk.job("wait").unwrap();
    running.begun().await;
    eventually("the model to be at work", || desk.control.started.load(SeqCst) == 2);
    desk.engine.fill_disk(true);
    let share = Arc::new(());
    // One more than the queue has places for.
    for _ in 0..3 {
        let order = Order { share: Some(Box::new(share.clone())), ..named("a", 1, None) };
        let (refused, new) = desk.submit("walk", order).unwrap();
        refused.begun().await;
        let error = refused.refusal().expect("a refusal");
        assert_eq!((new, error.kind(), error.code()), (true, ErrorKind::Unavailable, "job_not_kept"));
        assert_eq!(Arc::strong_count(&share), 1, "its caller's place is free again");
        let found = desk.jobs.find(&refused.id().to_string(), None).map(|_| ());
        assert_eq!(found.unwrap_err().code(), "unknown_job");
    }
    assert_eq!(desk.jobs.count(), (1, 2));
    assert!(desk.jobs.find(&done.id().to_string(), None).is_ok(), "they made room for nobody");

    desk.engine.fill_disk(false);
    // Another order of that name: nobody has taken it.
    let (job, new) = desk.submit("walk", named("a", 2, None)).unwrap();
    job.begun().await;
    assert!(new && job.refusal().is_none());
    assert!(desk.jobs.find(&done.id().to_string(), None).is_err(), "the oldest made room");
    desk.control.open.store(true, SeqCst);
    job.ended().await;
    assert!(matches!(desk.state(&job), JobState::Succeeded(_)));
    assert_eq!(desk.control.started.load(SeqCst), 3, "no model began with those that were refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_still_says_which_jobs_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::on_disk(folder.path(), JobLimits::default());
    let done = desk.job("walk").unwrap();
    done.settled().await;
    desk.engine.fill_disk(true);
    let later = Jobs::new(JobLimits::default());
    later.resume(&desk.engine).await;
    assert!(later.find(&done.id().to_string(), None).is_ok());
}
