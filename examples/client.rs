//! A client of `duet serve` in Rust: `cargo run --example client -- http://127.0.0.1:8080 [FILE]`.
//!
//! It asks for a motion and says how far the two people are apart; then it leaves an order, follows how that goes, and fetches
//! the result as a scene for Blender, browsers and game engines (`salsa.glb`, unless FILE says otherwise). docs/api.md quotes it.

use anyhow::{Context, Result, bail};
use reqwest::{Client, Response};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().context("usage: client http://HOST:PORT [FILE]")?;
    let file = arguments.next().unwrap_or_else(|| "salsa.glb".to_owned());
    let http = Client::new();
    let request = json!({"prompt": "two people dance salsa", "seconds": 2, "seed": 7});

    let motion = generate(&http, &server, &request).await?;
    let frames = motion["frames"].as_u64().context("the motion does not say how long it is")?;
    let [first, last] = [distance(&motion, 0)?, distance(&motion, frames.saturating_sub(1))?];
    println!("{first:.3} m apart at first, {last:.3} m in the end");

    let job = submit(&http, &server, &request).await?;
    let ended = follow(&http, &server, &job).await?;
    let result = text(&ended, "/links/motion")?;
    let scene = fetch(&http, &server, result, "glb").await?;
    std::fs::write(&file, &scene).with_context(|| format!("cannot write {file}"))?;
    println!("{file}: {} bytes of {result}", scene.len());
    Ok(())
}

/// Ask for a motion and wait for it.
async fn generate(http: &Client, server: &str, request: &Value) -> Result<Value> {
    let answer = http.post(format!("{server}/generate")).json(request).send().await?;
    Ok(accepted(answer).await?.json().await?)
}

/// The answer, unless it is a refusal: those are JSON with a `detail` for people and a `code` for programs.
async fn accepted(answer: Response) -> Result<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let problem: Value = answer.json().await.with_context(|| format!("the server answered {status}"))?;
    bail!("{} ({})", text(&problem, "/detail")?, text(&problem, "/code")?)
}

/// Metres between the pelvises of the two people in a frame of the first sample.
fn distance(motion: &Value, frame: u64) -> Result<f64> {
    let pelvis = |person: usize| -> Result<[f64; 3]> {
        let place = format!("/samples/0/persons/{person}/positions/{frame}/0");
        let joint = motion.pointer(&place).with_context(|| format!("the motion has no {place}"))?;
        Ok(serde_json::from_value(joint.clone())?)
    };
    let (one, other) = (pelvis(0)?, pelvis(1)?);
    Ok((0..3).map(|axis| (one[axis] - other[axis]).powi(2)).sum::<f64>().sqrt())
}

/// Ask for a motion and do not wait: the answer is a job.
async fn submit(http: &Client, server: &str, request: &Value) -> Result<Value> {
    let asked = http.post(format!("{server}/generate")).header("prefer", "respond-async").json(request);
    Ok(accepted(asked.send().await?).await?.json().await?)
}

/// Follow a job's events (server-sent events: lines of `field: value`, an empty one after each event) until it has ended well.
async fn follow(http: &Client, server: &str, job: &Value) -> Result<Value> {
    let events = text(job, "/links/events")?;
    let mut answer = accepted(http.get(format!("{server}{events}")).send().await?).await?;
    let mut unread = Vec::new();
    while let Some(bytes) = answer.chunk().await? {
        unread.extend_from_slice(&bytes);
        while let Some(length) = unread.windows(2).position(|pair| pair == b"\n\n") {
            let event = String::from_utf8(unread.drain(..length + 2).collect())?;
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            // Without data it only says that the line is alive.
            let Some(data) = field("data:") else { continue };
            let job: Value = serde_json::from_str(data)?;
            let state = text(&job, "/state")?;
            match (field("event:"), state) {
                (Some("end"), "succeeded") => return Ok(job),
                (Some("end"), _) => bail!("the job has {state}: {}", job["problem"]["detail"]),
                _ => println!("{state} {}", job.get("progress").unwrap_or(&job["position"])),
            }
        }
    }
    bail!("the server left before the job had ended")
}

/// A result as a file: `npz` or `glb`.
async fn fetch(http: &Client, server: &str, result: &str, format: &str) -> Result<Vec<u8>> {
    let answer = http.get(format!("{server}{result}?format={format}")).send().await?;
    Ok(accepted(answer).await?.bytes().await?.to_vec())
}

/// The text at a place inside JSON, such as `/links/events`.
fn text<'a>(value: &'a Value, place: &str) -> Result<&'a str> {
    value.pointer(place).and_then(Value::as_str).with_context(|| format!("the answer has no {place}"))
}
