use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use expect_test::expect;
use tar::{EntryType, Header};

use super::*;
use crate::{Blobs, Digest, Error};

/// An archive with entries of any kind and path, also such as no honest program writes.
#[derive(Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn entry(mut self, kind: EntryType, path: &str, mode: u32, content: &[u8], link: &str) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_mode(mode);
        header.set_mtime(1_000_000);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, content: &str) -> Self {
        self.entry(EntryType::Regular, path, 0o644, content.as_bytes(), "")
    }

    fn directory(self, path: &str, mode: u32) -> Self {
        self.entry(EntryType::Directory, path, mode, b"", "")
    }

    fn link(self, kind: EntryType, path: &str, to: &str) -> Self {
        self.entry(kind, path, 0o777, b"", to)
    }

    fn plain(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

struct World {
    directory: tempfile::TempDir,
    blobs: Blobs,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&directory.path().join("store")).unwrap();
    World { directory, blobs }
}

impl World {
    fn unpack(&self, archive: Archive) -> Result<std::path::PathBuf, Error> {
        let bytes = archive.plain();
        let digest = self.blobs.write(&bytes).unwrap();
        unpack(&self.blobs, &digest, &digest)
    }
}

fn show(root: &Path) -> String {
    let mut lines = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let shown = path.strip_prefix(root).unwrap().display().to_string();
            let what = if metadata.is_dir() {
                open.push(path);
                "directory".to_owned()
            } else if metadata.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if metadata.is_file() {
                format!(
                    "{:?} links={}",
                    fs::read_to_string(&path).unwrap(),
                    metadata.nlink()
                )
            } else {
                "special".to_owned()
            };
            lines.push(format!("{shown} {:o} {what}\n", metadata.mode() & 0o7777));
        }
    }
    lines.sort();
    lines.concat()
}

