//! Who is next when several callers wait: each has a lane, and lanes share the model by the work they ask for.
//!
//! This is start-time fair queueing (Goyal, Vin and Cheng, 1996): a lane stands where the work that it was given has brought it, and the
//! lane that stands furthest back is next. A lane that comes stands where the one stood that was served last, so that nobody saves up
//! turns by staying away, and nobody waits for more than one turn of each of the others. In a lane: first in, first out.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

/// Whose turn something takes, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// Whose; `None` = everybody's who has no name.
    pub lane: Option<String>,
    /// In any unit that is the same for all.
    pub work: u64,
}

/// Says which of those who came this one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Those who wait.
pub(super) struct Lanes<T> {
    lanes: HashMap<Option<String>, Lane<T>>,
    /// Of the next who comes.
    ticket: Ticket,
    /// Where the lane stood that was served last, before it was.
    served: u64,
}

struct Lane<T> {
    /// Work that it was given, beside what it had let pass.
    stand: u64,
    waiting: VecDeque<Waiting<T>>,
}

struct Waiting<T> {
    ticket: Ticket,
    work: u64,
    item: T,
}

impl<T> Lane<T> {
    /// Who of it would be served where: all those that are not gone.
    fn standing(&self, gone: impl Fn(&T) -> bool) -> impl Iterator<Item = (u64, Ticket)> {
        let mut stand = self.stand;
        self.waiting.iter().filter(move |waiting| !gone(&waiting.item)).map(move |waiting| {
            let here = (stand, waiting.ticket);
            stand = stand.saturating_add(waiting.work);
            here
        })
    }
}

