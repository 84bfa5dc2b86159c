//! `kubectl get`: the server's tables, or the objects.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use http::Request;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use super::kind::{Kind, Kinds, Scope};
use super::target::named;
use crate::client::connect::{Session, failed};
use crate::client::table::Table;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// Show objects
#[derive(Args, Debug)]
pub(super) struct Get {
    /// KIND, KIND NAME… or KIND/NAME…; several kinds with commas
    #[arg(required = true, value_name = "KIND [NAME]")]
    words: Vec<String>,
    /// The form of the output
    #[arg(long, short = 'o', value_enum)]
    output: Option<Form>,
    /// Only these, by label
    #[arg(long, short = 'l')]
    selector: Option<String>,
    /// Only these, by field
    #[arg(long)]
    field_selector: Option<String>,
    /// In all namespaces
    #[arg(long, short = 'A')]
    all_namespaces: bool,
    /// Without the header
    #[arg(long)]
    no_headers: bool,
    /// A name that does not exist is no error
    #[arg(long)]
    ignore_not_found: bool,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    Json,
    Yaml,
    Name,
    Wide,
}

/// What was asked for, of one kind.
struct Asked<'a> {
    kind: &'a Kind,
    name: Option<String>,
}

impl Get {
    pub(super) async fn run(
        &self,
        session: &Session,
        namespace: Option<&str>,
    ) -> anyhow::Result<ExitCode> {
        let kinds = Kinds::load(&session.client).await?;
        let mut asked = Vec::new();
        for one in named(&self.words)? {
            let category = kinds.in_category(&one.kind);
            if one.name.is_none() && !category.is_empty() {
                asked.extend(category.into_iter().map(|kind| Asked { kind, name: None }));
                continue;
            }
            let kind = kinds.called(&one.kind)?;
            asked.push(Asked {
                kind,
                name: one.name,
            });
        }
        if self.all_namespaces && asked.iter().any(|one| one.name.is_some()) {
            bail!("a resource cannot be retrieved by name across all namespaces");
        }
        let namespace = namespace.unwrap_or(&session.namespace);
        match self.output {
            None | Some(Form::Wide) => self.tables(session, namespace, &asked).await,
            Some(form) => self.objects(session, namespace, &asked, form).await,
        }
    }

