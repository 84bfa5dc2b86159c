//! Running a command, or joining in with a container, over either protocol.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::spdy::{Incoming, Output, Stream};
use super::wires::{Ends, Outlet, Wanted, Wires, parse_size, wires};
use super::{ContainerPlace, PodStreams, StreamError};

/// How long a client may take to begin its streams (upstream's figure).
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be run.
pub(super) struct Job {
    pub(super) streams: Arc<dyn PodStreams>,
    pub(super) place: ContainerPlace,
    /// Absent: to join in with what the container runs.
    pub(super) command: Option<Vec<String>>,
    pub(super) wanted: Wanted,
    pub(super) stopping: CancellationToken,
}

/// In which form a client hears how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// A `metav1.Status`.
    Status,
    /// A sentence where it failed, nothing where it succeeded.
    Text,
}

impl Job {
    /// Both sides of the session.
    pub(super) fn wires(&self) -> (Wires, Ends) {
        wires(self.wanted)
    }

    /// Runs it to its end, and says how that was.
    pub(super) async fn run(&self, wires: Wires) -> Result<i32, StreamError> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => {
                Err(StreamError("the API server is stopping".to_owned()))
            }
            ended = self.begin(wires) => ended,
        }
    }

    async fn begin(&self, wires: Wires) -> Result<i32, StreamError> {
        match &self.command {
            Some(command) => self.streams.exec(&self.place, command.clone(), wires).await,
            None => self.streams.attach(&self.place, wires).await.map(|()| 0),
        }
    }
}

impl Report {
    /// What to tell the client; nothing where there is nothing to tell.
    pub(super) fn text(self, ended: &Result<i32, StreamError>) -> Option<String> {
        let status = status(ended);
        match self {
            Self::Status => Some(status.to_string()),
            Self::Text => status["message"].as_str().map(str::to_owned),
        }
    }
}

/// The status in upstream's words, by which clients learn the exit code.
fn status(ended: &Result<i32, StreamError>) -> Value {
    match ended {
        Ok(0) => json!({ "metadata": {}, "status": "Success" }),
        Ok(code) => json!({
            "metadata": {},
            "status": "Failure",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "reason": "NonZeroExitCode",
            "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] },
        }),
        Err(StreamError(message)) => json!({
            "metadata": {},
            "status": "Failure",
            "message": format!("Internal error occurred: {message}"),
            "reason": "InternalError",
            "details": { "causes": [{ "message": message }] },
            "code": 500,
        }),
    }
}

/// The streams that a client of SPDY has begun.
#[derive(Default)]
struct Streams {
    error: Option<Stream>,
    stdin: Option<Stream>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    resize: Option<Stream>,
}

impl Streams {
    /// Waits for all that the client wants. A terminal's size may come later, or not at all.
    async fn gather(incoming: &mut mpsc::Receiver<Incoming>, wanted: Wanted) -> Option<Self> {
        let mut streams = Self::default();
        while !streams.are_complete(wanted) {
            let Incoming { headers, stream } = incoming.recv().await?;
            let kind = headers.get("streamtype").map(String::as_str);
            match kind.unwrap_or_default() {
                "error" => streams.error = Some(stream),
                "stdin" => streams.stdin = Some(stream),
                "stdout" => streams.stdout = Some(stream),
                "stderr" => streams.stderr = Some(stream),
                "resize" => streams.resize = Some(stream),
                other => tracing::debug!(other, "a client began a stream of an unknown type"),
            }
        }
        Some(streams)
    }

    fn are_complete(&self, wanted: Wanted) -> bool {
        self.error.is_some()
            && self.stdin.is_some() >= wanted.stdin
            && self.stdout.is_some() >= wanted.stdout
            && self.stderr.is_some() >= wanted.stderr
    }
}

