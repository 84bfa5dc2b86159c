//! What images carry: layers, lists of packages, and advisories about them.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::from_utf8;

use seatrial_images::layer::{self, unpack};
use seatrial_images::scan::{self, scan};
use seatrial_images::{Blobs, Digest, inventory, sbom};

use crate::parts;

/// Stands for a path outside of everything that may be written to.
const OUTSIDE: &str = "OUTSIDE";

/// A directory of this process; emptied for each input.
struct Room(PathBuf);

thread_local! {
    static ROOM: OnceCell<Room> = const { OnceCell::new() };
}

impl Room {
    fn new() -> Self {
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() {
            shared.to_owned()
        } else {
            std::env::temp_dir()
        };
        Self(base.join(format!("seatrial-fuzz-{}", std::process::id())))
    }

    fn empty(&self) {
        let _ = fs::remove_dir_all(&self.0);
        fs::create_dir_all(self.0.join("outside")).unwrap();
        fs::write(self.0.join("outside/canary"), "alive").unwrap();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One entry of an archive: `type mode path` and perhaps ` -> link`, then a line break and the content.
/// Header fields are filled with whatever stands there, as no honest program does.
fn entry(part: &[u8], outside: &str, archive: &mut Vec<u8>) -> Option<()> {
    let end = part
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(part.len());
    let line = from_utf8(&part[..end]).ok()?.replace(OUTSIDE, outside);
    let content = part.get(end + 1..).unwrap_or_default();
    let mut words = line.splitn(3, ' ');
    let (kind, mode) = (words.next()?.bytes().next()?, words.next()?);
    let rest = words.next()?;
    let (path, link) = rest.split_once(" -> ").unwrap_or((rest, ""));
    let mut header = tar::Header::new_gnu();
    let bytes = header.as_mut_bytes();
    let (path, link) = (path.as_bytes(), link.as_bytes());
    bytes[..path.len().min(100)].copy_from_slice(&path[..path.len().min(100)]);
    bytes[157..157 + link.len().min(100)].copy_from_slice(&link[..link.len().min(100)]);
    bytes[156] = kind;
    header.set_mode(u32::from_str_radix(mode, 8).unwrap_or(0o644));
    header.set_size(content.len() as u64);
    header.set_cksum();
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
    Some(())
}

/// Layers of images: as they are where the first part is `raw`, else made of entries. Nothing outside of the
/// layer's directory is written, whatever its paths and links say.
pub fn layer(data: &[u8]) {
    ROOM.with(|room| {
        let room = room.get_or_init(Room::new);
        room.empty();
        let outside = room.0.join("outside");
        let mut archive = Vec::new();
        if let Some(raw) = data.strip_prefix(b"raw\x1e") {
            archive.extend_from_slice(raw);
        } else {
            for part in parts(data) {
                entry(part, &outside.to_string_lossy(), &mut archive);
            }
            archive.resize(archive.len() + 1024, 0);
        }
        let blobs = Blobs::open(&room.0.join("store")).unwrap();
        let digest = blobs.write(&archive).unwrap();
        match unpack(&blobs, &digest, &Digest::of(&archive)) {
            Ok(root) => {
                assert!(
                    root.starts_with(room.0.join("store/layers")),
                    "{}",
                    root.display()
                );
                let subject = inventory::Subject::directory(&root).unwrap();
                let _ = sbom::sbom(&subject).to_string();
                let view = layer::View::new(&[root]);
                drop(view);
            }
            Err(error) => drop(error.to_string()),
        }
        let left: Vec<_> = fs::read_dir(&outside).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "something was written outside: {left:?}");
        assert_eq!(fs::read_to_string(outside.join("canary")).unwrap(), "alive");
        let top = fs::read_dir(&room.0).unwrap().flatten().count();
        assert_eq!(top, 2, "something was written beside");
    });
}

/// Lists of packages, and advisories about them: files with the name up to the first line break, those below
/// `advisories/` being advisories.
pub fn advisory(data: &[u8]) {
    ROOM.with(|room| {
        let room = room.get_or_init(Room::new);
        room.empty();
        let (tree, advisories) = (room.0.join("tree"), room.0.join("advisories"));
        fs::create_dir_all(&tree).unwrap();
        fs::create_dir_all(&advisories).unwrap();
        for part in parts(data) {
            let end = part
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(part.len());
            let Ok(name) = from_utf8(&part[..end]) else {
                continue;
            };
            let fine = |step: &str| {
                !step.is_empty() && !step.contains('\0') && step != "." && step != ".."
            };
            if !name.split('/').all(fine) || name.len() > 200 {
                continue;
            }
            let path = match name.strip_prefix("advisories/") {
                Some(name) => advisories.join(name),
                None => tree.join(name),
            };
            let made = path.parent().map(fs::create_dir_all);
            if matches!(made, Some(Ok(()))) {
                let _ = fs::write(path, part.get(end + 1..).unwrap_or_default());
            }
        }
        let subject = inventory::Subject::directory(&tree).unwrap();
        let options = scan::Options {
            advisories: Some(advisories),
            ..scan::Options::default()
        };
        match scan(&subject, &options) {
            Ok(report) => {
                let _ = report.table();
                let again: serde_json::Value =
                    serde_json::from_str(&report.json().to_string()).unwrap();
                assert!(again.is_object());
                let _ = report.exit_code(1);
            }
            Err(error) => drop(error.to_string()),
        }
        let _ = sbom::sbom(&subject).to_string();
        if let Ok(text) = from_utf8(data)
            && let Some(score) = scan::base_score(text)
        {
            assert!((0.0..=10.0).contains(&score), "{score}");
        }
    });
}
