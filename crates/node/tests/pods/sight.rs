//! Which processes containers see of each other, and their terminals.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use seatrial_node::runtime::sandbox::detect::Wanted;
use serde_json::json;

use crate::harness::{Test, is_ready};

#[tokio::test]
async fn containers_that_share_processes_see_and_end_each_others() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    // The sleeper leaves a child behind, which must end with it.
    let sleeper = "sleep 1234 & sleep 2345 & wait $!; echo ended";
    let looks = "until pgrep -x -f 'sleep 2345' >/dev/null && pgrep -x -f 'sleep 1234' >/dev/null; do sleep 0.05; done; \
        test $$$$ != 1 && echo not the first; pkill -x -f 'sleep 2345'; \
        while pgrep -x -f 'sleep 1234' >/dev/null; do sleep 0.05; done; echo all gone";
    let containers = json!([
        {"name": "sleeper", "image": "shop:1", "command": ["/bin/sh", "-c", sleeper]},
        {"name": "main", "image": "shop:1", "command": ["/bin/sh", "-c", looks]},
    ]);
    let spec = json!({"restartPolicy": "Never", "shareProcessNamespace": true});
    test.create("shared", containers, spec).await;
    assert_eq!(
        test.printed(&agent, "shared", "main").await,
        "not the first\nall gone\n"
    );
    assert_eq!(
        test.log(&agent, "shared", "sleeper").await,
        "Terminated\nended\n"
    );
    assert!(
        test.events()
            .await
            .iter()
            .all(|it| !it.starts_with("NotEnforced"))
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_debugging_container_sees_the_processes_of_its_target() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let containers = json!([
        {"name": "app", "image": "shop:1", "command": ["/bin/sleep", "3456"]},
        {"name": "other", "image": "shop:1", "command": ["/bin/sleep", "4567"]},
    ]);
    test.create("web", containers, json!({})).await;
    test.until("web", "ready", is_ready).await;
    let looks = "tr '\\0' ' ' < /proc/1/cmdline; echo; pgrep -x -f '/bin/sleep 4567' || echo alone; \
        cat /proc/1/root/etc/hostname; kill -0 1 && echo may signal; sleep 5678 & echo left";
    let add = |name: &str, target: Option<&str>| json!({"name": name, "image": "shop:1", "command": ["/bin/sh", "-c", looks], "targetContainerName": target});
    let added =
        json!({"spec": {"ephemeralContainers": [add("look", Some("app")), add("blind", None)]}});
    let (params, patch) = (PatchParams::default(), Patch::Strategic(added));
    test.pods
        .patch_subresource("ephemeralcontainers", "web", &params, &patch)
        .await
        .unwrap();
    let ended = |pod: &Pod| {
        let all = pod
            .status
            .iter()
            .flat_map(|it| it.ephemeral_container_statuses.iter().flatten());
        let done = all.filter(|it| it.state.as_ref().is_some_and(|it| it.terminated.is_some()));
        done.count() == 2
    };
    test.until("web", "both to have looked", ended).await;
    assert_eq!(
        test.log(&agent, "web", "look").await,
        "/bin/sleep 3456 \nalone\nweb\nmay signal\nleft\n"
    );
    assert!(
        test.log(&agent, "web", "blind")
            .await
            .starts_with("/bin/sh -c ")
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_terminal_has_a_name_inside() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let looks = "tty; test -w $(tty) && echo mine; echo direct > /dev/tty; ps -o tty= -p $$$$";
    test.script(
        "root",
        looks,
        json!({"tty": true, "stdin": true}),
        json!({}),
    )
    .await;
    let user = json!({"tty": true, "stdin": true, "securityContext": {"runAsUser": 1000}});
    test.script("user", looks, user, json!({})).await;
    for name in ["root", "user"] {
        let text = test.printed(&agent, name, "main").await.replace('\r', "");
        assert_eq!(text, "/dev/pts/0\nmine\ndirect\npts/0\n", "{name}");
    }
    agent.stop().await;
}
