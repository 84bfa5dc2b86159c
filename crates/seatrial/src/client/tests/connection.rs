use expect_test::expect;
use kube::config::Kubeconfig;

use super::super::connect::{Connection, Preference, chosen};

fn kubeconfig(contexts: &[&str], current: &str) -> Kubeconfig {
    let contexts: String = contexts
        .iter()
        .map(|name| format!("- name: {name}\n  context: {{cluster: c, user: u}}\n"))
        .collect();
    let list = if contexts.is_empty() {
        " []".to_owned()
    } else {
        format!("\n{contexts}")
    };
    Kubeconfig::from_yaml(&format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: \"{current}\"\ncontexts:{list}\n"
    ))
    .unwrap()
}

#[test]
fn the_embedded_cluster_comes_before_the_current_one_except_for_kubectl() {
    let config = kubeconfig(&["work", "seatrial"], "work");
    assert_eq!(
        chosen(&config, None, Preference::Seatrial).unwrap(),
        "seatrial"
    );
    assert_eq!(chosen(&config, None, Preference::Current).unwrap(), "work");
    assert_eq!(
        chosen(&config, Some("work"), Preference::Seatrial).unwrap(),
        "work"
    );
    let other = kubeconfig(&["work"], "work");
    assert_eq!(chosen(&other, None, Preference::Seatrial).unwrap(), "work");
}

#[test]
fn a_wrong_context_is_named_with_those_there_are() {
    let config = kubeconfig(&["work", "home"], "gone");
    let error = |named| {
        chosen(&config, named, Preference::Seatrial)
            .unwrap_err()
            .to_string()
    };
    expect![["there is no context `prod`; there are: work, home"]].assert_eq(&error(Some("prod")));
    expect![["its current-context `gone` does not exist; choose one with --context: work, home"]]
        .assert_eq(&error(None));
}

#[tokio::test]
async fn a_server_that_does_not_answer_and_a_missing_file_say_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let connection = Connection {
        kubeconfig: Some(path.clone()),
        context: None,
    };
    let error = connection.open(Preference::Seatrial).await.err().unwrap();
    assert!(
        format!("{error:#}").contains("cannot read the kubeconfig"),
        "{error:#}"
    );
    // Nobody listens on the discard port.
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: seatrial\n\
        contexts:\n- name: seatrial\n  context: {cluster: c, user: u}\n\
        clusters:\n- name: c\n  cluster: {server: \"http://127.0.0.1:9\"}\n\
        users:\n- name: u\n  user: {token: t}\n";
    std::fs::write(&path, text).unwrap();
    let session = connection.open(Preference::Seatrial).await.unwrap();
    let command: super::super::AppCommand = super::parsed("list");
    let error = Box::pin(command.execute(&session)).await.unwrap_err();
    let error = super::super::connect::explain(error, &session.place);
    let text = error.to_string().replace(path.to_str().unwrap(), "CONFIG");
    expect![["cannot reach the API server at http://127.0.0.1:9 (context `seatrial` of CONFIG): is the cluster up? Start it with `seatrial up`, or choose another one with --context"]].assert_eq(&text);
}
