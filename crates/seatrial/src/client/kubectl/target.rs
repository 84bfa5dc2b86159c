//! Which objects a command is about: `KIND NAME…`, `KIND/NAME…`, `KIND -l …`.

use anyhow::bail;
use clap::Args;
use kube::api::{Api, DynamicObject, ListParams};

use super::kind::{Kind, Kinds};
use crate::client::connect::{Session, failed};

/// Objects by kind and name.
#[derive(Args, Debug, Clone, Default)]
pub(super) struct Targets {
    /// KIND NAME…, or KIND/NAME…
    #[arg(value_name = "KIND NAME | KIND/NAME")]
    pub(super) words: Vec<String>,
    /// All with these labels
    #[arg(long, short = 'l')]
    pub(super) selector: Option<String>,
    /// All of the kind
    #[arg(long)]
    pub(super) all: bool,
}

/// A kind, and a name where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kind: String,
    pub(super) name: Option<String>,
}

/// An object that a command is about.
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) api: Api<DynamicObject>,
    pub(super) name: String,
}

impl Target {
    /// `deployment.apps/web`.
    pub(super) fn describe(&self) -> String {
        format!("{}/{}", self.kind.qualified(), self.name)
    }
}

/// Reads the words; `kinds` may be separated by commas.
pub(super) fn named(words: &[String]) -> anyhow::Result<Vec<Named>> {
    let Some(first) = words.first() else {
        bail!("name a kind, such as pods, or an object, such as deployment/web");
    };
    if words.iter().any(|word| word.contains('/')) {
        return words
            .iter()
            .map(|word| match word.split_once('/') {
                Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok(Named {
                    kind: kind.to_owned(),
                    name: Some(name.to_owned()),
                }),
                _ => bail!("`{word}` is not KIND/NAME; there is no need to mix the two forms"),
            })
            .collect();
    }
    let names = &words[1..];
    let mut all = Vec::new();
    for kind in first.split(',').filter(|kind| !kind.is_empty()) {
        if names.is_empty() {
            all.push(Named {
                kind: kind.to_owned(),
                name: None,
            });
        }
        all.extend(names.iter().map(|name| Named {
            kind: kind.to_owned(),
            name: Some(name.clone()),
        }));
    }
    Ok(all)
}

impl Targets {
    /// The objects; asks the server where they are selected by labels.
    pub(super) async fn resolve(
        &self,
        session: &Session,
        kinds: &Kinds,
        namespace: &str,
    ) -> anyhow::Result<Vec<Target>> {
        let mut targets = Vec::new();
        for Named { kind: word, name } in named(&self.words)? {
            let kind = kinds.called(&word)?;
            let api = kind.api(&session.client, namespace);
            let names = match name {
                Some(name) => vec![name],
                None if self.all || self.selector.is_some() => {
                    let selector = self.selector.as_deref().unwrap_or_default();
                    let listed = api.list(&ListParams::default().labels(selector)).await;
                    let listed = listed.map_err(|error| {
                        failed(error, &format!("listing {}", kind.resource.plural))
                    })?;
                    listed
                        .items
                        .into_iter()
                        .filter_map(|object| object.metadata.name)
                        .collect()
                }
                None => bail!("name an object of kind {word}, or choose with -l LABELS or --all"),
            };
            targets.extend(names.into_iter().map(|name| Target {
                kind: kind.clone(),
                api: api.clone(),
                name,
            }));
        }
        Ok(targets)
    }
}
