//! Repository URLs in the many forms people write them.

/// The part of a repository URL that says which repository it is: host and path, without scheme,
/// user, `.git` and slashes at the end, the host in lower case. So `https://github.com/org/app.git`,
/// `git@github.com:org/app` and `ssh://git@GitHub.com/org/app/` are one.
pub fn normalise(url: &str) -> String {
    let url = url.trim();
    let (rest, scp) = match url.split_once("://") {
        Some((_, rest)) => (rest, false),
        None => (url, true),
    };
    let (host, path) = match (rest.find('/'), rest.find(':')) {
        // `git@host:path`, the form of scp: a colon before the first slash and no scheme.
        (slash, Some(colon)) if scp && slash.is_none_or(|slash| colon < slash) => {
            (&rest[..colon], &rest[colon + 1..])
        }
        (Some(slash), _) => (&rest[..slash], &rest[slash + 1..]),
        (None, _) => (rest, ""),
    };
    let host = host
        .rsplit_once('@')
        .map_or(host, |(_, host)| host)
        .to_ascii_lowercase();
    let path = path.trim_matches('/');
    let path = path
        .strip_suffix(".git")
        .unwrap_or(path)
        .trim_end_matches('/');
    if path.is_empty() {
        host
    } else {
        format!("{host}/{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_repository_are_one() {
        for form in [
            "https://github.com/org/app-manifests.git",
            "https://github.com/org/app-manifests",
            "https://ada:token@GitHub.com/org/app-manifests/",
            "git@github.com:org/app-manifests.git",
            "ssh://git@github.com/org/app-manifests.git",
            "git://github.com/org/app-manifests",
        ] {
            assert_eq!(normalise(form), "github.com/org/app-manifests", "{form}");
        }
        assert_eq!(
            normalise("http://127.0.0.1:3000/shop.git"),
            "127.0.0.1:3000/shop"
        );
        assert_eq!(normalise("shop"), "shop");
    }
}
