use super::*;
use crate::engine::{Engine, fake};
use rusqlite::Connection;
use std::io;
use std::sync::atomic::AtomicBool;

fn open(folder: &Path, limits: ArchiveLimits) -> Archive {
    Archive::open(folder, limits, JobLimits::default()).unwrap()
}

fn results(count: usize) -> Vec<Finished> {
    (0..count).map(|_| fake::finished(16, 1)).collect()
}

fn keep(archive: &Archive, made: &[Finished]) {
    assert!(made.iter().all(|finished| archive.keep(finished)));
}

fn listed(archive: &Archive) -> Vec<MotionId> {
    let browse = Browse { owner: None, before: None, limit: 100 };
    archive.browse(&browse).unwrap().into_iter().map(|entry| entry.id).collect()
}

fn path(folder: &Path, finished: &Finished) -> std::path::PathBuf {
    folder.join(format!("motions/{}.motion", finished.id))
}

fn limits(count: u64, bytes: u64) -> ArchiveLimits {
    ArchiveLimits { count, bytes, age: None }
}

#[test]
fn results_are_the_same_after_a_restart_and_listed_by_owner() {
    let home = tempfile::tempdir().unwrap();
    let mut made = results(5);
    made[1].owner = Some("anna".into());
    let archive = open(home.path(), ArchiveLimits::default());
    keep(&archive, &made);
    assert_eq!(
        Archive::open(home.path(), ArchiveLimits::default(), JobLimits::default()).err().unwrap().code(),
        "folder_in_use"
    );
    drop(archive);
    let archive = open(home.path(), ArchiveLimits::default());
    for finished in &made {
        assert_eq!(archive.find(finished.id).as_ref(), Some(finished));
    }
    assert!(archive.find(MotionId::random().unwrap()).is_none());
    let page = |owner: Option<&str>, before: Option<usize>, limit| {
        let browse = Browse { owner: owner.map(Into::into), before: before.map(|n| made[n].id), limit };
        let place = |entry: Entry| made.iter().position(|f| f.id == entry.id).unwrap();
        archive.browse(&browse).unwrap().into_iter().map(place).collect::<Vec<_>>()
    };
    assert_eq!(page(None, None, 9), [4, 3, 2, 0]);
    assert_eq!(page(None, None, 2), [4, 3, 2], "one more says that there are more");
    assert_eq!(page(None, Some(3), 9), [2, 0]);
    assert_eq!(page(Some("anna"), None, 9), [1]);
    assert_eq!(page(Some("anna"), Some(3), 9), [] as [usize; 0], "another's place in the list");
    let whole = archive.browse(&Browse { owner: None, before: None, limit: 1 }).unwrap();
    let told = Entry::of(&made[4]);
    assert_eq!((&whole[0].prompt, whole[0].seed, whole[0].frames), (&told.prompt, told.seed, told.frames));
}

#[test]
fn the_oldest_leave_when_there_are_too_many() {
    let home = tempfile::tempdir().unwrap();
    let made = results(5);
    let archive = open(home.path(), limits(3, u64::MAX));
    keep(&archive, &made);
    assert_eq!(listed(&archive), [4, 3, 2].map(|n: usize| made[n].id));
    assert!(archive.find(made[1].id).is_none() && !path(home.path(), &made[1]).exists());
    let figures = archive.figures();
    assert_eq!((figures.kept, figures.evicted[0]), (3, ("count", 2)));
    let one = figures.bytes / 3;
    drop(archive);
    // Fewer bytes, from the start on.
    let archive = open(home.path(), limits(3, 2 * one + one / 2));
    assert_eq!(listed(&archive), [4, 3].map(|n: usize| made[n].id));
    assert_eq!(archive.figures().evicted[1], ("bytes", 1));
    drop(archive);
    let archive = open(home.path(), limits(3, 1));
    assert_eq!(listed(&archive), [made[4].id], "the newest stays whatever its size");
}

#[test]
fn results_that_are_too_old_leave() {
    let home = tempfile::tempdir().unwrap();
    let mut made = results(2);
    made[0].created -= Duration::from_secs(100);
    let archive = open(home.path(), ArchiveLimits::default());
    keep(&archive, &made);
    drop(archive);
    let archive =
        open(home.path(), ArchiveLimits { age: Some(Duration::from_secs(50)), ..Default::default() });
    assert_eq!(listed(&archive), [made[1].id]);
    assert!(archive.find(made[0].id).is_none());
    assert_eq!(archive.figures().evicted[2], ("age", 1));
}