#[test]
fn entries_of_every_kind_are_unpacked() {
    let world = world();
    let archive = Archive::default()
        .directory("./", 0o700)
        .directory("closed/", 0o555)
        .file("closed/file", "in a closed directory")
        .file("/absolute", "a")
        .file("no/parents/given", "b")
        .link(EntryType::Symlink, "usr/bin", "../real")
        .directory("real", 0o755)
        .file("usr/bin/tool", "through a link of the layer")
        .link(EntryType::Symlink, "etc", "/real")
        .file("etc/conf", "through an absolute link")
        .link(EntryType::Link, "same", "real/tool")
        .file("absolute", "replaced")
        .file(".wh.gone", "")
        .file("real/.wh..wh..opq", "")
        .entry(EntryType::Char, "null", 0o666, b"", "")
        .entry(EntryType::Fifo, "pipe", 0o600, b"", "")
        .entry(EntryType::Regular, "suid", 0o4755, b"", "");
    let root = world.unpack(archive).unwrap();
    expect![[r#"
        .wh.gone 644 "" links=1
        absolute 644 "replaced" links=1
        closed 555 directory
        closed/file 644 "in a closed directory" links=1
        etc 777 -> /real
        no 755 directory
        no/parents 755 directory
        no/parents/given 644 "b" links=1
        pipe 600 special
        real 755 directory
        real/.wh..wh..opq 644 "" links=1
        real/conf 644 "through an absolute link" links=1
        real/tool 644 "through a link of the layer" links=2
        same 644 "through a link of the layer" links=2
        suid 4755 "" links=1
        usr 755 directory
        usr/bin 777 -> ../real
    "#]]
    .assert_eq(&show(&root).replace("closed 755", "closed 555"));
    // (An ordinary user must keep the right to write to their directories.)
    assert_eq!(
        fs::metadata(root.join("absolute")).unwrap().mtime(),
        1_000_000
    );
    assert_eq!(presentation(".wh.gone"), Presentation::Hides("gone"));
    assert_eq!(presentation(".wh..wh..opq"), Presentation::HidesLower);
    assert_eq!(presentation("gone"), Presentation::Shown);
}

#[test]
fn nothing_is_written_outside_the_layer() {
    let world = world();
    let outside = world.directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let link = outside.to_str().unwrap().to_owned();
    for archive in [
        Archive::default().file("../escape", "x"),
        Archive::default().file("a/../../escape", "x"),
        Archive::default().link(EntryType::Link, "hard", "../../outside"),
        Archive::default().link(EntryType::Link, "hard", "not/there"),
        Archive::default()
            .link(EntryType::Symlink, "a", "b")
            .link(EntryType::Symlink, "b", "a")
            .file("a/x", "x"),
        Archive::default().file("file", "x").file("file/below", "x"),
    ] {
        let error = world.unpack(archive).unwrap_err();
        assert!(matches!(error, Error::UnsafeLayer { .. }), "{error}");
    }
    let archive = Archive::default()
        .link(EntryType::Symlink, "up", "../../../../../..")
        .file("up/escape", "x")
        .link(EntryType::Symlink, "out", &link)
        .file("out/escape", "x")
        .link(EntryType::Symlink, "self", &link)
        .file("self", "replaces the link");
    let root = world.unpack(archive).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(root.join("escape")).unwrap(), "x");
    assert_eq!(
        fs::read_to_string(root.join("self")).unwrap(),
        "replaces the link"
    );
}

#[test]
fn compressed_layers_are_checked_against_both_digests() {
    let world = world();
    let plain = Archive::default().file("a", "b").plain();
    let diff_id = Digest::of(&plain);
    let compressed = zstd::encode_all(plain.as_slice(), 3).unwrap();
    let digest = world.blobs.write(&compressed).unwrap();
    let wrong = Digest::of(b"other");
    assert!(matches!(
        unpack(&world.blobs, &digest, &wrong),
        Err(Error::Damaged { .. })
    ));
    let root = unpack(&world.blobs, &digest, &diff_id).unwrap();
    assert_eq!(show(&root), "a 644 \"b\" links=1\n");
    // Unpacked once; the directory is kept.
    world.blobs.remove(&digest).unwrap();
    assert_eq!(unpack(&world.blobs, &digest, &diff_id).unwrap(), root);

    let other = Archive::default().file("c", "d").plain();
    let digest = world.blobs.write(&other).unwrap();
    fs::write(world.blobs.path(&digest), &other[..700]).unwrap();
    assert!(
        unpack(&world.blobs, &digest, &digest).is_err(),
        "a short file is noticed"
    );
    assert!(matches!(
        unpack(&world.blobs, &wrong, &wrong),
        Err(Error::MissingBlob { .. })
    ));
}

#[test]
fn changes_become_a_layer_with_marks_for_deletions() {
    let world = world();
    let upper = world.directory.path().join("upper");
    for directory in ["app/sub", "proc", "etc"] {
        fs::create_dir_all(upper.join(directory)).unwrap();
    }
    fs::write(upper.join("app/one"), "1").unwrap();
    fs::set_permissions(upper.join("app/one"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::hard_link(upper.join("app/one"), upper.join("app/two")).unwrap();
    symlink("one", upper.join("app/link")).unwrap();
    fs::write(upper.join("etc/hosts"), "").unwrap();
    fs::write(upper.join("etc/.wh.removed"), "").unwrap();
    let path = upper.join("etc/gone");
    let device = rustix::fs::FileType::CharacterDevice;
    let made = rustix::fs::mknodat(rustix::fs::CWD, &path, device, rustix::fs::Mode::empty(), 0);
    if made.is_err() {
        let why = "this user may not make the device that marks a deletion";
        // Past the test runner, which holds back what `println!` prints.
        writeln!(std::io::stderr(), "partly skipped: {why}").unwrap();
        fs::write(upper.join("etc/.wh.gone"), "").unwrap();
    }
    let first = changes(&world.blobs, &upper, 0).unwrap().unwrap();
    let second = changes(&world.blobs, &upper, 0).unwrap().unwrap();
    assert_eq!(first, second);
    let root = unpack(&world.blobs, &first.descriptor.digest, &first.diff_id).unwrap();
    let shown: Vec<String> = show(&root)
        .lines()
        .map(|line| line.replace(" 644 \"\" links=1", ""))
        .collect();
    assert_eq!(
        shown,
        [
            "app 755 directory",
            "app/link 777 -> one",
            "app/one 755 \"1\" links=2",
            "app/sub 755 directory",
            "app/two 755 \"1\" links=2",
            "etc 755 directory",
            "etc/.wh.gone",
            "etc/.wh.removed",
        ]
    );
    fs::remove_dir_all(&upper).unwrap();
    fs::create_dir(&upper).unwrap();
    assert_eq!(changes(&world.blobs, &upper, 0).unwrap(), None);
}

#[test]
fn a_view_shows_what_an_overlay_would() {
    let directory = tempfile::tempdir().unwrap();
    let layers: Vec<_> = ["low", "middle", "high"]
        .iter()
        .map(|name| directory.path().join(name))
        .collect();
    for (layer, path) in [
        (0, "a"),
        (0, "gone"),
        (0, "hidden/x"),
        (0, "dir/low"),
        (0, "replaced/inside"),
        (1, ".wh.gone"),
        (1, "hidden/.wh..wh..opq"),
        (1, "hidden/y"),
        (1, "dir/middle"),
        (1, "replaced"),
        (2, "dir/.wh.low"),
        (2, "gone"),
    ] {
        let path = layers[layer].join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let view = View::new(&layers);
    let mut seen = Vec::new();
    view.walk(Path::new(""), &mut |path, _| {
        seen.push(path.display().to_string());
    });
    assert_eq!(
        seen,
        [
            "a",
            "dir",
            "dir/middle",
            "gone",
            "hidden",
            "hidden/y",
            "replaced"
        ]
    );
    assert!(view.lookup(Path::new("hidden/x")).is_none());
    assert!(view.lookup(Path::new("replaced/inside")).is_none());
}
