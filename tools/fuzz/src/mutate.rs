//! New inputs out of old ones. Deterministic in the seed.

mod bytes;
mod tree;

use fastrand::Rng;
use serde_json::Value;

use crate::{Form, SEPARATOR, Target};

/// The longest ordinary input, in bytes.
const LONGEST: usize = 16 << 10;

/// The longest input of all: what the server takes as one object.
const HUGE: usize = 1536 << 10;

/// How many inputs are kept to be changed further.
const POOL: usize = 256;

/// One in so many inputs is a huge repetition.
const HUGE_EVERY: u32 = 400;

/// An endless row of inputs.
#[derive(Debug)]
pub struct Inputs {
    target: &'static Target,
    random: Rng,
    pool: Vec<Vec<u8>>,
    samples: usize,
    given: usize,
}

impl Inputs {
    /// The inputs of a target by this seed.
    pub fn new(target: &'static Target, seed: u64) -> Self {
        let mut pool = (target.samples)();
        pool.push(Vec::new());
        Self {
            target,
            random: Rng::with_seed(seed),
            samples: pool.len(),
            pool,
            given: 0,
        }
    }

    /// The next input. The samples come first, unchanged.
    pub fn draw(&mut self) -> Vec<u8> {
        let index = self.given;
        self.given += 1;
        if index < self.samples {
            return self.pool[index].clone();
        }
        if self.random.u32(..HUGE_EVERY) == 0 {
            return bytes::repetition(&mut self.random, self.target.words, HUGE);
        }
        let base = self.random.usize(..self.pool.len());
        let mut input = self.pool[base].clone();
        for _ in 0..=self.random.usize(..4) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        self.keep(&input);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        if self.target.form == Form::Json && self.random.u8(..4) != 0 {
            self.change_tree(input);
        } else {
            let other = self.random.usize(..self.pool.len());
            bytes::change(
                input,
                &self.pool[other],
                &mut self.random,
                self.target.words,
            );
        }
    }

    /// Changes one of the JSON values of an input.
    fn change_tree(&mut self, input: &mut Vec<u8>) {
        let mut parts: Vec<Vec<u8>> = crate::parts(input).map(<[u8]>::to_vec).collect();
        let index = self.random.usize(..parts.len());
        let Ok(mut value) = serde_json::from_slice::<Value>(&parts[index]) else {
            return;
        };
        let other = self.random.usize(..self.pool.len());
        let donor = crate::parts(&self.pool[other])
            .find_map(|part| serde_json::from_slice(part).ok())
            .unwrap_or_default();
        tree::change(&mut value, &donor, &mut self.random, self.target.words);
        parts[index] = value.to_string().into_bytes();
        *input = parts.join(&SEPARATOR);
    }

    /// Keeps some inputs, in the place of others; the samples stay.
    fn keep(&mut self, input: &[u8]) {
        if self.random.u8(..8) != 0 {
            return;
        }
        if self.pool.len() < self.samples + POOL {
            self.pool.push(input.to_vec());
        } else {
            let index = self.samples + self.random.usize(..POOL);
            self.pool[index] = input.to_vec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Inputs;

    #[test]
    fn a_seed_gives_the_same_inputs_again() {
        for target in crate::targets::ALL {
            let row = |seed| {
                let mut inputs = Inputs::new(target, seed);
                (0..100).map(|_| inputs.draw()).collect::<Vec<_>>()
            };
            assert!(row(1) == row(1), "{}", target.name);
            assert!(row(1) != row(2), "{}", target.name);
        }
    }
}
