//! Smooth weighted turns.

use crate::route::Destination;

/// The credit of each destination of one split.
#[derive(Debug, Default)]
pub(super) struct Turns {
    weights: Vec<u32>,
    credit: Vec<i64>,
}

impl Turns {
    /// The index of the destination whose turn it is. Starts afresh when the weights change.
    pub(super) fn next(&mut self, destinations: &[Destination]) -> usize {
        let weights = destinations.iter().map(|destination| destination.weight);
        if !self.weights.iter().copied().eq(weights.clone()) {
            self.weights = weights.collect();
            self.credit = vec![0; self.weights.len()];
        }
        let sum: i64 = self.weights.iter().map(|weight| i64::from(*weight)).sum();
        let mut richest = 0;
        for index in 0..self.weights.len() {
            self.credit[index] += i64::from(self.weights[index]);
            if self.credit[index] > self.credit[richest] {
                richest = index;
            }
        }
        self.credit[richest] -= sum;
        richest
    }
}
