//! `--chown` and `--chmod`.

use std::path::Path;

use crate::layer::{Last, View};

/// User and group by number. Names are looked up in the image's own `/etc/passwd` and `/etc/group`; on
/// `seatrial/host` those may be the machine's, which `fallback` says.
pub(super) fn owner(
    text: &str,
    view: &View,
    fallback: Option<&Path>,
) -> Result<(u64, u64), String> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let read = |file: &str| read(view, fallback, file);
    let (uid, primary) = if let Ok(uid) = user.parse::<u32>() {
        (u64::from(uid), u64::from(uid))
    } else {
        let passwd = read("etc/passwd");
        let found = entry(&passwd, user)
            .ok_or_else(|| format!("user {user:?} is not in the image's /etc/passwd"))?;
        (number(&found, 2)?, number(&found, 3)?)
    };
    let gid = match group {
        None => primary,
        Some(group) => {
            if let Ok(gid) = group.parse::<u32>() {
                u64::from(gid)
            } else {
                let groups = read("etc/group");
                let found = entry(&groups, group);
                number(
                    &found.ok_or_else(|| {
                        format!("group {group:?} is not in the image's /etc/group")
                    })?,
                    2,
                )?
            }
        }
    };
    Ok((uid, gid))
}

fn read(view: &View, fallback: Option<&Path>, file: &str) -> String {
    let inside = view
        .resolve(Path::new(file), Last::Follow)
        .and_then(|path| view.lookup(&path));
    let path = inside
        .map(|found| found.source)
        .or_else(|| fallback.map(|root| root.join(file)));
    path.and_then(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default()
}

fn entry<'a>(file: &'a str, name: &str) -> Option<Vec<&'a str>> {
    file.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))
}

fn number(fields: &[&str], index: usize) -> Result<u64, String> {
    let field = fields.get(index).and_then(|field| field.parse().ok());
    field.ok_or_else(|| {
        format!(
            "the entry {:?} of /etc/passwd or /etc/group is malformed",
            fields.join(":")
        )
    })
}

/// The mode of `--chmod`, in octal.
pub(super) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| {
        format!("--chmod={text} is not supported; write the mode in octal, such as 755")
    })
}
