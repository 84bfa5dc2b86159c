//! Matching the series of two vectors: `on`, `ignoring`, `group_left`, `group_right`, and the set
//! operators.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::parser::token::{T_LAND, T_LOR};
use promql_parser::parser::{BinModifier, LabelModifier, VectorMatchCardinality};

use super::error::Error;
use super::value::Sample;
use crate::labels::{Labels, METRIC_NAME};

/// The labels by which series are matched.
fn signature(labels: &Labels, matching: Option<&LabelModifier>) -> Labels {
    let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
    match matching {
        None => labels.without_metric(),
        Some(LabelModifier::Include(on)) => labels.filter(|name| has(&on.labels, name)),
        Some(LabelModifier::Exclude(ignoring)) => {
            labels.filter(|name| name != METRIC_NAME && !has(&ignoring.labels, name))
        }
    }
}

/// `and`, `or`, `unless`.
pub(super) fn set(
    token: u16,
    left: Vec<Sample>,
    right: &[Sample],
    modifier: &BinModifier,
) -> Vec<Sample> {
    let matching = modifier.matching.as_ref();
    let sign = |sample: &Sample| signature(&sample.labels, matching);
    if token == T_LOR {
        let known: BTreeSet<Labels> = left.iter().map(sign).collect();
        let added = right
            .iter()
            .filter(|sample| !known.contains(&sign(sample)))
            .cloned();
        let added: Vec<Sample> = added.collect();
        return left.into_iter().chain(added).collect();
    }
    let partners: BTreeSet<Labels> = right.iter().map(sign).collect();
    let wanted = token == T_LAND;
    left.into_iter()
        .filter(|sample| partners.contains(&sign(sample)) == wanted)
        .collect()
}

/// Pairs the series of two vectors and computes a value for each pair; none leaves the pair out.
pub(super) fn pair(
    left: Vec<Sample>,
    right: Vec<Sample>,
    modifier: &BinModifier,
    compute: &dyn Fn(f64, f64) -> Option<f64>,
    strip: &dyn Fn(&Labels) -> Labels,
) -> Result<Vec<Sample>, Error> {
    let matching = modifier.matching.as_ref();
    // "one" is the side on which a group may have one series only.
    let (many, one, side) = match modifier.card {
        VectorMatchCardinality::OneToMany(_) => (right, left, Side::Left),
        _ => (left, right, Side::Right),
    };
    let partners = partners(&one, matching, side)?;
    let mut taken = BTreeSet::new();
    let mut results = Vec::new();
    for sample in many {
        let group = signature(&sample.labels, matching);
        let Some(partner) = partners.get(&group) else {
            continue;
        };
        let value = match side {
            Side::Right => compute(sample.value, partner.value),
            Side::Left => compute(partner.value, sample.value),
        };
        let Some(value) = value else { continue };
        let labels = result_labels(&sample.labels, &partner.labels, modifier, strip);
        let (key, advice) = match &modifier.card {
            VectorMatchCardinality::OneToOne => (
                group,
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
            ),
            _ => (
                labels.clone(),
                "multiple matches for labels: grouping labels must ensure unique matches",
            ),
        };
        if !taken.insert(key) {
            return Err(Error::Matching(advice.to_owned()));
        }
        results.push(Sample { labels, value });
    }
    Ok(results)
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

fn partners<'s>(
    one: &'s [Sample],
    matching: Option<&LabelModifier>,
    side: Side,
) -> Result<BTreeMap<Labels, &'s Sample>, Error> {
    let mut partners: BTreeMap<Labels, &Sample> = BTreeMap::new();
    for sample in one {
        let group = signature(&sample.labels, matching);
        if let Some(other) = partners.insert(group.clone(), sample) {
            let side = match side {
                Side::Left => "left",
                Side::Right => "right",
            };
            return Err(Error::Matching(format!(
                "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                sample.labels, other.labels
            )));
        }
    }
    Ok(partners)
}

fn result_labels(
    many: &Labels,
    one: &Labels,
    modifier: &BinModifier,
    strip: &dyn Fn(&Labels) -> Labels,
) -> Labels {
    let labels = strip(many);
    match (&modifier.card, &modifier.matching) {
        (VectorMatchCardinality::OneToOne, Some(LabelModifier::Include(on))) => {
            labels.filter(|name| on.labels.iter().any(|other| other == name))
        }
        (VectorMatchCardinality::OneToOne, Some(LabelModifier::Exclude(ignoring))) => {
            labels.filter(|name| !ignoring.labels.iter().any(|other| other == name))
        }
        (card, _) => {
            let included = card
                .labels()
                .map(|labels| labels.labels.as_slice())
                .unwrap_or_default();
            included
                .iter()
                .fold(labels, |labels, name| labels.with(name, one.get(name)))
        }
    }
}
