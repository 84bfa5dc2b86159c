//! Where the machine's own Python, Git and shell really are.
//!
//! `python3` may be a script that chooses among versions, or a link into a directory of its own. An
//! interpreter is therefore asked itself where it lives; other programs are followed through links.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of the machine and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The ordinary names and the real files.
    pub(crate) names: Vec<(String, PathBuf)>,
    /// The directories that contain all that belongs to it.
    pub(crate) prefixes: Vec<PathBuf>,
}

/// Python and Git, as far as the machine has them.
pub(crate) fn find_tools() -> Vec<Tool> {
    [find_python(), find_program("git")]
        .into_iter()
        .flatten()
        .collect()
}

/// The first file called `name` in `PATH` that may be executed.
pub(crate) fn search_path(name: &str) -> Option<PathBuf> {
    // Only here and for the machine's own tools: which are "the machine's" is what PATH says.
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}

const ASK_PYTHON: &str = "import os, sys\n\
    print(os.path.realpath(sys.executable))\n\
    print(sys.base_prefix)\n\
    print(sys.base_exec_prefix)";

/// The interpreter behind `python3`, by its own word.
pub(crate) fn find_python() -> Option<Tool> {
    let found = search_path("python3")?;
    let found = behind_shim(&found).unwrap_or(found);
    let output = Command::new(&found)
        .args(["-I", "-S", "-c", ASK_PYTHON])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines().map(PathBuf::from);
    let executable = lines.next().filter(|path| is_executable(path))?;
    let prefixes: Vec<PathBuf> = lines.filter(|path| path.is_dir()).collect();
    let names = ["python3", "python"].map(|name| (name.to_owned(), executable.clone()));
    let mut names = names.to_vec();
    if let Some(pip) = executable
        .parent()
        .map(|bin| bin.join("pip3"))
        .filter(|pip| is_executable(pip))
    {
        names.extend(["pip3", "pip"].map(|name| (name.to_owned(), pip.clone())));
    }
    Some(Tool {
        names,
        prefixes: owned_by(&executable, prefixes),
    })
}

/// pyenv's `ROOT/shims/python3` is a script that takes a third of a second to find what the file
/// `ROOT/version` says. Where that is not enough, the script is asked after all.
fn behind_shim(found: &Path) -> Option<PathBuf> {
    let shims = found
        .parent()
        .filter(|directory| directory.ends_with("shims"))?;
    let root = shims.parent()?;
    let version = std::fs::read_to_string(root.join("version")).ok()?;
    let python = root
        .join("versions")
        .join(version.lines().next()?.trim())
        .join("bin/python3");
    is_executable(&python).then_some(python)
}

/// A program that is a file or a link to one. What lies in `PREFIX/bin` belongs to `PREFIX`.
pub(crate) fn find_program(name: &str) -> Option<Tool> {
    let executable = std::fs::canonicalize(search_path(name)?).ok()?;
    let prefixes = owned_by(&executable, Vec::new());
    Some(Tool {
        names: vec![(name.to_owned(), executable)],
        prefixes,
    })
}

fn owned_by(executable: &Path, mut prefixes: Vec<PathBuf>) -> Vec<PathBuf> {
    if !prefixes.iter().any(|prefix| executable.starts_with(prefix)) {
        let bin = executable.parent();
        let prefix = match bin.and_then(Path::file_name).and_then(|name| name.to_str()) {
            Some("bin" | "sbin" | "libexec") => {
                bin.and_then(Path::parent).filter(|prefix| !is_home(prefix))
            }
            _ => None,
        };
        let prefix = prefix.or(bin);
        prefixes.extend(prefix.map(Path::to_path_buf));
    }
    // Showing the whole machine, or a home directory, is not meant by this.
    prefixes.retain(|prefix| {
        prefix == Path::new("/usr") || (prefix.components().count() > 2 && !is_home(prefix))
    });
    prefixes.dedup();
    prefixes
}

fn is_home(path: &Path) -> bool {
    let holds_homes = |parent: &Path| {
        ["/home", "/Users"]
            .iter()
            .any(|homes| parent == Path::new(homes))
    };
    path == Path::new("/root") || path.parent().is_some_and(holds_homes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_python_behind_a_shim_is_found_without_running_it() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let python = root.path().join("versions/3.12.1/bin/python3");
        std::fs::create_dir_all(python.parent().unwrap()).unwrap();
        std::fs::write(&python, "").unwrap();
        std::fs::write(root.path().join("version"), "3.12.1\n").unwrap();
        let shim = root.path().join("shims/python3");
        assert_eq!(behind_shim(&shim), None, "it cannot be executed");
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(behind_shim(&shim), Some(python));
        assert_eq!(behind_shim(&root.path().join("bin/python3")), None);
    }

    #[test]
    fn a_program_belongs_to_the_directory_above_its_bin() {
        let owned = |path: &str| owned_by(Path::new(path), Vec::new());
        assert_eq!(owned("/usr/bin/git"), [PathBuf::from("/usr")]);
        assert_eq!(
            owned("/opt/git/2.50/bin/git"),
            [PathBuf::from("/opt/git/2.50")]
        );
        assert_eq!(owned("/home/ada/bin/git"), [PathBuf::from("/home/ada/bin")]);
        assert_eq!(owned("/bin/git"), [] as [PathBuf; 0]);
    }
}
