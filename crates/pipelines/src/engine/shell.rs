//! Which program runs a script.

/// One shell: how GitHub calls it.
struct Shell {
    name: &'static str,
    extension: &'static str,
    /// The arguments; `{0}` is the script.
    arguments: &'static [&'static str],
}

/// GitHub's table ("Workflow syntax: shell"), for the shells that a Linux machine has.
const SHELLS: &[Shell] = &[
    Shell {
        name: "bash",
        extension: "sh",
        arguments: &[
            "bash",
            "--noprofile",
            "--norc",
            "-e",
            "-o",
            "pipefail",
            "{0}",
        ],
    },
    Shell {
        name: "sh",
        extension: "sh",
        arguments: &["sh", "-e", "{0}"],
    },
    Shell {
        name: "python",
        extension: "py",
        arguments: &["python3", "{0}"],
    },
];

/// Without `shell`: bash where there is one, else sh.
const UNNAMED: &[&str] = &[
    "sh",
    "-c",
    "if command -v bash >/dev/null 2>&1; then exec bash -e \"$0\"; else exec sh -e \"$0\"; fi",
    "{0}",
];

/// The script's file extension and the command that runs it, with `{0}` for the script.
pub(crate) fn command(shell: Option<&str>) -> Result<(&'static str, Vec<String>), String> {
    let owned = |arguments: &[&str]| arguments.iter().map(|part| (*part).to_owned()).collect();
    let Some(shell) = shell.map(str::trim).filter(|shell| !shell.is_empty()) else {
        return Ok(("sh", owned(UNNAMED)));
    };
    if let Some(known) = SHELLS.iter().find(|known| known.name == shell) {
        return Ok((known.extension, owned(known.arguments)));
    }
    if shell.contains("{0}") {
        return Ok(("sh", shell.split_whitespace().map(str::to_owned).collect()));
    }
    let names: Vec<&str> = SHELLS.iter().map(|known| known.name).collect();
    Err(format!(
        "shell `{shell}` is not available: use {}, or a command with `{{0}}` for the script",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_become_commands() {
        assert_eq!(command(Some("sh")).unwrap().1, ["sh", "-e", "{0}"]);
        assert_eq!(command(Some("python")).unwrap().0, "py");
        assert_eq!(
            command(Some("perl -w {0}")).unwrap().1,
            ["perl", "-w", "{0}"]
        );
        assert!(command(None).unwrap().1.contains(&"{0}".to_owned()));
        assert!(command(Some("pwsh")).unwrap_err().contains("pwsh"));
    }
}
