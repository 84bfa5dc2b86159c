//! Probes and lifecycle hooks.

use super::field::Field;
use super::name::Rule;
use crate::cause::Cause;

/// Whether a probe must succeed once only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Success {
    Once,
    Any,
}

pub(super) fn probe(probe: &Field<'_>, success: Success, causes: &mut Vec<Cause>) {
    if !probe.is_set() {
        return;
    }
    handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], causes);
    for name in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        probe.field(name).must_not_be_negative(causes);
    }
    probe
        .field("terminationGracePeriodSeconds")
        .must_be_positive(causes);
    let threshold = probe.field("successThreshold");
    if success == Success::Once && threshold.integer().is_some_and(|count| count != 1) {
        causes.push(threshold.invalid("must be 1"));
    }
}

pub(super) fn lifecycle(lifecycle: &Field<'_>, causes: &mut Vec<Cause>) {
    for name in ["postStart", "preStop"] {
        let hook = lifecycle.field(name);
        if hook.is_set() {
            handler(&hook, &["exec", "httpGet", "tcpSocket", "sleep"], causes);
        }
    }
}

fn handler(field: &Field<'_>, kinds: &[&'static str], causes: &mut Vec<Cause>) {
    let given: Vec<Field<'_>> = kinds
        .iter()
        .map(|kind| field.field(kind))
        .filter(Field::is_set)
        .collect();
    if given.is_empty() {
        causes.push(field.required("must specify a handler type"));
    }
    for other in given.iter().skip(1) {
        causes.push(other.forbidden("may not specify more than 1 handler type"));
    }
    let get = field.field("httpGet");
    if get.is_set() {
        get.field("path").must_be_set(causes);
        get.field("scheme")
            .must_be_one_of(&["HTTP", "HTTPS"], causes);
        for header in get.field("httpHeaders").items() {
            let name = header.field("name");
            causes.extend(
                Rule::Header
                    .problem(name.text())
                    .map(|one| name.invalid(&one)),
            );
        }
    }
    for kind in [&get, &field.field("tcpSocket"), &field.field("grpc")] {
        let port = kind.field("port");
        if kind.is_set() && !port.is_set() {
            causes.push(port.required(""));
        }
        port.must_be_port_or_name(causes);
    }
    field.below("sleep.seconds").must_not_be_negative(causes);
    let exec = field.field("exec");
    if exec.is_set() {
        exec.field("command").must_be_set(causes);
    }
}
