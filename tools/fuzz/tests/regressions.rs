//! What was found once is never broken again.

#![allow(clippy::unwrap_used)] // Tests.

use std::path::Path;

use seatrial_fuzz::targets;

/// Runs in a thread whose stack is that of the server's threads.
fn run(what: String, target: fn(&[u8]), input: Vec<u8>) {
    let thread = std::thread::Builder::new()
        .name(what)
        .stack_size(2 << 20)
        .spawn(move || target(&input));
    thread.unwrap().join().unwrap();
}

#[test]
fn every_sample_is_taken() {
    for target in targets::ALL {
        for (index, sample) in (target.samples)().into_iter().enumerate() {
            run(
                format!("{} sample {index}", target.name),
                target.run,
                sample,
            );
        }
    }
}

#[test]
fn what_broke_once_is_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    for target in targets::ALL {
        let Ok(files) = std::fs::read_dir(folder.join(target.name)) else {
            continue;
        };
        for file in files {
            let path = file.unwrap().path();
            let input = std::fs::read(&path).unwrap();
            run(path.display().to_string(), target.run, input);
        }
    }
}

#[test]
fn every_kept_input_has_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let Ok(folders) = std::fs::read_dir(folder) else {
        return;
    };
    for folder in folders {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(seatrial_fuzz::find(&name).is_some(), "no target {name}");
    }
}
