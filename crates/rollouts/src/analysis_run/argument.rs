//! `{{args.name}}` in queries, addresses and conditions.

use seatrial_resources::argoproj::AnalysisRunSpec;

/// Replaces every `{{args.name}}` by its value.
///
/// # Errors
/// A sentence that names the argument that has no value.
pub(super) fn fill(text: &str, run: &AnalysisRunSpec) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((inner, after)) = after.split_once("}}") else {
            return Err(format!("`{{{{` without `}}}}` in {text:?}"));
        };
        out.push_str(value(inner.trim(), run)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value<'a>(reference: &str, run: &'a AnalysisRunSpec) -> Result<&'a str, String> {
    let name = reference
        .strip_prefix("args.")
        .ok_or_else(|| format!("{{{{{reference}}}}} is not of the form {{{{args.name}}}}"))?;
    let argument = run
        .args
        .iter()
        .flatten()
        .find(|argument| argument.name == name);
    argument
        .and_then(|argument| argument.value.as_deref())
        .ok_or_else(|| format!("args.{name} was not resolved: give it a value"))
}

/// What makes the run impossible before anything is measured.
pub(super) fn problem(run: &AnalysisRunSpec) -> Option<String> {
    let metrics = run.metrics.as_deref().unwrap_or_default();
    if metrics.is_empty() {
        return Some("no metrics are specified, so there is nothing to measure".to_owned());
    }
    let unresolved = run
        .args
        .iter()
        .flatten()
        .find(|argument| argument.value.is_none());
    if let Some(argument) = unresolved {
        return Some(format!(
            "args.{} was not resolved: give it a value",
            argument.name
        ));
    }
    for (index, metric) in metrics.iter().enumerate() {
        if metrics[..index]
            .iter()
            .any(|earlier| earlier.name == metric.name)
        {
            return Some(format!(
                "metrics[{index}]: duplicate name {:?}",
                metric.name
            ));
        }
        for (field, text) in [
            ("interval", &metric.interval),
            ("initialDelay", &metric.initial_delay),
        ] {
            if let Some(text) = text
                && crate::rollout::duration::parse(text).is_none()
            {
                return Some(format!(
                    "metric {}: {field} {text:?} is no duration",
                    metric.name
                ));
            }
        }
    }
    None
}
