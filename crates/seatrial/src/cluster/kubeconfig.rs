//! Kubeconfig files: the cluster's own, and its context in the user's.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Data;

/// The name of a cluster's context: `seatrial`, or `seatrial-<name>` for one with a name.
pub(crate) fn context_name(cluster: &str) -> String {
    match cluster {
        "default" => "seatrial".to_owned(),
        name => format!("seatrial-{name}"),
    }
}

/// The file of the steps of pipelines, which have rights of their own.
const STEPS: &str = "pipelines/kubeconfig";

/// Where it is.
pub(crate) fn of_steps(data: &Data) -> PathBuf {
    data.root().join(STEPS)
}

/// The cluster's own file, and unless `user` is absent, the context in the user's file too.
pub(crate) fn write(data: &Data, cluster: &str, server: &str, user: Option<&Path>) -> Result<()> {
    let secrets = data.secrets()?;
    let name = context_name(cluster);
    let entry = Entry {
        cluster: json!({
            "server": server,
            "certificate-authority-data": STANDARD.encode(&secrets.authority.certificate),
        }),
        user: json!({ "token": secrets.admin_token }),
        context: json!({ "cluster": name, "user": name }),
    };
    let mut whole = empty();
    entry.put(&mut whole, &name);
    data.write("kubeconfig", to_yaml(&whole)?.as_bytes())?;
    let mut steps = empty();
    let step = Entry {
        user: json!({ "token": secrets.step_token }),
        ..entry.clone()
    };
    step.put(&mut steps, &name);
    data.folder("pipelines")?;
    data.write(STEPS, to_yaml(&steps)?.as_bytes())?;
    if let Some(path) = user {
        let mut whole = read(path)?;
        entry.put(&mut whole, &name);
        save(path, &whole)?;
    }
    Ok(())
}

/// Takes the context out of the user's file.
pub(crate) fn remove(path: &Path, cluster: &str) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let mut whole = read(path)?;
    let name = context_name(cluster);
    for list in ["clusters", "users", "contexts"] {
        if let Some(items) = whole[list].as_array_mut() {
            items.retain(|item| item["name"] != name.as_str());
        }
    }
    if whole["current-context"] == name.as_str() {
        whole["current-context"] = "".into();
    }
    save(path, &whole)
}

/// The user's file: the first of `KUBECONFIG`, else `~/.kube/config`.
pub(crate) fn users() -> Option<PathBuf> {
    if let Some(paths) = std::env::var_os("KUBECONFIG").filter(|paths| !paths.is_empty()) {
        return std::env::split_paths(&paths).next();
    }
    Some(std::env::home_dir()?.join(".kube/config"))
}

#[derive(Clone)]
struct Entry {
    cluster: Value,
    user: Value,
    context: Value,
}

impl Entry {
    fn put(&self, whole: &mut Value, name: &str) {
        let lists = [
            ("clusters", "cluster", &self.cluster),
            ("users", "user", &self.user),
            ("contexts", "context", &self.context),
        ];
        for (list, key, value) in lists {
            let item = json!({ "name": name, key: value });
            if !whole[list].is_array() {
                whole[list] = json!([]);
            }
            if let Some(items) = whole[list].as_array_mut() {
                items.retain(|item| item["name"] != name);
                items.push(item);
            }
        }
        whole["current-context"] = name.into();
    }
}

fn empty() -> Value {
    json!({ "apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": [] })
}

fn read(path: &Path) -> Result<Value> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Ok(empty()),
        Ok(text) => serde_saphyr::from_str(&text).with_context(|| {
            format!(
                "{} is no kubeconfig; mend it or use --no-kubeconfig",
                path.display()
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(empty()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn save(path: &Path, whole: &Value) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = || format!("cannot write {}; use --no-kubeconfig", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    let temporary = path.with_extension("seatrial-new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary).with_context(failed)?;
    std::io::Write::write_all(&mut file, to_yaml(whole)?.as_bytes()).with_context(failed)?;
    std::fs::rename(&temporary, path).with_context(failed)?;
    Ok(())
}

fn to_yaml(value: &Value) -> Result<String> {
    Ok(serde_saphyr::to_string(value)?)
}
