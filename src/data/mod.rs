//! Data to learn from: captures become a folder in InterHuman's layout, and a folder becomes training items.
//!
//! ```text
//! recipe + BVH files -> capture -> clips -> layout (a folder) -> interhuman (windows, items) -> train, eval
//! ```

pub mod build;
pub mod capture;
pub mod clips;
pub mod compose;
pub mod folder;
pub mod interhuman;
pub mod interx;
pub mod legs;
pub mod paraphrase;
pub mod prepare;
pub mod recipe;

pub use folder::{Folder, RawPair};
pub use interhuman::{ItemDraws, TextClips, TextItem, VqWindows};
pub use recipe::{Recipe, Split};

/// At most `most` of a list, evenly spread over it.
pub fn spread<T>(list: &[T], most: usize) -> impl Iterator<Item = &T> {
    let taken = most.min(list.len());
    (0..taken).map(move |n| &list[n * list.len() / taken])
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_few_of_many_are_spread() {
        let list: Vec<usize> = (0..10).collect();
        let spread = |most| super::spread(&list, most).copied().collect::<Vec<_>>();
        assert_eq!(spread(4), [0, 2, 5, 7]);
        assert_eq!((spread(99).len(), super::spread::<usize>(&[], 4).count()), (10, 0));
    }
}
