//! `seatrial demo`, the whole of it.

use std::process::Command;

use serde_json::Value;

use crate::process::seatrial;

/// What the demo needs of the machine and does not bring along.
fn missing() -> Option<&'static str> {
    ["git", "python3"].into_iter().find(|program| {
        let version = Command::new(program).arg("--version").output();
        !version.is_ok_and(|output| output.status.success())
    })
}

#[test]
fn two_good_versions_go_to_production_and_a_bad_one_is_taken_back() {
    if let Some(program) = missing() {
        seatrial_testkit::skipped(format!("this machine has no {program}"));
        return;
    }
    let output = seatrial(&["demo", "--output", "json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}\n{said}");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["asPromised"], true, "{text}");

    let releases = report["releases"].as_array().unwrap();
    let promoted: Vec<_> = releases
        .iter()
        .map(|release| &release["promoted"])
        .collect();
    assert_eq!(promoted, [true, true, false], "{text}");
    assert_eq!(
        releases[1]["weights"],
        serde_json::json!([10, 30, 50, 100]),
        "{text}"
    );
    assert_eq!(releases[1]["failedForUsers"], 0, "{text}");
    assert_eq!(releases[2]["application"], "Synced, Degraded", "{text}");
    let reason = releases[2]["reason"].as_str().unwrap();
    assert!(reason.contains("success-rate"), "{reason}");
    let failed = releases[2]["requests"]["failed"].as_u64().unwrap();
    assert!(
        failed > 0,
        "the bad version answered no request badly: {text}"
    );
    assert_eq!(
        report["users"]["failed"], failed,
        "only the bad version failed: {text}"
    );
    assert_eq!(report["users"]["failedAfterRollback"], 0, "{text}");
}
