//! Decisions, told as lines; and an agent on a runtime in memory.

mod decisions;