#[test]
fn halves_are_swept_and_damage_is_never_served() {
    let home = tempfile::tempdir().unwrap();
    let made = results(4);
    let archive = open(home.path(), ArchiveLimits::default());
    keep(&archive, &made);
    // Damaged under its feet: seen when it is read, and gone then.
    let mut bytes = std::fs::read(path(home.path(), &made[3])).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path(home.path(), &made[3]), bytes).unwrap();
    assert!(archive.find(made[3].id).is_none());
    assert_eq!((archive.figures().kept, archive.figures().failed[3]), (3, ("read", 1)));
    drop(archive);
    // A row without a file, a file without a row, a file that was not finished.
    std::fs::remove_file(path(home.path(), &made[0])).unwrap();
    let stranger = fake::finished(16, 1);
    std::fs::copy(path(home.path(), &made[1]), path(home.path(), &stranger)).unwrap();
    std::fs::write(home.path().join("motions/.new-x"), b"half").unwrap();
    let archive = open(home.path(), ArchiveLimits::default());
    assert_eq!(listed(&archive), [2, 1].map(|n: usize| made[n].id));
    assert!(archive.find(stranger.id).is_none());
    assert_eq!(std::fs::read_dir(home.path().join("motions")).unwrap().count(), 2);
}

#[test]
fn a_damaged_index_is_moved_aside_and_made_again_from_the_files() {
    let home = tempfile::tempdir().unwrap();
    let mut made = results(3);
    for (n, finished) in (0..).zip(&mut made) {
        finished.created += Duration::from_secs(n);
        finished.owner = (n == 1).then(|| "anna".into());
    }
    let archive = open(home.path(), ArchiveLimits::default());
    keep(&archive, &made);
    drop(archive);
    let index = home.path().join("index.sqlite");
    for damage in
        [&b"no database at all, but long enough to be taken for the head of one ............"[..], b""]
    {
        let sound = std::fs::read(&index).unwrap();
        // Once from the start on, once in the middle of a page.
        let bytes = if damage.is_empty() {
            let mut bytes = sound;
            let page = bytes.len() / 2 / 4096 * 4096;
            bytes[page..page + 64].fill(0xff);
            bytes
        } else {
            damage.to_vec()
        };
        std::fs::write(&index, bytes).unwrap();
        let archive = open(home.path(), ArchiveLimits::default());
        assert_eq!(listed(&archive), [2, 0].map(|n: usize| made[n].id));
        assert_eq!(archive.find(made[1].id).as_ref(), Some(&made[1]));
    }
    let aside = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let aside: Vec<_> = aside.filter(|name| name.to_string_lossy().starts_with("index.damaged-")).collect();
    assert_eq!(aside.len(), 2);
}

#[test]
fn the_index_of_a_later_version_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    drop(open(home.path(), ArchiveLimits::default()));
    let index = home.path().join("index.sqlite");
    Connection::open(&index).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Archive::open(home.path(), ArchiveLimits::default(), JobLimits::default()).err().unwrap();
    assert_eq!(error.code(), "index_too_new");
    assert!(index.exists());
    assert!(matches!(
        Keeping::on_disk(home.path(), ArchiveLimits::default(), JobLimits::default()),
        Keeping::Broken
    ));
    assert_eq!(Keeping::Broken.figures().unwrap().failed[0], ("open", 1));
}

impl Engine {
    /// Have the index take nothing any more, as on a disk that is full; or take things again.
    pub(crate) fn fill_disk(&self, is_full: bool) {
        self.archive().unwrap().index().db.pragma_update(None, "query_only", is_full).unwrap();
    }
}

/// A disk that takes half of a file and then no more, while `full`.
struct FullDisk(Arc<AtomicBool>);

