use super::*;
use crate::rng::CounterRng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

fn nobody<T>(_: &T) -> bool {
    false
}

fn push(queue: &Queue<i32>, item: i32) -> Result<Ticket, Refused> {
    queue.push(Turn::default(), item, nobody)
}

#[test]
fn first_in_first_out_and_bounded() {
    let queue = Queue::new(2);
    push(&queue, 1).unwrap();
    push(&queue, 2).unwrap();
    assert_eq!(push(&queue, 3), Err(Refused::Full));
    assert_eq!((queue.pop(nobody), queue.len()), (Some(1), 1));
    push(&queue, 4).unwrap();
    assert_eq!((queue.pop(nobody), queue.pop(nobody)), (Some(2), Some(4)));
}

#[test]
fn waiting_ends_with_an_item_with_the_queue_or_with_patience() {
    let (queue, short) = (Queue::new(2), Duration::from_millis(5));
    assert!(!queue.wait(short));
    push(&queue, 1).unwrap();
    assert!(queue.wait(Duration::from_secs(600)));
    assert_eq!((queue.pop(nobody), queue.wait(short)), (Some(1), false));
    queue.close();
    assert!(queue.wait(Duration::from_secs(600)));
}

#[test]
fn who_had_a_place_finds_one_and_keeps_others_out() {
    let queue = Queue::new(1);
    queue.readmit(Turn::default(), 1).unwrap();
    queue.readmit(Turn::default(), 2).unwrap();
    assert_eq!(push(&queue, 3), Err(Refused::Full));
    assert_eq!((queue.pop(nobody), queue.pop(nobody)), (Some(1), Some(2)));
    queue.close();
    assert_eq!(queue.readmit(Turn::default(), 4), Err(Refused::Closed));
}

#[test]
fn those_who_left_hold_no_place() {
    let queue = Queue::new(2);
    push(&queue, 1).unwrap();
    push(&queue, 2).unwrap();
    assert_eq!(queue.look(None, nobody), Err(Refused::Full));
    queue.push(Turn::default(), 3, |item| *item == 1).unwrap();
    assert_eq!(queue.look(None, |item| *item == 4), Err(Refused::Full));
    assert_eq!((queue.pop(nobody), queue.pop(nobody)), (Some(2), Some(3)));
}

#[test]
fn positions_count_those_who_still_wait() {
    let queue = Queue::new(3);
    let tickets = [1, 2, 3].map(|item| push(&queue, item).unwrap());
    let positions = |gone: i32| tickets.map(|ticket| queue.position(ticket, |item| *item == gone));
    assert_eq!(positions(0), [Some(0), Some(1), Some(2)]);
    assert_eq!(positions(2), [Some(0), Some(1), Some(1)]);
    queue.pop(nobody);
    assert_eq!(positions(0), [None, Some(0), Some(1)]);
}

#[test]
fn a_lane_that_fills_the_house_keeps_no_other_out() {
    let queue = Queue::new(4);
    let named = |lane: &str| Turn { lane: Some(lane.into()), work: 1 };
    for item in 0..4 {
        queue.push(named("storm"), item, nobody).unwrap();
    }
    assert_eq!(queue.push(named("storm"), 4, nobody), Err(Refused::Full));
    assert_eq!(queue.look(Some("storm"), nobody), Err(Refused::Full));
    assert_eq!((queue.look(Some("anna"), nobody), queue.len()), (Ok(()), 4));
    queue.pop(nobody);
    let ticket = queue.push(named("anna"), 5, nobody).unwrap();
    assert_eq!(queue.position(ticket, nobody), Some(0));
    assert_eq!((queue.pop(nobody), queue.pop(nobody)), (Some(5), Some(1)));
}

#[test]
fn the_next_alone_is_taken_and_only_if_wanted() {
    let queue = Queue::new(3);
    assert_eq!(queue.next_if(nobody, |_: &i32| true), None);
    for item in [2, 1, 4] {
        push(&queue, item).unwrap();
    }
    assert_eq!((queue.next_if(nobody, |item| *item == 1), queue.len()), (None, 3));
    let is_even = |item: &i32| item % 2 == 0;
    assert_eq!((queue.next_if(nobody, is_even), queue.next_if(nobody, is_even)), (Some(2), None));
    assert_eq!(queue.pop(nobody), Some(1));
    queue.close();
    assert_eq!(queue.next_if(nobody, is_even), None);
}

/// What becomes of one of many.
#[derive(Default)]
struct Fate {
    gone: AtomicBool,
    let_in: AtomicBool,
    served: AtomicUsize,
}

impl Fate {
    fn is_gone(it: &Arc<Self>) -> bool {
        it.gone.load(SeqCst)
    }
}

const PUSHERS: usize = 5;
const EACH: usize = 2000;
const PLACES: usize = 8;

/// One who asks: in lanes by turns, some leave while they wait, some come back to a place that they had. Closes the queue
/// in the midst of it if told to.
fn ask(queue: &Queue<Arc<Fate>>, fates: &[Arc<Fate>], seed: u64, closes: bool) {
    let draws = CounterRng::new(seed, "storm");
    for (index, fate) in fates.iter().enumerate() {
        let [lane, way, leaves, work] = draws.block([index as u32, 0, 0, 0]);
        let lane = [None, Some("anna"), Some("farm")][lane as usize % 3].map(str::to_owned);
        let turn = Turn { lane, work: u64::from(work % 5) };
        let pushed = match way % 50 {
            0 => queue.readmit(turn, fate.clone()),
            _ => queue.push(turn, fate.clone(), Fate::is_gone),
        };
        if let Ok(ticket) = pushed {
            fate.let_in.store(true, SeqCst);
            if leaves % 4 == 0 {
                fate.gone.store(true, SeqCst);
            }
            if let Some(ahead) = queue.position(ticket, Fate::is_gone) {
                assert!(ahead < PUSHERS * EACH);
            }
        } else if leaves % 3 == 0 {
            std::thread::yield_now();
        }
        if closes && index == fates.len() / 2 {
            queue.close();
        }
    }
}

