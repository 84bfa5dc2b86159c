//! Questions to an authorizer: `authorizer.group('apps').resource('deployments').namespace('x').check('create').allowed()`.

use std::fmt;
use std::sync::Arc;

use super::super::signature::Sort::{
    Authorizer as Root, Bool, Decision as Answer, GroupCheck, PathCheck, ResourceCheck, Text,
};
use super::super::signature::{Cost, Overload, Sort};
use super::{Called, costly, method, mismatch, text};
use crate::cel::value::Value;

/// Whoever decides what may be done.
pub trait Authorizer: Send + Sync {
    /// Whether it may be done.
    fn decide(&self, question: &Question) -> Decision;
}

/// What shall be done. Texts are empty where they say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of a SubjectAccessReview.
pub struct Question {
    /// Namespace and name of the ServiceAccount that is asked about; `None`: whoever sent the request.
    pub service_account: Option<(String, String)>,
    /// A path that is no resource; then the rest up to `verb` is empty.
    pub path: String,
    pub group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    pub field_selector: String,
    pub label_selector: String,
    pub verb: String,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why, or why not.
    pub reason: String,
    /// Why there is no answer.
    pub error: Option<String>,
}

/// A question that is being put together, or its answer.
#[derive(Clone)]
pub struct Authorization {
    authorizer: Arc<dyn Authorizer>,
    /// What the request itself is about.
    request: Option<Question>,
    step: Step,
}

#[derive(Debug, Clone)]
enum Step {
    Root(Question),
    Path(Question),
    Group(Question),
    Resource(Question),
    Decision(Decision),
}

impl fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.step.fmt(formatter)
    }
}

impl Value {
    /// The variable `authorizer`. `request` is what `authorizer.requestResource` asks about.
    pub fn authorizer(authorizer: Arc<dyn Authorizer>, request: Option<Question>) -> Self {
        let step = Step::Root(Question::default());
        Self::Authorization(Arc::new(Authorization {
            authorizer,
            request,
            step,
        }))
    }
}

impl Authorization {
    pub(in crate::cel) fn type_name(&self) -> &'static str {
        match self.step {
            Step::Root(_) => "kubernetes.authorization.Authorizer",
            Step::Path(_) => "kubernetes.authorization.PathCheck",
            Step::Group(_) => "kubernetes.authorization.GroupCheck",
            Step::Resource(_) => "kubernetes.authorization.ResourceCheck",
            Step::Decision(_) => "kubernetes.authorization.Decision",
        }
    }

    pub(in crate::cel) fn sort_fits(&self, sort: Sort) -> bool {
        matches!(
            (&self.step, sort),
            (Step::Root(_), Sort::Authorizer)
                | (Step::Path(_), Sort::PathCheck)
                | (Step::Group(_), Sort::GroupCheck)
                | (Step::Resource(_), Sort::ResourceCheck)
                | (Step::Decision(_), Sort::Decision)
        )
    }

    /// `authorizer.requestResource`.
    pub(in crate::cel) fn select(&self, field: &str) -> Result<Value, String> {
        match (&self.step, field, &self.request) {
            (Step::Root(_), "requestResource", Some(request)) => {
                Ok(self.next(Step::Resource(request.clone())))
            }
            _ => Err(format!("no such key: {field}")),
        }
    }

    fn next(&self, step: Step) -> Value {
        Value::Authorization(Arc::new(Self {
            step,
            ..self.clone()
        }))
    }
}

pub(super) static FUNCTIONS: &[Overload] = &[
    method("serviceAccount", &[Root, Text, Text], Root, |_, values| {
        step(values, Step::Root, |question, argument, next| {
            question.service_account = Some((argument, next));
        })
    }),
    method("path", &[Root, Text], PathCheck, |_, values| {
        step(values, Step::Path, |question, argument, _| {
            question.path = argument;
        })
    }),
    method("group", &[Root, Text], GroupCheck, |_, values| {
        step(values, Step::Group, |question, argument, _| {
            question.group = argument;
        })
    }),
    method(
        "resource",
        &[GroupCheck, Text],
        ResourceCheck,
        |_, values| {
            step(values, Step::Resource, |question, argument, _| {
                question.resource = argument;
            })
        },
    ),
    method(
        "subresource",
        &[ResourceCheck, Text],
        ResourceCheck,
        |_, values| {
            step(values, Step::Resource, |question, argument, _| {
                question.subresource = argument;
            })
        },
    ),
    method(
        "namespace",
        &[ResourceCheck, Text],
        ResourceCheck,
        |_, values| {
            step(values, Step::Resource, |question, argument, _| {
                question.namespace = argument;
            })
        },
    ),
    method(
        "name",
        &[ResourceCheck, Text],
        ResourceCheck,
        |_, values| {
            step(values, Step::Resource, |question, argument, _| {
                question.name = argument;
            })
        },
    ),
    method(
        "fieldSelector",
        &[ResourceCheck, Text],
        ResourceCheck,
        |_, values| {
            step(values, Step::Resource, |question, argument, _| {
                question.field_selector = argument;
            })
        },
    ),
    method(
        "labelSelector",
        &[ResourceCheck, Text],
        ResourceCheck,
        |_, values| {
            step(values, Step::Resource, |question, argument, _| {
                question.label_selector = argument;
            })
        },
    ),
    costly(
        method("check", &[PathCheck, Text], Answer, |_, values| {
            check(values)
        }),
        Cost::Fixed(350_000),
    ),
    costly(
        method("check", &[ResourceCheck, Text], Answer, |_, values| {
            check(values)
        }),
        Cost::Fixed(350_000),
    ),
    method("allowed", &[Answer], Bool, |_, values| {
        Ok(decision(values)?.allowed.into())
    }),
    method("reason", &[Answer], Text, |_, values| {
        Ok(decision(values)?.reason.as_str().into())
    }),
    method("errored", &[Answer], Bool, |_, values| {
        Ok(decision(values)?.error.is_some().into())
    }),
    method("error", &[Answer], Text, |_, values| {
        Ok(decision(values)?.error.clone().unwrap_or_default().into())
    }),
];

fn authorization(values: &[Value]) -> Result<&Authorization, String> {
    match values.first() {
        Some(Value::Authorization(value)) => Ok(value),
        _ => Err(mismatch()),
    }
}

fn question(authorization: &Authorization) -> Result<Question, String> {
    match &authorization.step {
        Step::Root(question)
        | Step::Path(question)
        | Step::Group(question)
        | Step::Resource(question) => Ok(question.clone()),
        Step::Decision(_) => Err(mismatch()),
    }
}

fn step(
    values: &[Value],
    make: fn(Question) -> Step,
    set: fn(&mut Question, String, String),
) -> Called {
    let before = authorization(values)?;
    let mut question = question(before)?;
    let second = values.get(2).and_then(Value::as_str).unwrap_or_default();
    set(
        &mut question,
        text(values, 1)?.to_owned(),
        second.to_owned(),
    );
    Ok(before.next(make(question)))
}

fn check(values: &[Value]) -> Called {
    let before = authorization(values)?;
    let mut question = question(before)?;
    text(values, 1)?.clone_into(&mut question.verb);
    let decision = before.authorizer.decide(&question);
    Ok(before.next(Step::Decision(decision)))
}

fn decision(values: &[Value]) -> Result<&Decision, String> {
    match &authorization(values)?.step {
        Step::Decision(decision) => Ok(decision),
        _ => Err(mismatch()),
    }
}
