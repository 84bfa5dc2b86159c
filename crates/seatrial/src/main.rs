//! Seatrial.
mod client;
fn main() {}
