//! Callers with keys among each other: whose turn it is, and who removes whose results.

use super::*;
use crate::server::keys;

/// A service that two have keys of, and the headers that say so.
struct Shared {
    house: Arc<House>,
    farm: String,
    anna: String,
}

impl Shared {
    fn new(queue: usize) -> Self {
        let ((farm, farm_hash), (anna, anna_hash)) = (keys::draw().unwrap(), keys::draw().unwrap());
        let keys = [("farm", farm_hash), ("anna", anna_hash)]
            .map(|(name, hash)| Key::new(name, &hash, None, None).unwrap())
            .into();
        let house = House::under(Policy { keys, ..policy() }, Limits { queue, ..LIMITS });
        Self { house: Arc::new(house), farm: format!("Bearer {farm}"), anna: format!("Bearer {anna}") }
    }

    async fn prompt(&self, key: &str, prompt: &str, prefer: &str) -> Answer {
        let mut asked = generate_request(json!({ "prompt": prompt }).to_string());
        asked.headers_mut().insert("authorization", key.parse().unwrap());
        asked.headers_mut().insert("prefer", prefer.parse().unwrap());
        self.house.send(asked).await
    }

    async fn job(&self, key: &str, prompt: &str) -> Answer {
        self.prompt(key, prompt, "respond-async").await
    }

    async fn ask(&self, key: &str, method: Method, path: &str) -> Answer {
        self.house.send(request(method, path).header("authorization", key).body(Body::empty()).unwrap()).await
    }

    async fn position(&self, key: &str, job: &Answer) -> Value {
        self.ask(key, Method::GET, job.header("location")).await.json()["position"].take()
    }

    fn waiting(&self) -> usize {
        self.house.engine.health().next().unwrap().1.waiting
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_one_key_delays_another_by_no_more_than_a_turn() {
    let shared = Arc::new(Shared::new(6));
    let control = &shared.house.control;
    let first = shared.job(&shared.farm, "step by step").await;
    eventually("the farm's first to run", || control.started.load(SeqCst) == 1);
    let mut storm = Vec::new();
    for place in 0..6 {
        let job = shared.job(&shared.farm, "wait").await;
        assert_eq!((job.status, &job.json()["position"]), (StatusCode::ACCEPTED, &place.into()));
        storm.push(job);
    }
    shared.job(&shared.farm, "wait").await.is_problem(429, "queue_full");

    // Full for the farm only: one asks on the line, another has a job.
    let asked = tokio::spawn({
        let shared = shared.clone();
        async move { shared.prompt(&shared.anna, "walk", "wait=1").await }
    });
    eventually("anna's to wait", || shared.waiting() == 7);
    let later = shared.job(&shared.anna, "walk").await;
    assert_eq!(later.json()["position"], 2, "hers, one of the farm's, hers");
    assert_eq!(shared.position(&shared.farm, &storm[0]).await, 1);
    assert_eq!(shared.position(&shared.farm, &storm[1]).await, 3);
    shared.job(&shared.farm, "wait").await.is_problem(429, "queue_full");

    // Once the one that runs is done it is her turn, before six who came earlier and would hold the model.
    control.steps.store(1000, SeqCst);
    assert_eq!(asked.await.unwrap().status, StatusCode::OK);
    eventually("the farm's next to run", || control.started.load(SeqCst) == 3);
    assert_eq!(shared.position(&shared.anna, &later).await, 0);
    control.open.store(true, SeqCst);
    for (key, job) in
        storm.iter().chain([&first]).map(|job| (&shared.farm, job)).chain([(&shared.anna, &later)])
    {
        let mut state = Value::Null;
        for _ in 0..500 {
            state = shared.ask(key, Method::GET, job.header("location")).await.json()["state"].take();
            if state == "succeeded" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(state, "succeeded");
    }
}

#[tokio::test]
async fn results_are_removed_by_who_asked_for_them() {
    let shared = Shared::new(2);
    let made = shared.prompt(&shared.farm, "walk", "wait=1").await.json();
    let address = format!("/motions/{}", made["id"].as_str().unwrap());
    let file = made["samples"][0]["files"].as_object().unwrap().values().next().unwrap().as_str().unwrap();
    shared
        .house
        .send(request(Method::DELETE, &address).body(Body::empty()).unwrap())
        .await
        .is_problem(401, "unauthorized");
    shared.ask(&shared.anna, Method::DELETE, &address).await.is_problem(404, "unknown_motion");
    assert_eq!(
        shared.ask(&shared.anna, Method::GET, &address).await.status,
        StatusCode::OK,
        "who knows its name sees it"
    );
    let gone = shared.ask(&shared.farm, Method::DELETE, &address).await;
    assert_eq!((gone.status, gone.body.len()), (StatusCode::NO_CONTENT, 0));
    for (method, path) in [(Method::GET, &*address), (Method::GET, file), (Method::DELETE, &*address)] {
        shared.ask(&shared.farm, method, path).await.is_problem(404, "unknown_motion");
    }
    shared.ask(&shared.farm, Method::DELETE, "/motions/..%2f..").await.is_problem(404, "unknown_motion");
    assert_eq!(shared.ask(&shared.farm, Method::GET, "/motions").await.json()["motions"], json!([]));
}
