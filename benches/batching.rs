//! What requests of different lengths, prompts and settings gain from being worked on side by side, by the bundled model's whole way from
//! prompt to motion.
//!
//! `cargo bench --bench batching`: sixteen requests of 1.5 to 6 s, most with guidance, 20 steps, prompts of their own. At most so many at
//! once as the column says, the next coming in where one is done, as a server does it; the forms take turns, the least of the rounds
//! counts. The results are compared, too. Processor time says what is left to gain where all cores are busy, and hardly minds a machine
//! that does other things besides; the last line says how busy it was.

use duet::generate::intermask::InterMask;
use duet::generate::{GenerateRequest, Sample, Together, Underway};
use duet::package::SearchPath;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const ROUNDS: usize = 3;
const AT_ONCE: [usize; 5] = [1, 2, 3, 4, 8];
const PROMPTS: [&str; 8] = [
    "two people dance salsa",
    "one person waves with the left hand",
    "one person chases the other",
    "two people shake hands",
    "one person pushes the other",
    "two people bow to each other",
    "one person kicks with the right leg",
    "two people walk side by side",
];

fn request(index: usize) -> GenerateRequest {
    GenerateRequest {
        prompt: PROMPTS[index % PROMPTS.len()].into(),
        frames: [88, 44, 180, 88, 120, 64, 88, 148][index % 8],
        seed: index as u64,
        samples: 1,
        steps: 20,
        guidance: if index % 4 == 3 { 1.0 } else { 2.0 },
        top_k_ratio: 0.9,
        temperature: 1.0,
        memory: None,
        foot_fix: true,
        rigid: true,
    }
}

/// The samples of `requests`, at most `at_once` in flight.
fn made(model: &InterMask, requests: &[GenerateRequest], at_once: usize) -> duet::error::Result<Vec<Sample>> {
    let mut waiting: VecDeque<(usize, &GenerateRequest)> = requests.iter().enumerate().collect();
    let mut flights: Vec<(usize, Box<dyn Underway + '_>)> = Vec::new();
    let mut found = Vec::new();
    while !(waiting.is_empty() && flights.is_empty()) {
        while flights.len() < at_once
            && let Some((place, request)) = waiting.pop_front()
        {
            flights.push((place, model.begin(request)));
        }
        let turns: duet::error::Result<Vec<_>> =
            flights.par_iter_mut().map(|(_, underway)| underway.turn(false)).collect();
        let mut still = Vec::new();
        for ((place, underway), turn) in flights.into_iter().zip(turns?) {
            match turn.generated {
                Some(generated) => found.extend(generated.samples.into_iter().map(|sample| (place, sample))),
                None => still.push((place, underway)),
            }
        }
        flights = still;
    }
    found.sort_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, sample)| sample).collect())
}

/// Processor time of this process so far, all threads, to 10 ms; known on Linux only.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: fields 3 and on; 14 and 15 are hundredths of a second for user and system.
    let fields = stat.rsplit_once(')')?.1;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 10))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    duet::nn::machine::threads::leave_elementwise_work_to_one_thread();
    let package = SearchPath::from_env().by_name(duet::package::DEFAULT_MODEL)?;
    let model = InterMask::load(&package, &candle_core::Device::Cpu)?;
    let requests: Vec<GenerateRequest> = (0..16).map(request).collect();
    let mut least = AT_ONCE.map(|_| [Duration::MAX; 2]);
    let (mut first, mut same) = (None, true);
    for round in 0..=ROUNDS {
        for (least, at_once) in least.iter_mut().zip(AT_ONCE) {
            let (start, used) = (Instant::now(), processor_time());
            let samples = made(&model, &requests, at_once)?;
            // The first round warms caches up.
            if round > 0 {
                let used = processor_time().zip(used).map_or(Duration::ZERO, |(now, then)| now - then);
                *least = [start.elapsed().min(least[0]), used.min(least[1])];
            }
            same &= *first.get_or_insert_with(|| samples.clone()) == samples;
        }
    }
    println!("{} requests of mixed lengths, {} threads", requests.len(), rayon::current_num_threads());
    println!("{:>9}{:>12}{:>14}{:>17}", "at once", "all in", "throughput", "processor time");
    for ([time, used], at_once) in least.iter().zip(AT_ONCE) {
        let ratio = least[0][0].as_secs_f64() / time.as_secs_f64();
        let [time, used] = [time, used].map(|time| time.as_secs_f64() * 1e3);
        println!("{at_once:>9}{time:>9.0} ms{ratio:>13.2}x{used:>14.0} ms");
    }
    println!("results {}", if same { "the same" } else { "DIFFER" });
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        println!("load average {}", load.trim());
    }
    Ok(())
}
