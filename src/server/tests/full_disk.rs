//! A disk that takes no more: what is answered then, and what is there after the end of the process.

use super::archive::{close, ended, open, submit};
use super::jobs::delete;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_promised_that_the_disk_does_not_take() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path()).await;
    house.engine.fill_disk(true);
    for _ in 0..3 {
        let refused = submit(&house, "walk", "a").await;
        refused.is_problem(503, "job_not_kept");
        assert_eq!((refused.header("retry-after"), refused.header("location")), ("2", ""));
    }
    // Neither is one that is waited for: its name is a promise, too.
    let mut named = generate_request(r#"{"prompt":"walk"}"#);
    named.headers_mut().insert("idempotency-key", "b".parse().unwrap());
    house.send(named).await.is_problem(503, "job_not_kept");
    // An answer that holds the motion needs no disk.
    let made = house.prompt("walk").await;
    assert_eq!(made.status, StatusCode::OK);
    let in_memory = format!("/motions/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(house.get(&in_memory).await.body, made.body);
    let figures = String::from_utf8(house.get("/metrics").await.body.to_vec()).unwrap();
    for line in [
        "duet_archive_failures_total{operation=\"job\"} 4",
        "duet_archive_failures_total{operation=\"result\"} 1",
        "duet_jobs_known 0",
    ] {
        assert!(figures.contains(line), "{line}: {figures}");
    }

    house.engine.fill_disk(false);
    let job = submit(&house, "walk", "a").await;
    assert_eq!(job.status, StatusCode::ACCEPTED, "the name was not taken");
    let before = ended(&house, job.header("location")).await;
    assert_eq!(before["state"], "succeeded");
    close(house).await;

    let house = open(folder.path()).await;
    assert_eq!(ended(&house, job.header("location")).await["links"], before["links"]);
    assert_eq!(house.get(before["links"]["motion"].as_str().unwrap()).await.status, StatusCode::OK);
    house.get(&in_memory).await.is_problem(404, "unknown_motion");
    assert_eq!(house.control.started.load(SeqCst), 0, "what was refused is not done later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_result_found_no_room_is_done_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path()).await;
    // There is room for rows, and none for files.
    std::fs::remove_dir_all(folder.path().join("motions")).unwrap();
    let job = submit(&house, "walk", "a").await;
    assert_eq!(job.status, StatusCode::ACCEPTED);
    let address = job.header("location");
    let before = ended(&house, address).await;
    assert_eq!(before["state"], "succeeded");
    let motion = before["links"]["motion"].as_str().unwrap();
    let shown = house.get(motion).await.json();
    assert_eq!(house.engine.kept().unwrap().kept, 0);
    close(house).await;

    let house = open(folder.path()).await;
    assert_eq!(ended(&house, address).await["links"], before["links"]);
    assert_eq!(house.control.started.load(SeqCst), 1, "it was done again");
    assert_eq!(house.get(motion).await.json()["samples"], shown["samples"], "the motion that was shown");
    assert_eq!(submit(&house, "walk", "a").await.header("location"), address);
    close(house).await;

    let house = open(folder.path()).await;
    assert_eq!(ended(&house, address).await["links"], before["links"]);
    assert_eq!(house.get(motion).await.status, StatusCode::OK);
    assert_eq!(house.control.started.load(SeqCst), 0, "this time it was kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_before_there_was_room_for_it_is_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path()).await;
    std::fs::remove_dir_all(folder.path().join("motions")).unwrap();
    let job = submit(&house, "walk", "a").await;
    let before = ended(&house, job.header("location")).await;
    let motion = before["links"]["motion"].as_str().unwrap();
    std::fs::create_dir(folder.path().join("motions")).unwrap();
    assert_eq!(delete(&house, motion).await.status, StatusCode::NO_CONTENT);
    close(house).await;

    let house = open(folder.path()).await;
    assert_eq!(ended(&house, job.header("location")).await["state"], "succeeded");
    house.get(motion).await.is_problem(404, "unknown_motion");
    assert_eq!(house.control.started.load(SeqCst), 0);
}
