//! Unpacking a layer into a directory of its own.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, EntryType};

use crate::digest::Hashing;
use crate::{Blobs, Digest, Error};

/// How many links a path may lead through.
const LINK_LIMIT: usize = 40;

/// The directory with the content of a layer; made on first use and then kept.
///
/// The archive's and the content's digests are checked on the way. Paths stay inside the directory,
/// whatever the archive says. Device nodes are left out: a container gets its own.
/// Owners are kept as far as this process may set them.
///
/// # Errors
/// [`Error::UnsafeLayer`], [`Error::Damaged`], [`Error::Unpack`], [`Error::MissingBlob`].
pub fn unpack(blobs: &Blobs, digest: &Digest, diff_id: &Digest) -> Result<PathBuf, Error> {
    let target = blobs.layer_path(diff_id);
    if target.is_dir() {
        return Ok(target);
    }
    let path = blobs.path(digest);
    let Ok(file) = File::open(&path) else {
        return Err(Error::MissingBlob {
            digest: digest.clone(),
        });
    };
    let staging = blobs.temporary_directory()?;
    let root = staging.path().join("root");
    fs::create_dir(&root).map_err(Error::file("create", &root))?;
    let failed = |source| Error::Unpack {
        layer: digest.clone(),
        source,
    };
    let (plain, compressed) = extract(file, &root, digest)?;
    check(digest, compressed.map_err(failed)?)?;
    check(diff_id, plain)?;
    fs::set_permissions(&root, Permissions::from_mode(0o755))
        .map_err(Error::file("set the mode of", &root))?;
    match fs::rename(&root, &target) {
        // Someone else unpacked it meanwhile; theirs is the same.
        Err(_) if target.is_dir() => Ok(target),
        Err(source) => Err(Error::File {
            step: "create",
            path: target,
            source,
        }),
        Ok(()) => Ok(target),
    }
}

fn check(wanted: &Digest, actual: Digest) -> Result<(), Error> {
    if *wanted == actual {
        Ok(())
    } else {
        Err(Error::Damaged {
            digest: wanted.clone(),
            actual,
        })
    }
}

/// Extracts an archive that is no layer of an image into `root`.
pub(crate) fn unpack_archive(path: &Path, root: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(Error::file("read", path))?;
    extract(file, root, &Digest::of(path.as_os_str().as_encoded_bytes())).map(drop)
}

/// Extracts and gives the digests of the archive and of the file.
fn extract(file: File, root: &Path, layer: &Digest) -> Result<(Digest, io::Result<Digest>), Error> {
    let failed = |source| Error::Unpack {
        layer: layer.clone(),
        source,
    };
    let mut reader = BufReader::with_capacity(1 << 17, Hashing::new(file));
    let start = io::BufRead::fill_buf(&mut reader).map_err(failed)?;
    let decoder: Box<dyn Read + '_> = match start {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(&mut reader)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(zstd::Decoder::with_buffer(&mut reader).map_err(failed)?)
        }
        _ => Box::new(&mut reader),
    };
    let mut archive = Archive::new(Hashing::new(decoder));
    let mut target = Target {
        root,
        layer,
        directories: BTreeMap::new(),
    };
    for entry in archive.entries().map_err(failed)? {
        target.entry(&mut entry.map_err(failed)?)?;
    }
    target.finish().map_err(failed)?;
    let mut hashing = archive.into_inner();
    // Padding after the end of the archive belongs to its digest.
    io::copy(&mut hashing, &mut io::sink()).map_err(failed)?;
    let (decoder, plain, _) = hashing.finish();
    drop(decoder);
    let rest = io::copy(&mut reader, &mut io::sink());
    let (_, compressed, _) = reader.into_inner().finish();
    Ok((plain, rest.map(|_| compressed)))
}

struct Target<'a> {
    root: &'a Path,
    layer: &'a Digest,
    /// Modes and times of directories, set last: a directory without write permission must still be filled.
    directories: BTreeMap<PathBuf, (u32, u64)>,
}