    /// Asks for an object or a list, in the form of `accept`.
    async fn ask(
        &self,
        session: &Session,
        namespace: &str,
        asked: &Asked<'_>,
        accept: &str,
    ) -> anyhow::Result<Option<Value>> {
        let kind = asked.kind;
        let namespaced = kind.scope == Scope::Namespaced && !self.all_namespaces;
        let path = {
            use kube::Resource as _;
            DynamicObject::url_path(&kind.resource, namespaced.then_some(namespace))
        };
        let request = kube::core::Request::new(path);
        let what = match &asked.name {
            Some(name) => format!("{} \"{name}\"", kind.resource.plural),
            None => kind.resource.plural.clone(),
        };
        let built = if let Some(name) = &asked.name {
            request.get(name, &kube::api::GetParams::default())
        } else {
            let mut parameters = ListParams::default();
            parameters.label_selector.clone_from(&self.selector);
            parameters.field_selector.clone_from(&self.field_selector);
            request.list(&parameters)
        };
        let mut built: Request<Vec<u8>> = built.with_context(|| format!("asking for {what}"))?;
        let accept =
            http::HeaderValue::from_str(accept).context("naming the form of the answer")?;
        built.headers_mut().insert(http::header::ACCEPT, accept);
        match session.client.request::<Value>(built).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if self.ignore_not_found && crate::client::connect::is_missing(&error) => {
                Ok(None)
            }
            Err(error) => Err(failed(error, &format!("getting {what}"))),
        }
    }

    async fn tables(
        &self,
        session: &Session,
        namespace: &str,
        asked: &[Asked<'_>],
    ) -> anyhow::Result<ExitCode> {
        let mut texts = Vec::new();
        // Names of one kind go into one table.
        let mut index = 0;
        while index < asked.len() {
            let kind = asked[index].kind;
            let mut answers = Vec::new();
            while let Some(one) = asked.get(index).filter(|one| one.kind == kind) {
                answers.extend(self.ask(session, namespace, one, TABLE).await?);
                index += 1;
            }
            let several = asked.iter().any(|one| one.kind != kind);
            let prefix = several.then(|| kind.qualified());
            let view = View {
                wide: self.output == Some(Form::Wide),
                namespaces: self.all_namespaces && kind.scope == Scope::Namespaced,
                prefix,
            };
            texts.extend(table(&answers, &view));
        }
        if texts.is_empty() {
            if !self.ignore_not_found {
                let place = if self.all_namespaces
                    || asked.iter().all(|one| one.kind.scope == Scope::Cluster)
                {
                    String::new()
                } else {
                    format!(" in {namespace} namespace")
                };
                session.screen.error(format!("No resources found{place}."));
            }
            return Ok(ExitCode::SUCCESS);
        }
        for (number, text) in texts.iter().enumerate() {
            let text = if self.no_headers {
                text.split_once('\n').map_or("", |(_, rows)| rows)
            } else {
                text.as_str()
            };
            let gap = if number > 0 && !self.no_headers {
                "\n"
            } else {
                ""
            };
            session.screen.print(&format!("{gap}{text}"));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn objects(
        &self,
        session: &Session,
        namespace: &str,
        asked: &[Asked<'_>],
        form: Form,
    ) -> anyhow::Result<ExitCode> {
        let mut items: Vec<(&Kind, Value)> = Vec::new();
        for one in asked {
            let Some(answer) = self
                .ask(session, namespace, one, "application/json")
                .await?
            else {
                continue;
            };
            match answer["items"].as_array() {
                Some(list) if one.name.is_none() => {
                    items.extend(list.iter().map(|item| (one.kind, complete(item, one.kind))));
                }
                _ => items.push((one.kind, answer)),
            }
        }
        if form == Form::Name {
            for (kind, item) in &items {
                let name = item["metadata"]["name"].as_str().unwrap_or_default();
                session.screen.line(format!("{}/{name}", kind.qualified()));
            }
            return Ok(ExitCode::SUCCESS);
        }
        let single = matches!(asked, [Asked { name: Some(_), .. }]);
        let value = match items.as_slice() {
            [] if single => return Ok(ExitCode::SUCCESS),
            [(_, item)] if single => item.clone(),
            items => {
                let items: Vec<&Value> = items.iter().map(|(_, item)| item).collect();
                json!({ "apiVersion": "v1", "items": items, "kind": "List", "metadata": { "resourceVersion": "" } })
            }
        };
        let text = match form {
            Form::Json => format!("{}\n", serde_json::to_string_pretty(&value)?),
            _ => seatrial_render::to_yaml([&value]),
        };
        session.screen.print(&text);
        Ok(ExitCode::SUCCESS)
    }
}

/// Items of lists leave their kind to the list.
fn complete(item: &Value, kind: &Kind) -> Value {
    let mut item = item.clone();
    item["apiVersion"] = kind.resource.api_version.clone().into();
    item["kind"] = kind.resource.kind.clone().into();
    item
}

/// How to show a table.
#[derive(Debug, Clone, Default)]
struct View {
    wide: bool,
    namespaces: bool,
    prefix: Option<String>,
}

/// The server's tables as one; nothing where they have no rows.
fn table(answers: &[Value], view: &View) -> Option<String> {
    let columns = answers
        .iter()
        .find_map(|answer| answer["columnDefinitions"].as_array())?;
    let shown: Vec<usize> = (0..columns.len())
        .filter(|index| view.wide || columns[*index]["priority"].as_i64().unwrap_or(0) == 0)
        .collect();
    let name = |index: &usize| {
        columns[*index]["name"]
            .as_str()
            .unwrap_or_default()
            .to_uppercase()
    };
    let mut header: Vec<String> = shown.iter().map(name).collect();
    if view.namespaces {
        header.insert(0, "NAMESPACE".to_owned());
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new(&header);
    for row in answers
        .iter()
        .filter_map(|answer| answer["rows"].as_array())
        .flatten()
    {
        let mut cells: Vec<String> = shown
            .iter()
            .map(|index| cell(&row["cells"][*index]))
            .collect();
        if let (Some(prefix), Some(first)) = (&view.prefix, cells.first_mut()) {
            *first = format!("{prefix}/{first}");
        }
        if view.namespaces {
            let namespace = row["object"]["metadata"]["namespace"]
                .as_str()
                .unwrap_or_default();
            cells.insert(0, namespace.to_owned());
        }
        table.row(cells);
    }
    (!table.is_empty()).then(|| table.render())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "<none>".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
