//! The process that runs a target: what it does wrong ends this process and no other.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Target;
use crate::mutate::Inputs;

/// The stack of a thread that runs a target: that of the server's own threads.
const STACK: usize = 2 << 20;

/// How much memory a target may take, in bytes of addresses.
const MEMORY: u64 = 2 << 30;

/// How often the watching thread looks.
const TICK: Duration = Duration::from_millis(50);

/// What a worker does.
#[derive(Debug, Clone)]
pub enum Work {
    /// Makes inputs by a seed for some time, and notes each in a file before it is run.
    Search {
        /// The seed.
        seed: u64,
        /// How long.
        time: Duration,
        /// Where the input is noted: its length in eight bytes, and it.
        note: std::path::PathBuf,
    },
    /// Runs one input.
    Once(Vec<u8>),
}

/// Exit code of a worker one of whose inputs took too long.
pub const TOO_LONG: u8 = 102;

/// Does the work in a thread of limited stack; a panic is exit code 101, an input that takes longer than
/// `limit` is [`TOO_LONG`].
///
/// # Errors
/// Where the limits cannot be set or the note cannot be written.
pub fn run(target: &'static Target, work: Work, limit: Duration) -> Result<ExitCode> {
    let hard = getrlimit(Resource::As).maximum;
    let memory = Rlimit {
        current: Some(MEMORY),
        maximum: hard,
    };
    setrlimit(Resource::As, memory).context("limiting the memory")?;
    let done = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&done);
    let thread = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || work_off(target, work, &counter))
        .context("starting a thread")?;
    watch(&thread, &done, limit);
    match thread.join() {
        Ok(result) => result?,
        Err(_) => return Ok(ExitCode::from(101)),
    }
    println!("{}", done.load(Ordering::Relaxed));
    Ok(ExitCode::SUCCESS)
}

/// Waits for the thread, and ends the process where one input takes longer than `limit`.
fn watch(thread: &thread::JoinHandle<Result<()>>, done: &AtomicU64, limit: Duration) {
    let (mut last, mut waited) = (0, Duration::ZERO);
    while !thread.is_finished() {
        thread::sleep(TICK);
        let now = done.load(Ordering::Relaxed);
        waited = if now == last { waited + TICK } else { TICK };
        last = now;
        if waited > limit {
            eprintln!("one input took longer than {limit:?}");
            std::process::exit(i32::from(TOO_LONG));
        }
    }
}

fn work_off(target: &'static Target, work: Work, done: &AtomicU64) -> Result<()> {
    let (seed, time, note) = match work {
        Work::Once(input) => {
            (target.run)(&input);
            return Ok(());
        }
        Work::Search { seed, time, note } => (seed, time, note),
    };
    let note = Note::create(&note)?;
    let alarm = thread::spawn(move || thread::sleep(time));
    let mut inputs = Inputs::new(target, seed);
    while !alarm.is_finished() {
        let input = inputs.draw();
        note.write(&input)?;
        (target.run)(&input);
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The file that holds the input that is being run.
struct Note(File);

impl Note {
    fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self(file))
    }

    fn write(&self, input: &[u8]) -> Result<()> {
        let mut bytes = (input.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(input);
        self.0.write_all_at(&bytes, 0).context("noting an input")
    }
}

/// Reads a note: the input that a worker ran last.
pub fn noted(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok()?;
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    rest.get(..length).map(<[u8]>::to_vec)
}