impl Target<'_> {
    fn refuse(&self, entry: &Path, reason: &'static str) -> Error {
        Error::UnsafeLayer {
            layer: self.layer.clone(),
            entry: entry.to_string_lossy().into_owned(),
            reason,
        }
    }

    fn entry<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), Error> {
        let failed = |source| Error::Unpack {
            layer: self.layer.clone(),
            source,
        };
        let name = entry.path().map_err(failed)?.into_owned();
        let Some(path) = self.place(&name)? else {
            return Ok(());
        };
        let header = entry.header();
        let mode = header.mode().map_err(failed)? & 0o7777;
        let modified = header.mtime().unwrap_or(0);
        let owner = (header.uid().unwrap_or(0), header.gid().unwrap_or(0));
        match header.entry_type() {
            EntryType::Directory => {
                if !path.is_dir() || path.is_symlink() {
                    clear(&path)
                        .and_then(|()| fs::create_dir(&path))
                        .map_err(failed)?;
                }
                self.directories.insert(path.clone(), (mode, modified));
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                clear(&path).map_err(failed)?;
                let mut file = File::create_new(&path).map_err(failed)?;
                io::copy(entry, &mut file).map_err(failed)?;
            }
            EntryType::Symlink => {
                let link = entry
                    .link_name()
                    .map_err(failed)?
                    .ok_or_else(|| self.refuse(&name, "is a link to nothing"))?;
                clear(&path)
                    .and_then(|()| symlink(&link, &path))
                    .map_err(failed)?;
            }
            EntryType::Link => {
                let link = entry
                    .link_name()
                    .map_err(failed)?
                    .ok_or_else(|| self.refuse(&name, "is a link to nothing"))?;
                let original = self
                    .place(&link)?
                    .ok_or_else(|| self.refuse(&name, "is a hard link to the root"))?;
                if !original.is_symlink() && !original.is_file() {
                    return Err(self.refuse(
                        &name,
                        "is a hard link to a file that the layer does not have",
                    ));
                }
                clear(&path)
                    .and_then(|()| fs::hard_link(&original, &path))
                    .map_err(failed)?;
                return Ok(());
            }
            EntryType::Fifo => {
                clear(&path).map_err(failed)?;
                let mode = rustix::fs::Mode::from_raw_mode(mode);
                let made = rustix::fs::mknodat(
                    rustix::fs::CWD,
                    &path,
                    rustix::fs::FileType::Fifo,
                    mode,
                    0,
                );
                made.map_err(|error| failed(error.into()))?;
            }
            // Device nodes, and kinds of entries that carry no file.
            _ => return Ok(()),
        }
        own(&path, owner);
        let kind = entry.header().entry_type();
        if kind != EntryType::Symlink && kind != EntryType::Directory {
            fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed)?;
            set_modified(&path, modified);
        }
        Ok(())
    }

    /// The place of an entry, with its parents made. `None` for the root itself.
    fn place(&self, name: &Path) -> Result<Option<PathBuf>, Error> {
        let mut parts = Vec::new();
        for part in name.components() {
            match part {
                Component::Normal(part) => parts.push(part),
                Component::CurDir | Component::RootDir => {}
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(self.refuse(name, "leads out of the layer"));
                }
            }
        }
        let Some((file, parents)) = parts.split_last() else {
            return Ok(None);
        };
        let mut directory = self.root.to_owned();
        let mut hops = 0;
        for part in parents {
            directory = self.enter(&directory, Path::new(part), name, &mut hops)?;
        }
        Ok(Some(directory.join(file)))
    }

    /// One step down, through links that the layer itself made; those never lead out of the root.
    fn enter(
        &self,
        directory: &Path,
        part: &Path,
        name: &Path,
        hops: &mut usize,
    ) -> Result<PathBuf, Error> {
        let failed = |source| Error::Unpack {
            layer: self.layer.clone(),
            source,
        };
        let next = directory.join(part);
        match fs::symlink_metadata(&next) {
            Err(_) => {
                fs::create_dir(&next).map_err(failed)?;
                Ok(next)
            }
            Ok(metadata) if metadata.is_dir() => Ok(next),
            Ok(metadata) if metadata.is_symlink() => {
                *hops += 1;
                if *hops > LINK_LIMIT {
                    return Err(self.refuse(name, "leads through a circle of links"));
                }
                let link = fs::read_link(&next).map_err(failed)?;
                let mut at = if link.is_absolute() {
                    self.root.to_owned()
                } else {
                    directory.to_owned()
                };
                for step in link.components() {
                    match step {
                        Component::Normal(step) => {
                            at = self.enter(&at, Path::new(step), name, hops)?;
                        }
                        Component::ParentDir if at != self.root => {
                            at.pop();
                        }
                        _ => {}
                    }
                }
                Ok(at)
            }
            Ok(_) => Err(self.refuse(name, "has a file where a directory is needed")),
        }
    }

    fn finish(&self) -> io::Result<()> {
        // Without privileges a directory must stay readable for its owner, or nobody can use or delete it.
        let floor = if rustix::process::geteuid().is_root() {
            0
        } else {
            0o700
        };
        for (path, (mode, modified)) in self.directories.iter().rev() {
            if path.is_dir() && !path.is_symlink() {
                fs::set_permissions(path, Permissions::from_mode(mode | floor))?;
                set_modified(path, *modified);
            }
        }
        Ok(())
    }
}

/// Makes room for an entry that replaces an earlier one of the same archive.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

fn own(path: &Path, (uid, gid): (u64, u64)) {
    if rustix::process::geteuid().is_root() {
        // In a user namespace some ids do not exist; the file then stays ours.
        let _ = std::os::unix::fs::lchown(path, u32::try_from(uid).ok(), u32::try_from(gid).ok());
    }
}

/// By name and not by an opened file: opening a pipe would wait for its other end.
fn set_modified(path: &Path, seconds: u64) {
    let time = rustix::fs::Timespec {
        tv_sec: seconds.cast_signed(),
        tv_nsec: 0,
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    // A wrong time is no reason to refuse a layer.
    let _ = rustix::fs::utimensat(rustix::fs::CWD, path, &times, flags);
}