/// One who serves until the queue is closed.
fn serve(queue: &Queue<Arc<Fate>>) {
    while let Some(fate) = queue.pop(Fate::is_gone) {
        fate.served.fetch_add(1, SeqCst);
        while let Some(fate) = queue.next_if(Fate::is_gone, |next| !Fate::is_gone(next)) {
            fate.served.fetch_add(1, SeqCst);
        }
        std::thread::yield_now();
    }
}

fn storm(seed: u64, closes: bool) {
    let queue = Queue::new(PLACES);
    let fates: Vec<Arc<Fate>> = std::iter::repeat_with(Arc::default).take(PUSHERS * EACH).collect();
    std::thread::scope(|scope| {
        let queue = &queue;
        for _ in 0..3 {
            scope.spawn(move || serve(queue));
        }
        let pushers: Vec<_> = (0u64..)
            .zip(fates.chunks(EACH))
            .map(|(n, mine)| scope.spawn(move || ask(queue, mine, seed + n, closes && n == 0)))
            .collect();
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        while queue.len() > 0 {
            std::thread::yield_now();
        }
        queue.close();
    });
    let mut served = 0;
    for fate in fates {
        let times = fate.served.load(SeqCst);
        served += times;
        assert!(times <= usize::from(fate.let_in.load(SeqCst)), "nobody twice, nobody who was refused");
        // Who stayed is served, unless the house was closed meanwhile.
        assert!(times == 1 || closes || !fate.let_in.load(SeqCst) || Fate::is_gone(&fate));
        assert_eq!(Arc::strong_count(&fate), 1, "the queue holds on to nobody");
    }
    assert!(closes || served > 0);
}

#[test]
fn in_a_storm_of_threads_everybody_is_served_once_refused_or_sent_home() {
    let (done, end) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        for seed in 0..4 {
            storm(100 * seed, false);
            storm(100 * seed + 50, true);
        }
        done.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(60)).expect("no thread waits for ever");
}

/// What a thread does in one hold of the lock.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Of a lane.
    Push(&'static str, usize),
    Take,
    Close,
}

/// All orders in which threads that do these steps can have the lock.
fn orders(threads: &[Vec<Step>]) -> Vec<Vec<Step>> {
    if threads.iter().all(Vec::is_empty) {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, _) in threads.iter().enumerate().filter(|(_, steps)| !steps.is_empty()) {
        let mut rest = threads.to_vec();
        let first = rest[at].remove(0);
        all.extend(orders(&rest).into_iter().map(|order| [vec![first], order].concat()));
    }
    all
}

/// Everything happens under one lock, and who waits looks again once woken: an order of holds is all that threads can do to each other.
#[test]
fn in_every_order_of_a_few_threads_the_promises_hold() {
    use Step::{Close, Push, Take};
    let threads = [
        vec![Push("a", 1), Push("a", 2)],
        vec![Push("b", 11), Push("b", 12)],
        vec![Take, Take, Take],
        vec![Close],
    ];
    let all = orders(&threads);
    assert_eq!(all.len(), 1680, "8! / (2! 2! 3! 1!)");
    let mut refused = [0, 0];
    for (order, capacity) in all.iter().flat_map(|order| [(order, 1), (order, 3)]) {
        let queue = Queue::new(capacity);
        let (mut admitted, mut served, mut closed) = (Vec::new(), Vec::new(), false);
        for step in order {
            match *step {
                Push(lane, item) => {
                    let turn = Turn { lane: Some(lane.to_owned()), work: 1 };
                    let waiting = admitted.len() - served.len();
                    match queue.push(turn, item, nobody) {
                        Ok(_) => admitted.push(item),
                        Err(Refused::Closed) => {
                            assert!(closed, "{order:?}");
                            refused[0] += 1;
                        }
                        Err(Refused::Full) => {
                            assert!(!closed && waiting >= capacity, "{order:?}");
                            refused[1] += 1;
                        }
                    }
                }
                Take => {
                    let next = queue.next_if(nobody, |_| true);
                    let expected = !closed && admitted.len() > served.len();
                    assert_eq!(next.is_some(), expected, "{order:?}");
                    served.extend(next);
                }
                Close => {
                    queue.close();
                    closed = true;
                }
            }
            let waiting = if closed { 0 } else { admitted.len() - served.len() };
            assert_eq!(queue.len(), waiting, "{order:?}");
        }
        for lane in [0..10, 10..20] {
            let of = |items: &[usize]| -> Vec<usize> {
                items.iter().copied().filter(|item| lane.contains(item)).collect()
            };
            assert!(of(&admitted).starts_with(&of(&served)), "first in, first out: {order:?}");
        }
    }
    assert!(refused.iter().all(|count| *count > 100), "{refused:?}");
}

#[test]
fn closing_wakes_and_refuses() {
    let queue = Arc::new(Queue::<i32>::new(1));
    let waiter = std::thread::spawn({
        let queue = queue.clone();
        move || queue.pop(nobody)
    });
    queue.close();
    assert_eq!(waiter.join().unwrap(), None);
    assert_eq!(push(&queue, 1), Err(Refused::Closed));
    assert_eq!(queue.look(None, nobody), Err(Refused::Closed));
    assert!(queue.is_closed());
}
