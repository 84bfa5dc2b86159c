//! `COPY` and `ADD`: from sources and a destination to the entries of a layer.

use std::path::{Path, PathBuf};

use super::Ignore;
use super::glob::{Stars, compile, is_pattern};
use crate::layer::{Draft, Entry, Found, Kind, Last, View, unpack_archive};

/// What `COPY` and `ADD` do alike and differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archives {
    /// `COPY`: an archive is a file.
    Copied,
    /// `ADD`: an archive is unpacked.
    Unpacked,
}

/// Where files come from.
pub(super) struct Origin<'a> {
    pub(super) view: View,
    /// For the build context.
    pub(super) ignore: Option<&'a Ignore>,
    /// For messages: `the build context` or `stage "build"`.
    pub(super) label: String,
}

/// One `COPY`, with variables replaced.
pub(super) struct Transfer<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) paths: Vec<String>,
    /// Files whose content is in the Dockerfile: name and content.
    pub(super) inline: Vec<(String, Vec<u8>)>,
    pub(super) destination: String,
    pub(super) workdir: String,
    pub(super) owner: Option<(u64, u64)>,
    pub(super) mode: Option<u32>,
    pub(super) archives: Archives,
    /// Where archives are unpacked to meanwhile.
    pub(super) scratch: PathBuf,
}

/// The layer's entries over `root`, the image so far.
pub(super) fn draft(transfer: &Transfer<'_>, root: &View) -> Result<Draft, String> {
    let sources = transfer.sources()?;
    let count = sources.len() + transfer.inline.len();
    let ends_with_slash =
        transfer.destination.ends_with('/') || matches!(transfer.destination.as_str(), "." | "./");
    if count > 1 && !ends_with_slash {
        return Err(format!(
            "with more than one source the destination must be a directory and end with a slash: {}/",
            transfer.destination
        ));
    }
    let joined = Path::new("/")
        .join(&transfer.workdir)
        .join(&transfer.destination);
    let circle = || format!("{}: a circle of links", transfer.destination);
    let destination = root.resolve(&joined, Last::Follow).ok_or_else(circle)?;
    let present = root.lookup(&destination);
    let is_directory = ends_with_slash || present.is_some_and(|found| found.metadata.is_dir());
    let mut writer = Writer {
        transfer,
        root,
        draft: Draft::default(),
    };
    for source in &sources {
        writer.source(source, &destination, is_directory)?;
    }
    for (name, content) in &transfer.inline {
        let path = if is_directory {
            destination.join(name)
        } else {
            destination.clone()
        };
        let entry = writer.entry(Kind::Bytes(content.clone()), 0o644, (0, 0));
        writer.place(path, entry);
    }
    Ok(writer.draft)
}

impl Transfer<'_> {
    /// The sources' paths in the origin, patterns replaced by what they match.
    fn sources(&self) -> Result<Vec<PathBuf>, String> {
        let mut sources = Vec::new();
        for path in &self.paths {
            if path.contains("://") || path.starts_with("git@") {
                return Err(format!(
                    "{path}: fetching URLs is not supported; download it in a RUN, or put the file into the context"
                ));
            }
            let clean = self
                .origin
                .view
                .resolve(Path::new(path), Last::Keep)
                .ok_or_else(|| format!("{path}: a circle of links"))?;
            let mut found = Vec::new();
            if is_pattern(path) {
                self.matching(Path::new(""), &parts(path), &mut found);
            } else if self.exists(&clean) {
                found.push(clean);
            }
            if found.is_empty() {
                let ignored = if self.origin.ignore.is_some() {
                    " (or .dockerignore leaves it out)"
                } else {
                    ""
                };
                return Err(format!("{path:?} is not in {}{ignored}", self.origin.label));
            }
            sources.extend(found);
        }
        Ok(sources)
    }

    fn exists(&self, path: &Path) -> bool {
        path.as_os_str().is_empty()
            || (self.origin.view.lookup(path).is_some()
                && (!self.is_ignored(path) || self.has_exceptions()))
    }

    fn has_exceptions(&self) -> bool {
        self.origin.ignore.is_some_and(Ignore::has_exceptions)
    }

    fn is_ignored(&self, path: &Path) -> bool {
        self.origin
            .ignore
            .is_some_and(|ignore| ignore.leaves_out(&path.to_string_lossy()))
    }

    fn matching(&self, directory: &Path, parts: &[String], found: &mut Vec<PathBuf>) {
        let Some((first, rest)) = parts.split_first() else {
            found.push(directory.to_owned());
            return;
        };
        let Some(pattern) = compile(first, Stars::Stay) else {
            return;
        };
        for name in self.origin.view.list(directory) {
            let path = directory.join(&name);
            if pattern.is_match(&name.to_string_lossy()) && !self.is_ignored(&path) {
                self.matching(&path, rest, found);
            }
        }
    }
}

fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect()
}

struct Writer<'a> {
    transfer: &'a Transfer<'a>,
    root: &'a View,
    draft: Draft,
}

impl Writer<'_> {
    fn source(
        &mut self,
        path: &Path,
        destination: &Path,
        is_directory: bool,
    ) -> Result<(), String> {
        let origin = &self.transfer.origin;
        // A link that is named itself is followed; links below a directory are copied as links.
        let real = origin
            .view
            .resolve(path, Last::Follow)
            .ok_or_else(|| format!("{}: a circle of links", path.display()))?;
        if real.as_os_str().is_empty() {
            return self.directory(&View::clone(&origin.view), &real, destination);
        }
        let found = origin.view.lookup(&real);
        let found = found.ok_or_else(|| format!("{}: the link leads nowhere", path.display()))?;
        if found.metadata.is_dir() {
            let entry = self.copied(&found, Kind::Directory);
            if !destination.as_os_str().is_empty() && self.root.lookup(destination).is_none() {
                self.place(destination.to_owned(), entry);
            }
            return self.directory(&origin.view.clone(), &real, destination);
        }
        if self.transfer.archives == Archives::Unpacked && is_archive(&found.source)? {
            return self.archive(&found.source, destination);
        }
        let name = path.file_name().unwrap_or_default();
        let target = if is_directory {
            destination.join(name)
        } else {
            destination.to_owned()
        };
        self.file(&found, target)
    }

    fn directory(&mut self, view: &View, source: &Path, destination: &Path) -> Result<(), String> {
        for name in view.list(source) {
            let from = source.join(&name);
            let to = destination.join(&name);
            let Some(found) = view.lookup(&from) else {
                continue;
            };
            let is_ignored = self.transfer.is_ignored(&from);
            if found.metadata.is_dir() {
                if !is_ignored {
                    let entry = self.copied(&found, Kind::Directory);
                    self.place(to.clone(), entry);
                }
                if !is_ignored || self.transfer.has_exceptions() {
                    self.directory(view, &from, &to)?;
                }
            } else if !is_ignored {
                self.file(&found, to)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, found: &Found, target: PathBuf) -> Result<(), String> {
        let kind = if found.metadata.is_symlink() {
            let link = std::fs::read_link(&found.source);
            Kind::Symlink(link.map_err(|error| format!("{}: {error}", found.source.display()))?)
        } else if found.metadata.is_file() {
            Kind::File(found.source.clone())
        } else {
            // Sockets, pipes and devices of the context are no part of an image.
            return Ok(());
        };
        let entry = self.copied(found, kind);
        self.place(target, entry);
        Ok(())
    }

    fn archive(&mut self, path: &Path, destination: &Path) -> Result<(), String> {
        let target = tempfile::tempdir_in(&self.transfer.scratch)
            .map_err(|error| error.to_string())?
            .keep();
        unpack_archive(path, &target).map_err(|error| crate::build::stage::chain(&error))?;
        let view = View::new(&[target]);
        let mut entries = Vec::new();
        view.walk(Path::new(""), &mut |path, found| {
            entries.push((path.to_owned(), found.clone()));
        });
        for (relative, found) in entries {
            if found.metadata.is_dir() {
                let entry = self.copied(&found, Kind::Directory);
                self.place(destination.join(relative), entry);
            } else {
                self.file(&found, destination.join(relative))?;
            }
        }
        Ok(())
    }

    /// An entry with the mode of the file it comes from. Files belong to root unless `--chown` says otherwise,
    /// but for those of another stage or image.
    fn copied(&self, found: &Found, kind: Kind) -> Entry {
        use std::os::unix::fs::MetadataExt as _;
        let keeps_owner = self.transfer.origin.ignore.is_none();
        let owner = if keeps_owner {
            let own = |id, own: u32| crate::layer::owner(id, own);
            (
                own(found.metadata.uid(), rustix::process::geteuid().as_raw()),
                own(found.metadata.gid(), rustix::process::getegid().as_raw()),
            )
        } else {
            (0, 0)
        };
        self.entry(kind, found.metadata.mode(), owner)
    }

    fn entry(&self, kind: Kind, mode: u32, owner: (u64, u64)) -> Entry {
        let (uid, gid) = self.transfer.owner.unwrap_or(owner);
        let mode = match kind {
            Kind::Symlink(_) => 0o777,
            _ => self.transfer.mode.unwrap_or(mode) & 0o7777,
        };
        Entry {
            kind,
            mode,
            uid,
            gid,
        }
    }

    /// Adds an entry with its parents. Parents that the image has keep their mode; new ones get 0755.
    fn place(&mut self, path: PathBuf, mut entry: Entry) {
        add_parents(
            &mut self.draft,
            self.root,
            &path,
            self.transfer.owner.unwrap_or((0, 0)),
        );
        if entry.kind == Kind::Directory
            && let Some(present) = self
                .root
                .lookup(&path)
                .filter(|present| present.metadata.is_dir())
        {
            entry = existing(&present);
        }
        self.draft.add(path, entry);
    }
}

fn existing(present: &Found) -> Entry {
    use std::os::unix::fs::MetadataExt as _;
    Entry {
        kind: Kind::Directory,
        mode: present.metadata.mode() & 0o7777,
        uid: crate::layer::owner(present.metadata.uid(), rustix::process::geteuid().as_raw()),
        gid: crate::layer::owner(present.metadata.gid(), rustix::process::getegid().as_raw()),
    }
}

/// Adds the directories above `path`: a layer that lies over others replaces their modes, so those that exist are repeated.
pub(super) fn add_parents(draft: &mut Draft, root: &View, path: &Path, owner: (u64, u64)) {
    for parent in path
        .ancestors()
        .skip(1)
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        if draft.get(parent).is_some() {
            continue;
        }
        let entry = match root.lookup(parent) {
            Some(present) if present.metadata.is_dir() => existing(&present),
            _ => Entry {
                kind: Kind::Directory,
                mode: 0o755,
                uid: owner.0,
                gid: owner.1,
            },
        };
        draft.add_missing(parent.to_owned(), entry);
    }
}

/// Whether `ADD` unpacks the file: a tar archive, plain or compressed with gzip or zstd.
fn is_archive(path: &Path) -> Result<bool, String> {
    use std::io::Read as _;
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    file.take(512)
        .read_to_end(&mut start)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let is_tar = |block: &[u8]| block.get(257..262) == Some(b"ustar");
    let compressed = |mut reader: Box<dyn std::io::Read>| {
        let mut block = [0; 512];
        reader.read_exact(&mut block).is_ok() && is_tar(&block)
    };
    let open = || std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()));
    match start.as_slice() {
        [0x1f, 0x8b, ..] => Ok(compressed(Box::new(flate2::read::GzDecoder::new(open()?)))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = zstd::Decoder::new(open()?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(compressed(Box::new(decoder)))
        }
        [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', b'X', b'Z', ..] => Err(format!(
            "{}: archives compressed with bzip2 or xz are not unpacked; use gzip or zstd, or COPY",
            path.display()
        )),
        block => Ok(is_tar(block)),
    }
}
