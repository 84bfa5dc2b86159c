//! What is found out about a machine, whatever it can do.

use seatrial_node::runtime::sandbox::detect::{Settings, Wanted, choose, report};

fn settings(directory: &tempfile::TempDir) -> Settings {
    Settings {
        directory: directory.path().join("runtime"),
        executable: Some(env!("CARGO_BIN_EXE_seatrial-sandbox-init").into()),
    }
}

#[tokio::test]
async fn a_runtime_is_always_found_and_the_reason_said() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let chosen = choose(Wanted::Auto, &settings(&directory)).await.unwrap();
    println!("{}: {}", chosen.runtime.name(), chosen.reason);
    let expected = format!("the {} runtime was taken: ", chosen.runtime.name());
    assert!(chosen.reason.starts_with(&expected), "{}", chosen.reason);
    let chosen = choose(Wanted::Process, &settings(&directory))
        .await
        .unwrap();
    assert_eq!(
        chosen.reason,
        "the process runtime was taken: it was asked for"
    );
    for check in report(&settings(&directory)).await {
        println!(
            "{:<20} {:<8} {} {}",
            check.name,
            check.status.to_string(),
            check.detail,
            check.hint.unwrap_or_default()
        );
    }
}

#[tokio::test]
async fn a_program_that_is_no_init_is_named() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let wrong = Settings {
        executable: Some("/bin/false".into()),
        ..settings(&directory)
    };
    let error = choose(Wanted::Container, &wrong).await.err().unwrap();
    assert!(error.to_string().contains("sandbox-init"), "{error}");
}