/// Runs a job over SPDY.
pub(super) async fn over_spdy(job: Job, report: Report, mut incoming: mpsc::Receiver<Incoming>) {
    let gathered = Streams::gather(&mut incoming, job.wanted);
    let Ok(Some(streams)) = tokio::time::timeout(PATIENCE, gathered).await else {
        tracing::debug!("a client did not begin the streams of its session");
        return;
    };
    let Some(error) = streams.error else { return };
    let (wires, ends) = job.wires();
    let outputs = [
        (Outlet::Stdout, streams.stdout.map(|it| it.output)),
        (Outlet::Stderr, streams.stderr.map(|it| it.output)),
    ];
    let run = async {
        let (ended, ()) = tokio::join!(job.run(wires), print(ends.output, outputs));
        if let Some(text) = report.text(&ended) {
            // Where the client has gone there is nobody to tell.
            let _ = error.output.send(Bytes::from(text)).await;
        }
        error.output.finish().await;
    };
    let listen = async {
        let resize = streams.resize.map(|it| it.input);
        let typed = type_in(streams.stdin.map(|it| it.input), ends.stdin);
        tokio::join!(typed, follow_size(resize, &mut incoming, &ends.size));
    };
    tokio::select! {
        biased;
        () = run => {}
        // Only the end of the connection ends this.
        () = listen => {}
    }
}

/// Hands on what the client types.
async fn type_in(from: Option<mpsc::Receiver<Bytes>>, to: Option<mpsc::Sender<Bytes>>) {
    let (Some(mut from), Some(to)) = (from, to) else {
        return;
    };
    while let Some(bytes) = from.recv().await {
        if to.send(bytes).await.is_err() {
            // The process takes no more; the rest is of no use.
            while from.recv().await.is_some() {}
        }
    }
}

/// Follows the size of the client's window until the connection ends. The stream may come late.
async fn follow_size(
    mut resize: Option<mpsc::Receiver<Bytes>>,
    incoming: &mut mpsc::Receiver<Incoming>,
    size: &tokio::sync::watch::Sender<Option<super::Size>>,
) {
    loop {
        let next = async {
            match &mut resize {
                Some(stream) => stream.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            came = incoming.recv() => match came {
                None => return,
                Some(Incoming { headers, stream }) => {
                    if headers.get("streamtype").is_some_and(|kind| kind == "resize") {
                        resize = Some(stream.input);
                    }
                }
            },
            text = next => match text {
                None => resize = None,
                Some(text) => {
                    if let Some(wanted) = parse_size(&text) {
                        size.send_replace(Some(wanted));
                    }
                }
            },
        }
    }
}

/// Hands on what the process prints; each stream is ended when it has ended.
async fn print(
    mut from: mpsc::Receiver<(Outlet, Bytes)>,
    mut outputs: [(Outlet, Option<Output>); 2],
) {
    while let Some((outlet, bytes)) = from.recv().await {
        for (kind, output) in &outputs {
            if let (true, Some(output)) = (*kind == outlet, output)
                && output.send(bytes.clone()).await.is_err()
            {
                return;
            }
        }
    }
    for (_, output) in &mut outputs {
        if let Some(output) = output.take() {
            output.finish().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_in_upstream_s_words() {
        let text = |ended: Result<i32, StreamError>| {
            let text = |report: Report| report.text(&ended).unwrap_or_default();
            format!("{}\n{}", text(Report::Status), text(Report::Text))
        };
        let failed = StreamError("no such program".to_owned());
        let all = [text(Ok(0)), text(Ok(3)), text(Err(failed))].join("\n");
        expect_test::expect![[r#"
            {"metadata":{},"status":"Success"}

            {"details":{"causes":[{"message":"3","reason":"ExitCode"}]},"message":"command terminated with non-zero exit code: exit status 3","metadata":{},"reason":"NonZeroExitCode","status":"Failure"}
            command terminated with non-zero exit code: exit status 3
            {"code":500,"details":{"causes":[{"message":"no such program"}]},"message":"Internal error occurred: no such program","metadata":{},"reason":"InternalError","status":"Failure"}
            Internal error occurred: no such program"#]]
        .assert_eq(&all);
    }
}
