//! Bills of materials in CycloneDX 1.5.
//!
//! **Guarantee:** the same subject gives the same bytes: the serial number is made of the content's digest, and there
//! is no time stamp.

use serde_json::{Value, json};

use crate::Digest;
use crate::digest::Hasher;
use crate::inventory::{Ecosystem, Inventory, Kind, Package, Subject, inventory};
use crate::store::HostBase;

/// The bill of materials of a subject, as JSON.
pub fn sbom(subject: &Subject) -> Value {
    let found = inventory(subject);
    let root = root_reference(subject);
    let mut components: Vec<Value> = found.system.iter().map(system).collect();
    components.extend(found.packages.iter().map(component));
    let references: Vec<String> = found.packages.iter().map(package_url).collect();
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial_number(subject, &found),
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "seatrial", "version": env!("CARGO_PKG_VERSION")}]},
            "component": subject_component(subject, &root),
            "properties": properties(subject, &found),
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": references}],
    })
}

fn root_reference(subject: &Subject) -> String {
    match &subject.digest {
        Some(digest) => format!("{}@{digest}", subject.name),
        None => subject.name.clone(),
    }
}

fn subject_component(subject: &Subject, root: &str) -> Value {
    let kind = if subject.kind == Kind::Image {
        "container"
    } else {
        "application"
    };
    let mut component = json!({"type": kind, "bom-ref": root, "name": subject.name});
    if let Some(digest) = &subject.digest {
        component["version"] = json!(digest);
        component["hashes"] = json!([{"alg": "SHA-256", "content": digest.hex()}]);
        let layers = subject
            .layers
            .iter()
            .map(|(_, digest)| json!({"name": "seatrial:layer", "value": digest}));
        component["properties"] = layers.collect();
    }
    component
}

fn properties(subject: &Subject, found: &Inventory) -> Value {
    let mut properties = Vec::new();
    if subject.base == HostBase::Present {
        let text = "the machine's own files (seatrial/host), whose packages are not listed";
        properties.push(json!({"name": "seatrial:base", "value": text}));
    }
    properties.extend(
        found
            .problems
            .iter()
            .map(|problem| json!({"name": "seatrial:problem", "value": problem})),
    );
    properties.into()
}

fn system((name, version): &(String, String)) -> Value {
    json!({"type": "operating-system", "bom-ref": format!("os:{name}@{version}"), "name": name, "version": version})
}

fn component(package: &Package) -> Value {
    let url = package_url(package);
    let mut properties = vec![json!({"name": "seatrial:location", "value": package.location})];
    properties.extend(
        package
            .layer
            .iter()
            .map(|layer| json!({"name": "seatrial:layer", "value": layer})),
    );
    let mut component = json!({
        "type": "library", "bom-ref": url, "name": package.name, "version": package.version,
        "purl": url, "properties": properties,
    });
    if !package.license.is_empty() {
        component["licenses"] = json!([{"license": {"name": package.license}}]);
    }
    component
}

/// The package's URL (<https://github.com/package-url/purl-spec>).
pub(crate) fn package_url(package: &Package) -> String {
    let (name, version) = (escape(&package.name), escape(&package.version));
    match &package.ecosystem {
        Ecosystem::PyPi => format!("pkg:pypi/{name}@{version}"),
        Ecosystem::Debian {
            distribution,
            release,
        } => {
            format!("pkg:deb/{distribution}/{name}@{version}?distro={distribution}-{release}")
        }
        Ecosystem::Alpine { release } => {
            format!("pkg:apk/alpine/{name}@{version}?distro=alpine-{release}")
        }
    }
}

fn escape(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes()
        .map(|b| {
            if keep(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// A UUID (version 8: of our own making) from what the bill says.
fn serial_number(subject: &Subject, found: &Inventory) -> String {
    let mut hasher = Hasher::default();
    hasher.field(root_reference(subject).as_bytes());
    for package in &found.packages {
        hasher.field(package_url(package).as_bytes());
        hasher.field(package.location.as_bytes());
    }
    let digest = Digest::from_hasher(hasher);
    let hex = digest.hex();
    format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_directory_gives_the_same_bill() {
        let directory = tempfile::tempdir().unwrap();
        let app = directory.path().join("app");
        std::fs::create_dir(&app).unwrap();
        std::fs::write(app.join("requirements.txt"), "Flask==2.0+local\n").unwrap();
        let bill =
            || serde_json::to_string_pretty(&sbom(&Subject::directory(&app).unwrap())).unwrap();
        assert_eq!(bill(), bill());
        expect_test::expect![[r#"
            {
              "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
              "bomFormat": "CycloneDX",
              "components": [
                {
                  "bom-ref": "pkg:pypi/flask@2.0%2Blocal",
                  "name": "flask",
                  "properties": [
                    {
                      "name": "seatrial:location",
                      "value": "requirements.txt"
                    }
                  ],
                  "purl": "pkg:pypi/flask@2.0%2Blocal",
                  "type": "library",
                  "version": "2.0+local"
                }
              ],
              "dependencies": [
                {
                  "dependsOn": [
                    "pkg:pypi/flask@2.0%2Blocal"
                  ],
                  "ref": "app"
                }
              ],
              "metadata": {
                "component": {
                  "bom-ref": "app",
                  "name": "app",
                  "type": "application"
                },
                "properties": [],
                "tools": {
                  "components": [
                    {
                      "name": "seatrial",
                      "type": "application",
                      "version": "0.1.0"
                    }
                  ]
                }
              },
              "serialNumber": "urn:uuid:efd03a83-51b2-8600-a82f-744e3084680a",
              "specVersion": "1.5",
              "version": 1
            }"#]]
        .assert_eq(&bill());
    }
}
