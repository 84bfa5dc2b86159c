//! Checks and generators of this workspace: `cargo xtask <command>`.

mod tidy;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("tidy") => tidy::run(),
        _ => {
            println!(
                "usage: cargo xtask tidy    edges between crates, file lengths, direct clocks"
            );
            Ok(())
        }
    }
}
