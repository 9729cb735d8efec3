//! One suite over both sources of files, so that a simulation reads what a disk would show.

use super::{FileError, FileKind};
use crate::Env;
use crate::sim::{SimOptions, Simulation};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

const FILES: [(&str, &str); 5] =
    [("a.txt", "alpha"), ("b/c.txt", "gamma"), ("b/d/e.txt", ""), ("b.txt", "beta"), ("b!", "!")];

/// A folder of this test alone, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("foundation-env-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The claims about `Files` over the tree of `FILES` at `root`.
async fn check(env: Env, root: PathBuf) {
    let files = env.files();
    assert_eq!(files.read(root.join("b/c.txt"), 5).await.unwrap(), b"gamma");
    let too_large = files.read(root.join("b/c.txt"), 4).await;
    assert!(matches!(too_large, Err(FileError::TooLarge { bytes_max: 4, .. })), "{too_large:?}");
    let missing = files.read(root.join("nothing"), 9).await.unwrap_err();
    assert_eq!(missing.io_kind(), Some(ErrorKind::NotFound));
    assert!(missing.to_string().contains("nothing"), "{missing}");
    let folder = files.read(root.join("b"), 9).await.unwrap_err();
    assert_eq!(folder.io_kind(), Some(ErrorKind::IsADirectory));

    let info = files.metadata(root.join("a.txt")).await.unwrap();
    assert_eq!((info.kind, info.len_bytes), (FileKind::File, 5));
    let info = files.metadata(root.join("b/d")).await.unwrap();
    assert_eq!((info.kind, info.len_bytes), (FileKind::Folder, 0));

    let listed = files.list(&root, 4).await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|entry| (entry.path.strip_prefix(&root).unwrap().to_str().unwrap(), entry.kind))
        .collect();
    let file = FileKind::File;
    assert_eq!(listed, [("a.txt", file), ("b", FileKind::Folder), ("b!", file), ("b.txt", file)]);
    let too_many = files.list(&root, 3).await;
    assert!(matches!(too_many, Err(FileError::TooMany { entries_max: 3, .. })), "{too_many:?}");
    let not_a_folder = files.list(root.join("a.txt"), 9).await.unwrap_err();
    assert_eq!(not_a_folder.io_kind(), Some(ErrorKind::NotADirectory));

    let mut expected: Vec<_> = FILES.iter().map(|(path, _)| root.join(path)).collect();
    expected.sort();
    assert_eq!(files.walk(&root, 7).await.unwrap(), expected);
    let too_many = files.walk(&root, 6).await;
    assert!(matches!(too_many, Err(FileError::TooMany { entries_max: 6, .. })), "{too_many:?}");
}

#[tokio::test]
async fn the_disk_is_read_as_promised() {
    let scratch = Scratch::new("suite");
    for (path, text) in FILES {
        let path = scratch.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    check(Env::current(), scratch.0.clone()).await;
}

#[test]
fn the_simulated_tree_is_read_as_promised() {
    let root = PathBuf::from("/data");
    for seed in 0..10 {
        let mut simulation = Simulation::new(seed, SimOptions::default());
        for (path, text) in FILES {
            simulation.write_file(root.join(path), text);
        }
        let env = simulation.env();
        simulation.block_on(check(env, root.clone()));
        assert_eq!(simulation.remove_file(root.join("a.txt")).as_deref(), Some(&b"alpha"[..]));
        let gone = simulation.block_on(simulation_read(simulation.env(), root.join("a.txt")));
        assert_eq!(gone.unwrap_err().io_kind(), Some(ErrorKind::NotFound));
    }
}

async fn simulation_read(env: Env, path: PathBuf) -> Result<Vec<u8>, FileError> {
    env.files().read(path, 100).await
}

#[cfg(unix)]
#[tokio::test]
async fn a_walk_does_not_follow_a_link_in_a_circle() {
    let scratch = Scratch::new("link");
    fs::write(scratch.0.join("file"), "x").unwrap();
    std::os::unix::fs::symlink(&scratch.0, scratch.0.join("circle")).unwrap();
    let found = Env::current().files().walk(&scratch.0, 10).await.unwrap();
    assert_eq!(found, [scratch.0.join("file")]);
}

/// The claims about changes, in an empty folder.
async fn check_changes(env: Env, root: PathBuf) {
    let files = env.files();
    let (folder, file) = (root.join("new/folder"), root.join("new/folder/state"));
    files.create_folder(&folder).await.unwrap();
    files.create_folder(&folder).await.unwrap();
    for text in ["first", "second"] {
        files.replace(&file, text.into()).await.unwrap();
        assert_eq!(files.read(&file, 99).await.unwrap(), text.as_bytes());
    }
    let lock = files.lock(folder.join("lock"), "process 1".to_owned()).await.unwrap();
    let refused = files.lock(folder.join("lock"), "process 2".to_owned()).await.unwrap_err();
    assert!(
        matches!(&refused, FileError::Locked { holder, .. } if holder == "process 1"),
        "{refused:?}"
    );
    drop(lock);
    drop(files.lock(folder.join("lock"), "process 2".to_owned()).await.unwrap());
}

#[tokio::test]
async fn the_disk_is_changed_as_promised() {
    let scratch = Scratch::new("changes");
    check_changes(Env::current(), scratch.0.clone()).await;
    let file = scratch.0.join("new/folder/state");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file.parent().unwrap()), mode(&file)), (0o700, 0o600));
    }
    // A folder stands where the file belongs.
    let refused = Env::current().files().replace(scratch.0.join("new"), b"x".to_vec()).await;
    assert!(matches!(refused, Err(FileError::Io { .. })), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), b"second");
}

#[test]
fn the_simulated_tree_is_changed_as_promised() {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let env = simulation.env();
    simulation.block_on(check_changes(env, PathBuf::from("/data")));
}

/// A reader stands for a crash at any moment: what it finds is what would be left.
///
/// Guarantee FI1
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_replaced_file_is_whole_at_every_moment() {
    let scratch = Scratch::new("whole");
    let path = scratch.0.join("state");
    let content = |byte: u8| vec![byte; 1 << 20];
    fs::write(&path, content(0)).unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut read = 0;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let found = fs::read(&path).unwrap();
                assert!(found.len() == 1 << 20 && found.iter().all(|byte| *byte == found[0]));
                read += 1;
            }
            read
        });
        let replace = async {
            for byte in 1..40 {
                Env::current().files().replace(&path, content(byte)).await.unwrap();
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(replace));
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(read > 0, "nobody looked");
}