impl Writer for FullDisk {
    fn write(&self, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        if !self.0.load(Relaxed) {
            return Durable.write(folder, name, bytes);
        }
        std::fs::write(folder.join(".new-half"), &bytes[..bytes.len() / 2])?;
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn a_full_disk_is_counted_and_what_was_kept_stays() {
    let home = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let writer = Box::new(FullDisk(full.clone()));
    let archive =
        Archive::open_with(home.path(), ArchiveLimits::default(), JobLimits::default(), writer).unwrap();
    let made = results(3);
    assert!(archive.keep(&made[0]));
    full.store(true, Relaxed);
    assert!(!archive.keep(&made[1]));
    assert_eq!(archive.figures().failed[1], ("result", 1));
    assert_eq!(listed(&archive), [made[0].id]);
    assert!(archive.find(made[1].id).is_none());
    full.store(false, Relaxed);
    // Now the index has no room: its file may not grow.
    let pages: i64 = archive.index().db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    archive.index().db.pragma_update(None, "max_page_count", pages).unwrap();
    let mut wide = fake::finished(16, 1);
    wide.request.prompt = "x".repeat(100_000);
    assert!(!archive.keep(&wide));
    assert_eq!(archive.figures().failed[1], ("result", 2));
    assert!(!path(home.path(), &wide).exists(), "no file without a row");
    archive.index().db.pragma_update(None, "max_page_count", pages + 1000).unwrap();
    assert!(archive.keep(&made[2]));
    assert_eq!(listed(&archive), [2, 0].map(|n: usize| made[n].id));
    drop(archive);
    let archive = open(home.path(), ArchiveLimits::default());
    assert_eq!(listed(&archive), [2, 0].map(|n: usize| made[n].id));
    assert_eq!(std::fs::read_dir(home.path().join("motions")).unwrap().count(), 2);
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_made_means_memory() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let keeping = Keeping::on_disk(&file.join("results"), ArchiveLimits::default(), JobLimits::default());
    assert!(keeping.archive().is_none());
    assert_eq!(keeping.figures().unwrap().failed[0], ("open", 1));
}

/// Take the index away, with what belongs to it.
fn forget_index(folder: &Path) {
    for name in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
}

#[test]
fn an_index_whose_making_was_interrupted_is_made_again() {
    let home = tempfile::tempdir().unwrap();
    let mut made = results(3);
    (0..).zip(&mut made).for_each(|(n, finished)| finished.created += Duration::from_secs(n));
    let archive = open(home.path(), ArchiveLimits::default());
    keep(&archive, &made);
    drop(archive);
    forget_index(home.path());
    // A process that ends after it began the index and before all rows were in.
    drop(Index::open(home.path()).unwrap());
    let index = Index::open(home.path()).unwrap();
    assert!(index.is_new);
    drop(index);
    let archive = open(home.path(), limits(2, u64::MAX));
    assert_eq!(
        listed(&archive),
        [2, 1].map(|n: usize| made[n].id),
        "all are taken in, then the oldest leaves"
    );
    assert_eq!(archive.find(made[1].id).as_ref(), Some(&made[1]));
    assert_eq!(archive.figures().evicted[0], ("count", 1));
    drop(archive);
    assert!(!Index::open(home.path()).unwrap().is_new);
}

#[test]
fn what_could_not_be_taken_in_is_never_swept() {
    let home = tempfile::tempdir().unwrap();
    let made = results(3);
    let archive = open(home.path(), ArchiveLimits::default());
    keep(&archive, &made);
    drop(archive);
    // One of a version to come, and one under the name of another.
    let mut later = std::fs::read(path(home.path(), &made[0])).unwrap();
    later.truncate(later.len() - 32);
    later[8] += 1;
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&later);
    later.extend_from_slice(&digest);
    std::fs::write(path(home.path(), &made[0]), &later).unwrap();
    std::fs::copy(path(home.path(), &made[2]), path(home.path(), &made[1])).unwrap();
    forget_index(home.path());
    for _ in 0..2 {
        let archive = open(home.path(), ArchiveLimits::default());
        assert_eq!(listed(&archive), [made[2].id]);
        for finished in &made[..2] {
            let aside = path(home.path(), finished).with_extension("motion.unread");
            assert!(aside.exists() && archive.find(finished.id).is_none());
        }
    }
    let aside = path(home.path(), &made[0]).with_extension("motion.unread");
    assert_eq!(std::fs::read(aside).unwrap(), later);
}

#[test]
fn what_is_removed_while_it_is_read_stays_away() {
    let home = tempfile::tempdir().unwrap();
    let made = results(1).remove(0);
    let archive = open(home.path(), ArchiveLimits::default());
    keep(&archive, std::slice::from_ref(&made));
    let memory = Store::new(8, usize::MAX);
    // Whoever reads it waits for the index when the file is read and memory has it.
    let index = archive.index();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| archive.recall(made.id, &memory));
        crate::engine::fake::eventually("the file to be read", || memory.get(made.id).is_some());
        index.remove(made.id).unwrap();
        drop(index);
        assert_eq!(reading.join().unwrap().as_deref(), Some(&made));
    });
    assert!(memory.get(made.id).is_none());
    assert!(archive.recall(MotionId::random().unwrap(), &memory).is_none());
}
