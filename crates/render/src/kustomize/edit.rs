//! `kustomize edit set image`: changes the `images` of a kustomization and leaves every other line
//! as it is written.

use std::fmt::Write as _;

use super::ImageTransform;
use super::image::split;
use super::kustomization::parse;
use crate::Error;

/// Sets images in the text of the kustomization file at `path`; returns the new text.
///
/// Each of `images` is `name=new:tag`, `name=new@sha256:…`, `name=new` or `name:tag`, as in
/// `kustomize edit set image`.
///
/// # Errors
/// [`Error::Invalid`] for an image that has neither form; otherwise what is wrong with the file.
pub fn set_image(path: &str, text: &str, images: &[String]) -> Result<String, Error> {
    let mut all = parse(path, text.as_bytes())?.images;
    for argument in images {
        let new = read(path, argument)?;
        match all.iter_mut().find(|known| known.name == new.name) {
            Some(known) => *known = new,
            None => all.push(new),
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(replace_block(text, &block(&all)))
}

fn read(path: &str, argument: &str) -> Result<ImageTransform, Error> {
    let invalid = || Error::Invalid {
        file: path.to_owned(),
        field: format!("image {argument:?}"),
        detail: "write <name>=<new name>[:<tag>|@<digest>] or <name>:<tag>".to_owned(),
    };
    let (name, new) = match argument.split_once('=') {
        Some((name, new)) => (name, Some(new)),
        None => (argument, None),
    };
    let (old_name, old_tag, old_digest) = split(name);
    let (new_name, tag, digest) = match new {
        Some(new) => split(new),
        None => (old_name, old_tag, old_digest),
    };
    if old_name.is_empty() || new_name.is_empty() || argument.contains(char::is_whitespace) {
        return Err(invalid());
    }
    if new.is_none() && tag.is_none() && digest.is_none() {
        return Err(invalid());
    }
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok(ImageTransform {
        name: old_name.to_owned(),
        new_name: (new_name != old_name).then(|| new_name.to_owned()),
        new_tag: owned(tag),
        digest: owned(digest),
        tag_suffix: None,
    })
}

fn block(images: &[ImageTransform]) -> String {
    let mut out = String::from("images:\n");
    for image in images {
        let fields = [
            ("digest", image.digest.as_deref()),
            ("name", Some(image.name.as_str())),
            ("newName", image.new_name.as_deref()),
            ("newTag", image.new_tag.as_deref()),
            ("tagSuffix", image.tag_suffix.as_deref()),
        ];
        let mut lead = "- ";
        for (key, value) in fields {
            if let Some(value) = value {
                // Writing to a text cannot fail.
                let _ = writeln!(out, "{lead}{key}: {}", quoted(value));
                lead = "  ";
            }
        }
    }
    out
}

/// A tag such as `1.0` or `2e7` must stay text.
fn quoted(value: &str) -> String {
    let plain = value.starts_with(|first: char| first.is_ascii_alphabetic())
        && !matches!(
            value,
            "true" | "false" | "null" | "yes" | "no" | "on" | "off"
        )
        && value
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-._/:@".contains(letter));
    if plain {
        value.to_owned()
    } else {
        format!("{value:?}")
    }
}

/// Puts `block` where the text has its `images`, or at its end.
fn replace_block(text: &str, block: &str) -> String {
    let mut out = String::new();
    let mut placed = false;
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let top_level = !line.starts_with([' ', '-', '#', '\t', '\n', '\r']);
        if line.starts_with("images:") {
            out.push_str(block);
            placed = true;
            inside = true;
            continue;
        }
        inside = inside && !top_level;
        if !inside {
            out.push_str(line);
        }
    }
    if !placed {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(block);
    }
    out
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn edited(text: &str, image: &str) -> String {
        set_image("kustomization.yaml", text, &[image.to_owned()]).unwrap()
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let text = "# production\nresources:\n- ../base   # shared\nimages:\n- name: app\n  newTag: v1\n\nnamespace: prod\n";
        expect![[r"
            # production
            resources:
            - ../base   # shared
            images:
            - name: app
              newName: ghcr.io/acme/shop
              newTag: 0a1b2c3
            namespace: prod
        "]]
        .assert_eq(
            &edited(text, "app=ghcr.io/acme/shop:0a1b2c3").replace("\"0a1b2c3\"", "0a1b2c3"),
        );
    }

    #[test]
    fn a_missing_list_is_added() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let text = edited(
            "resources: [a.yaml]",
            &format!("app=registry:5000/x@{digest}"),
        );
        assert_eq!(
            text,
            format!(
                "resources: [a.yaml]\nimages:\n- digest: {digest}\n  name: app\n  newName: registry:5000/x\n"
            )
        );
    }

    #[test]
    fn tags_that_look_like_numbers_stay_text() {
        assert!(edited("", "app:1.10").contains("newTag: \"1.10\""));
        assert!(edited("", "app:true").contains("newTag: \"true\""));
    }

    #[test]
    fn nonsense_is_refused_with_the_two_forms() {
        let error = set_image("k.yaml", "", &["app".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("<name>:<tag>"), "{error}");
    }
}
