//! Where a container's paths lie when there is no container.
//!
//! The image's files are copied into a directory, the *root*. A path of the container lies in the
//! root; but programs of the machine are the machine's own, at their own paths. So of the paths in
//! arguments and in the environment, those are rewritten that lie in the root. Precisely:
//!
//! - A *path* in a text begins with a single `/`, at its start or after one of
//!   ``space tab newline " ' = : , ; ( ) < > | & { [ ` ``, and goes on up to the next of these or one
//!   of `} ] $ * ?`.
//! - It is rewritten if it exists in the root, or else if the directory that would contain it does
//!   and is not the root itself (a file to be made).
//! - It is not rewritten if it is a directory that the machine has too and that lies in a place for
//!   programs and settings (`/usr`, `/bin`, `/sbin`, `/lib…`, `/etc`, `/proc`, `/sys`, `/dev`), or a
//!   missing file in such a directory.
//!
//! So `/app/main.py`, `--config=/app/x.ini`, `PYTHONPATH=/app:/app/lib` and `cd /app && python3
//! /app/main.py > /app/log` are rewritten; `/bin/sh`, `http://host/app` and `$HOME/app` are not. What a
//! program computes by itself (`"/" + "app"`, a path inside a script file) is not seen: relative
//! paths and `$SEATRIAL_ROOT` work in both runtimes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::runtime::sandbox::host::inside;

const BEFORE: &[u8] = b" \t\n\"'=:,;()<>|&{[`";
const AFTER: &[u8] = b" \t\n\"'=:,;()<>|&{[`}]$*?";
const OF_THE_MACHINE: [&str; 10] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/proc", "/sys", "/dev",
];

/// The variable that tells programs where the root is.
pub(super) const ROOT_VARIABLE: &str = "SEATRIAL_ROOT";

/// The paths of one container.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub(super) root: PathBuf,
}

impl Paths {
    /// Where a path of the container lies, whether or not it exists.
    pub(super) fn place(&self, path: &Path) -> PathBuf {
        self.root.join(inside(path))
    }

    /// Rewrites the paths in a text.
    pub(super) fn map(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let (mut mapped, mut copied, mut at) = (String::new(), 0, 0);
        while at < bytes.len() {
            let begins = bytes[at] == b'/'
                && (at == 0 || BEFORE.contains(&bytes[at - 1]))
                && bytes.get(at + 1) != Some(&b'/');
            if !begins {
                at += 1;
                continue;
            }
            let length = bytes[at..].iter().position(|byte| AFTER.contains(byte));
            let end = length.map_or(bytes.len(), |length| at + length);
            let path = &text[at..end];
            if self.is_own(Path::new(path)) {
                mapped.push_str(&text[copied..at]);
                mapped.push_str(&self.root.to_string_lossy());
                copied = at;
            }
            at = end;
        }
        mapped.push_str(&text[copied..]);
        mapped
    }

    fn is_own(&self, path: &Path) -> bool {
        if inside(path) == Path::new("") {
            return false;
        }
        if self.place(path).symlink_metadata().is_ok() {
            return !(self.place(path).is_dir() && is_of_the_machine(path));
        }
        let directory = path.parent().filter(|parent| *parent != Path::new("/"));
        directory.is_some_and(|directory| {
            self.place(directory).is_dir() && !is_of_the_machine(directory)
        })
    }

    /// The environment, with what the container runtime provides too. `tools` is a directory with
    /// the machine's tools under their ordinary names.
    pub(super) fn environment(
        &self,
        env: &BTreeMap<String, String>,
        hostname: &str,
        tools: &Path,
    ) -> BTreeMap<String, String> {
        let mut mapped: BTreeMap<String, String> = env
            .iter()
            .map(|(name, value)| (name.clone(), self.map(value)))
            .collect();
        let path = env
            .get("PATH")
            .map_or(crate::runtime::sandbox::DEFAULT_PATH, String::as_str);
        mapped.insert("PATH".to_owned(), self.search_path(path, tools));
        let mut default = |name: &str, value: String| {
            mapped.entry(name.to_owned()).or_insert(value);
        };
        default("HOSTNAME", hostname.to_owned());
        default(
            "HOME",
            self.place(Path::new("/root"))
                .to_string_lossy()
                .into_owned(),
        );
        default(
            "TMPDIR",
            self.place(Path::new("/tmp")).to_string_lossy().into_owned(),
        );
        mapped.insert(
            ROOT_VARIABLE.to_owned(),
            self.root.to_string_lossy().into_owned(),
        );
        mapped
    }

    /// The image's directories first, then the machine's tools, then the machine's directories.
    fn search_path(&self, path: &str, tools: &Path) -> String {
        let entries = || path.split(':').filter(|entry| !entry.is_empty());
        let own = entries()
            .map(|entry| self.place(Path::new(entry)))
            .filter(|place| place.is_dir());
        let all = own
            .chain([tools.to_path_buf()])
            .chain(entries().map(PathBuf::from));
        all.map(|entry| entry.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(":")
    }
}

fn is_of_the_machine(directory: &Path) -> bool {
    directory.is_dir()
        && OF_THE_MACHINE
            .iter()
            .any(|place| directory.starts_with(place))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn check(text: &str, expected: &str) {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths {
            root: directory.path().join("R"),
        };
        fs::create_dir_all(paths.root.join("app/lib")).unwrap();
        fs::create_dir_all(paths.root.join("usr/local/bin")).unwrap();
        fs::write(paths.root.join("app/main.py"), "").unwrap();
        fs::write(paths.root.join("usr/local/bin/tool"), "").unwrap();
        let mapped = paths.map(text).replace(&*paths.root.to_string_lossy(), "R");
        assert_eq!(mapped, expected);
    }

    #[test]
    fn paths_in_the_image_are_rewritten() {
        check("/app/main.py", "R/app/main.py");
        check("--config=/app/x.ini", "--config=R/app/x.ini");
        check("/app:/app/lib:/opt", "R/app:R/app/lib:/opt");
        check(
            "cd /app && python3 '/app/main.py' >/app/log",
            "cd R/app && python3 'R/app/main.py' >R/app/log",
        );
        check(
            "ls /app/*.py ${X:-/app}",
            "ls R/app/*.py ${X:-R/app}"
                .replace(":-R", ":-/")
                .replace("//", "/")
                .as_str(),
        );
        check("/usr/local/bin/tool", "R/usr/local/bin/tool");
    }

    #[test]
    fn other_texts_stay() {
        for text in [
            "/bin/sh",
            "/",
            "/missing",
            "http://host/app",
            "a/app",
            "$HOME/app",
            "//app",
            "/usr/local/bin",
            "/usr/local/bin/other",
            "",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn the_images_programs_come_first() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths {
            root: directory.path().to_path_buf(),
        };
        fs::create_dir_all(paths.root.join("app/bin")).unwrap();
        let env = BTreeMap::from([("PATH".to_owned(), "/app/bin:/usr/bin".to_owned())]);
        let env = paths.environment(&env, "pod", Path::new("/tools"));
        let root = paths.root.display();
        assert_eq!(
            env["PATH"],
            format!("{root}/app/bin:/tools:/app/bin:/usr/bin")
        );
        assert_eq!(env["SEATRIAL_ROOT"], root.to_string());
    }
}