impl<T> Lanes<T> {
    pub(super) fn new() -> Self {
        Self { lanes: HashMap::new(), ticket: Ticket(0), served: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    /// Whether a lane may have one more of `places`: while some are free anybody may, and who has less than an equal share in any case.
    ///
    /// Nobody who was let in is put out again for it, so for a while more may wait than there are places: with all of them taken by one
    /// lane, a second comes to a half of them beside, a third to a third, and so on.
    pub(super) fn has_room(&self, lane: Option<&str>, places: usize) -> bool {
        let (mut own, mut all, mut lanes) = (0, 0, 1);
        for (name, other) in &self.lanes {
            let count = other.waiting.len();
            all += count;
            if name.as_deref() == lane {
                own = count;
            } else if count > 0 {
                lanes += 1;
            }
        }
        all < places || own < (places / lanes).max(1)
    }

    /// Put somebody at the end of a lane.
    pub(super) fn push(&mut self, turn: Turn, item: T) -> Ticket {
        let (ticket, served) = (self.ticket, self.served);
        self.ticket = Ticket(ticket.0 + 1);
        let new = || Lane { stand: served, waiting: VecDeque::new() };
        let lane = self.lanes.entry(turn.lane).or_insert_with(new);
        lane.waiting.push_back(Waiting { ticket, work: turn.work, item });
        ticket
    }

    /// Who is next.
    pub(super) fn first(&self) -> Option<&T> {
        let first =
            |lane: &&Lane<T>| lane.waiting.front().map(|waiting| Reverse((lane.stand, waiting.ticket)));
        // As in `pop`.
        self.lanes.values().max_by_key(first)?.waiting.front().map(|waiting| &waiting.item)
    }

    /// The next; one that is `gone` takes nothing from the lane's turn.
    pub(super) fn pop(&mut self, gone: impl Fn(&T) -> bool) -> Option<T> {
        let first =
            |lane: &Lane<T>| lane.waiting.front().map(|waiting| Reverse((lane.stand, waiting.ticket)));
        // None is less than Some: lanes without anybody are not looked at.
        let lane = self.lanes.values_mut().max_by_key(|lane| first(lane))?;
        let Waiting { work, item, .. } = lane.waiting.pop_front()?;
        self.served = lane.stand;
        if !gone(&item) {
            lane.stand = lane.stand.saturating_add(work);
        }
        // A lane where nobody waits is remembered as long as it is ahead.
        self.lanes.retain(|_, lane| !lane.waiting.is_empty() || lane.stand > self.served);
        Some(item)
    }

    /// Take those out who are gone.
    pub(super) fn clear(&mut self, gone: impl Fn(&T) -> bool) {
        self.lanes.values_mut().for_each(|lane| lane.waiting.retain(|waiting| !gone(&waiting.item)));
    }

    /// How many will be served before this one, those who are `gone` not counted, if nobody comes; `None` when it waits no longer.
    pub(super) fn position(&self, ticket: Ticket, gone: impl Fn(&T) -> bool) -> Option<usize> {
        let is_here = |lane: &&Lane<T>| lane.waiting.iter().any(|waiting| waiting.ticket == ticket);
        let own = self.lanes.values().find(is_here)?;
        let ahead = |waiting: &&Waiting<T>| waiting.ticket < ticket && !gone(&waiting.item);
        let stand = own.waiting.iter().filter(ahead).fold(own.stand, |stand, w| stand.saturating_add(w.work));
        let before =
            |lane: &Lane<T>| lane.standing(&gone).take_while(|other| *other < (stand, ticket)).count();
        Some(self.lanes.values().map(before).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nobody<T>(_: &T) -> bool {
        false
    }

    fn turn(lane: &str, work: u64) -> Turn {
        Turn { lane: Some(lane.into()), work }
    }

    /// Lanes with these in them, in this order: name and work.
    fn waiting(those: &[(&'static str, u64)]) -> Lanes<(&'static str, u64)> {
        let mut lanes = Lanes::new();
        for &(lane, work) in those {
            lanes.push(turn(lane, work), (lane, work));
        }
        lanes
    }

    fn order(mut lanes: Lanes<(&'static str, u64)>) -> String {
        std::iter::from_fn(|| lanes.pop(nobody)).map(|(lane, _)| lane).collect()
    }

    #[test]
    fn lanes_take_turns() {
        let one = |lanes: &'static str| -> Vec<_> {
            lanes.split("").filter(|s| !s.is_empty()).map(|s| (s, 1)).collect()
        };
        assert_eq!(order(waiting(&one("aaaabbcc"))), "abcabcaa");
        assert_eq!(order(waiting(&one("aaaa"))), "aaaa");
    }

    #[test]
    fn turns_are_as_long_as_the_work() {
        // Two of three steps against four of one.
        assert_eq!(order(waiting(&[("a", 3), ("a", 3), ("b", 1), ("b", 1), ("b", 1), ("b", 1)])), "abbbab");
    }

    #[test]
    fn who_comes_late_is_next_and_has_saved_nothing_up() {
        let mut lanes = waiting(&[("a", 5); 6]);
        for _ in 0..3 {
            lanes.pop(nobody);
        }
        for _ in 0..3 {
            lanes.push(turn("b", 5), ("b", 5));
        }
        assert_eq!(order(lanes), "bababa");
    }

    #[test]
    fn who_was_just_served_waits_for_the_others() {
        let mut lanes = waiting(&[("a", 5), ("b", 5), ("b", 5), ("b", 5)]);
        assert_eq!(lanes.pop(nobody), Some(("a", 5)));
        // Its lane is empty now, and still ahead.
        lanes.push(turn("a", 5), ("a", 5));
        assert_eq!(order(lanes), "bbab");
    }

    #[test]
    fn those_who_left_cost_their_lane_nothing() {
        let mut lanes = waiting(&[("a", 9), ("a", 1), ("b", 5)]);
        let left = |item: &(&str, u64)| item.1 == 9;
        assert_eq!(lanes.pop(left), Some(("a", 9)));
        assert_eq!(lanes.pop(left), Some(("a", 1)));
        assert_eq!(lanes.pop(left), Some(("b", 5)));
        assert_eq!(lanes.pop(left), None);
    }

    #[test]
    fn a_full_house_has_room_for_who_has_less_than_a_share() {
        let lanes = waiting(&[("a", 1); 6]);
        assert!(!lanes.has_room(Some("a"), 6) && lanes.has_room(Some("a"), 7));
        let mut lanes = lanes;
        let mut let_in = |name: &'static str| {
            std::iter::repeat_with(|| {
                let room = lanes.has_room(Some(name), 6);
                if room {
                    lanes.push(turn(name, 1), (name, 1));
                }
                room
            })
            .take_while(|room| *room)
            .count()
        };
        assert_eq!([let_in("a"), let_in("b"), let_in("c"), let_in("b")], [0, 3, 2, 0]);
        assert!(Lanes::<u8>::new().has_room(None, 1));
        assert!(waiting(&[("a", 1), ("b", 1)]).has_room(Some("c"), 1), "one, whatever the number of places");
    }

    proptest! {
        #[test]
        fn positions_are_the_order_in_which_they_are_served(
            those in prop::collection::vec((0usize..4, 0u64..5, any::<bool>(), any::<bool>()), 0..40),
        ) {
            let mut lanes = Lanes::new();
            let mut tickets = HashMap::new();
            for (index, &(lane, work, is_gone, pops)) in those.iter().enumerate() {
                tickets.insert(index, (lanes.push(turn(&lane.to_string(), work), (index, is_gone)), is_gone));
                if pops && let Some((served, _)) = lanes.pop(|item| item.1) {
                    let (ticket, _) = tickets.remove(&served).unwrap();
                    prop_assert_eq!(lanes.position(ticket, nobody), None);
                }
            }
            tickets.retain(|_, (_, is_gone)| !*is_gone);
            let said: HashMap<_, _> = tickets
                .iter()
                .map(|(index, (ticket, _))| (*index, lanes.position(*ticket, |item| item.1).unwrap()))
                .collect();
            let served: Vec<_> = std::iter::from_fn(|| lanes.pop(|item| item.1)).filter(|item| !item.1).collect();
            prop_assert_eq!(served.len(), said.len());
            for (position, (index, _)) in served.into_iter().enumerate() {
                prop_assert_eq!(said[&index], position);
            }
        }
    }
}
