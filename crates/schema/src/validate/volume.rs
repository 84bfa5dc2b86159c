//! Volumes of pods.

use super::field::{Field, must_differ};
use super::name::Rule;
use crate::cause::Cause;

/// Checks the volumes and returns their names.
pub(super) fn volumes<'a>(volumes: &Field<'a>, causes: &mut Vec<Cause>) -> Vec<&'a str> {
    let volumes = volumes.items();
    must_differ(volumes.iter().map(|volume| volume.field("name")), causes);
    for volume in &volumes {
        check(volume, causes);
    }
    volumes
        .iter()
        .map(|volume| volume.field("name").text())
        .collect()
}

fn check(volume: &Field<'_>, causes: &mut Vec<Cause>) {
    volume.field("name").must_follow(Rule::Label, causes);
    let entries = volume.value.as_object().into_iter().flatten();
    let sources: Vec<&String> = entries
        .map(|(name, _)| name)
        .filter(|name| *name != "name")
        .collect();
    if sources.is_empty() {
        causes.push(volume.required("must specify a volume type"));
    }
    for extra in sources.iter().skip(1) {
        causes.push(
            volume
                .field(extra)
                .forbidden("may not specify more than 1 volume type"),
        );
    }
    for (source, field) in [
        ("configMap", "name"),
        ("secret", "secretName"),
        ("hostPath", "path"),
        ("persistentVolumeClaim", "claimName"),
        ("nfs", "server"),
        ("nfs", "path"),
        ("csi", "driver"),
    ] {
        let source = volume.field(source);
        if source.is_set() {
            source.field(field).must_be_set(causes);
        }
    }
    for source in ["configMap", "secret", "projected", "downwardAPI"] {
        let mode = volume.field(source).field("defaultMode");
        if mode
            .integer()
            .is_some_and(|mode| !(0..=0o777).contains(&mode))
        {
            causes
                .push(mode.invalid("must be a number between 0 and 0777 (octal), both inclusive"));
        }
        for item in volume.field(source).field("items").items() {
            local_path(&item.field("path"), causes);
            if source != "downwardAPI" {
                item.field("key").must_be_set(causes);
            }
        }
    }
}

fn local_path(path: &Field<'_>, causes: &mut Vec<Cause>) {
    path.must_be_set(causes);
    if path.text().starts_with('/') {
        causes.push(path.invalid("must be a relative path"));
    }
    if path.text().split('/').any(|step| step == "..") {
        causes.push(path.invalid("must not contain '..'"));
    }
}
