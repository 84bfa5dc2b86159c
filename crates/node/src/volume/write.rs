//! Putting files of API objects on disk, all at once.
//!
//! ```text
//!   volume/
//!     ..2026_11_21_10_31_26.123456789/colour    the files
//!     ..data -> ..2026_11_21_…                  renamed over the old link: the moment of change
//!     colour -> ..data/colour                   what the container sees
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::FileContent;

const DATA: &str = "..data";

/// A failed step.
#[derive(Debug, thiserror::Error)]
#[error("{step} {}", path.display())]
pub struct WriteError {
    step: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn at<'a>(step: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> WriteError + 'a {
    move |source| WriteError {
        step,
        path: path.to_owned(),
        source,
    }
}

/// Makes `volume` hold exactly these files. A reader sees the old files or the new ones, never a
/// mixture.
pub fn write(
    volume: &Path,
    files: &BTreeMap<String, FileContent>,
    now: Timestamp,
) -> Result<(), WriteError> {
    fs::create_dir_all(volume).map_err(at("create", volume))?;
    let name = fresh(volume, now);
    let directory = volume.join(&name);
    fs::create_dir(&directory).map_err(at("create", &directory))?;
    set_mode(&directory, 0o755)?;
    for (path, file) in files {
        put(&directory, path, file)?;
    }
    let data = volume.join(DATA);
    let before = fs::read_link(&data).ok();
    let next = volume.join("..data_tmp");
    remove(&next)?;
    symlink(&name, &next).map_err(at("link", &next))?;
    fs::rename(&next, &data).map_err(at("rename", &next))?;
    show(volume, files)?;
    if let Some(before) = before {
        let old = volume.join(before);
        fs::remove_dir_all(&old).map_err(at("remove", &old))?;
    }
    Ok(())
}

fn fresh(volume: &Path, now: Timestamp) -> String {
    let base = now.strftime("..%Y_%m_%d_%H_%M_%S.%9f").to_string();
    let taken = |name: &String| volume.join(name).exists();
    let mut names = std::iter::once(base.clone()).chain((1_u64..).map(|n| format!("{base}.{n}")));
    names.find(|name| !taken(name)).unwrap_or(base)
}

fn put(directory: &Path, path: &str, file: &FileContent) -> Result<(), WriteError> {
    let target = directory.join(path);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(at("create", parent))?;
    }
    let mut options = fs::OpenOptions::new();
    let opened = options
        .write(true)
        .create_new(true)
        .mode(file.mode | 0o200)
        .open(&target);
    let mut opened = opened.map_err(at("create", &target))?;
    opened
        .write_all(&file.bytes)
        .map_err(at("write", &target))?;
    let mode = match file.owner.map(|owner| chown(&target, Some(owner), None)) {
        // Only root can give files away. Others on the machine do not get into the folder anyway.
        Some(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => file.mode | 0o044,
        Some(Err(error)) => return Err(at("give away", &target)(error)),
        Some(Ok(())) | None => file.mode,
    };
    set_mode(&target, mode)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), WriteError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(at("set the mode of", path))
}

/// Links the top names into the volume, and removes those that are gone.
fn show(volume: &Path, files: &BTreeMap<String, FileContent>) -> Result<(), WriteError> {
    let names: BTreeSet<&str> = files
        .keys()
        .filter_map(|path| path.split('/').next())
        .collect();
    for entry in fs::read_dir(volume).map_err(at("list", volume))? {
        let entry = entry.map_err(at("list", volume))?;
        let name = entry.file_name();
        let stale = name
            .to_str()
            .is_none_or(|name| !name.starts_with("..") && !names.contains(name));
        if stale {
            remove(&entry.path())?;
        }
    }
    for name in names {
        let link = volume.join(name);
        if link.symlink_metadata().is_err() {
            symlink(Path::new(DATA).join(name), &link).map_err(at("link", &link))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), WriteError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(contents: &[(&str, &str)]) -> BTreeMap<String, FileContent> {
        let file = |text: &str| FileContent {
            bytes: text.into(),
            mode: 0o640,
            owner: None,
        };
        contents
            .iter()
            .map(|(path, text)| ((*path).to_owned(), file(text)))
            .collect()
    }

    #[test]
    fn files_change_all_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let volume = directory.path().join("volume");
        let now = Timestamp::UNIX_EPOCH;
        write(
            &volume,
            &files(&[("colour", "blue"), ("deep/er", "1")]),
            now,
        )
        .unwrap();
        assert_eq!(fs::read_to_string(volume.join("colour")).unwrap(), "blue");
        assert_eq!(fs::read_to_string(volume.join("deep/er")).unwrap(), "1");
        let mode = fs::metadata(volume.join("colour"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o640);
        write(&volume, &files(&[("colour", "green"), ("new", "2")]), now).unwrap();
        assert_eq!(fs::read_to_string(volume.join("colour")).unwrap(), "green");
        let mut names: Vec<_> = fs::read_dir(&volume)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with("..19"))
            .collect();
        names.sort();
        assert_eq!(names, ["..data", "colour", "new"]);
    }
}
