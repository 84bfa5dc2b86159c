//! Seatrial.
fn main() {}
