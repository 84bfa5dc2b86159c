//! `seatrial doctor`: what this machine can do.

use std::process::ExitCode;

use anyhow::Result;
use seatrial_node::runtime::sandbox::detect::{self, Settings, Status};
use serde_json::json;

use crate::arguments::{Doctor, Output};

pub(crate) async fn run(doctor: Doctor) -> Result<ExitCode> {
    let data = super::data(&doctor.which)?;
    let settings = Settings {
        directory: data.folder("runtime")?,
        executable: None,
    };
    let checks = detect::report(&settings).await;
    let failed = checks.iter().any(|check| check.status == Status::Failed);
    if doctor.which.output == Output::Json {
        let checks: Vec<_> = checks
            .iter()
            .map(|check| {
                json!({
                    "name": check.name,
                    "status": check.status.to_string(),
                    "detail": check.detail,
                    "hint": check.hint,
                })
            })
            .collect();
        println!("{}", json!({ "checks": checks, "ok": !failed }));
    } else {
        for check in &checks {
            let sign = match check.status {
                Status::Ok => console::style("√").green(),
                Status::Warning => console::style("‼").yellow(),
                Status::Failed => console::style("×").red(),
            };
            println!("{sign} {:<20} {}", check.name, check.detail);
            if let Some(hint) = &check.hint {
                println!("  {:<20} {hint}", "");
            }
        }
        let verdict = if failed {
            "something that pods or pipelines need is missing"
        } else {
            "this machine is fit; next: seatrial demo"
        };
        println!("\n{verdict}");
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
