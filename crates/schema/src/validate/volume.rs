//! Volumes of pods.

use super::environment;
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
                .named(extra)
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
            item.field("path").must_be_set(causes);
            local_path(&item.field("path"), causes);
            if source == "downwardAPI" {
                environment::file(&item, causes);
            } else {
                item.field("key").must_be_set(causes);
            }
        }
    }
    host_path(&volume.field("hostPath"), causes);
    projected(&volume.field("projected"), causes);
}

/// A path within a volume, if there is one.
pub(super) fn local_path(path: &Field<'_>, causes: &mut Vec<Cause>) {
    if path.text().starts_with('/') {
        causes.push(path.invalid("must be a relative path"));
    }
    if path.text().split('/').any(|step| step == "..") {
        causes.push(path.invalid("must not contain '..'"));
    }
}

const HOST_PATHS: &[&str] = &[
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];

fn host_path(source: &Field<'_>, causes: &mut Vec<Cause>) {
    let path = source.field("path");
    if path.text().split('/').any(|step| step == "..") {
        causes.push(path.invalid("must not contain '..'"));
    }
    source.field("type").must_be_one_of(HOST_PATHS, causes);
}

fn projected(projected: &Field<'_>, causes: &mut Vec<Cause>) {
    let kinds = [
        "secret",
        "configMap",
        "downwardAPI",
        "serviceAccountToken",
        "clusterTrustBundle",
    ];
    for source in projected.field("sources").items() {
        let given = kinds
            .iter()
            .map(|kind| source.field(kind))
            .filter(Field::is_set);
        for extra in given.skip(1) {
            causes.push(extra.forbidden("may not specify more than 1 volume type per source"));
        }
        for kind in ["secret", "configMap"] {
            let one = source.field(kind);
            if one.is_set() {
                one.field("name").must_be_set(causes);
            }
            for item in one.field("items").items() {
                item.field("key").must_be_set(causes);
                item.field("path").must_be_set(causes);
                local_path(&item.field("path"), causes);
            }
        }
        for item in source.field("downwardAPI").field("items").items() {
            item.field("path").must_be_set(causes);
            local_path(&item.field("path"), causes);
            environment::file(&item, causes);
        }
        let token = source.field("serviceAccountToken");
        if !token.is_set() {
            continue;
        }
        token.field("path").must_be_set(causes);
        local_path(&token.field("path"), causes);
        let seconds = token.field("expirationSeconds");
        match seconds.integer() {
            Some(..600) => {
                causes.push(seconds.invalid("may not specify a duration less than 10 minutes"));
            }
            Some(count) if count > 1 << 32 => {
                causes.push(seconds.invalid("may not specify a duration larger than 2^32 seconds"));
            }
            _ => {}
        }
    }
}
