//! Time and randomness as things handed in.
//!
//! Controllers never read a clock or a random source by themselves: they are given a [`Clock`]
//! and a [`Random`]. In a live cluster these are the machine's; in virtual time they are driven by
//! paused time and a seed, so that the same seed gives the same run, byte for byte.
//!
//! ```text
//!   live:    SystemClock      Random::from_entropy()
//!   virtual: a clock over     Random::seeded(7)
//!            paused time
//! ```
//!
//! **Invariant:** this is the only crate that reads the machine's clock or entropy;
//! `xtask tidy` refuses it elsewhere.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// Tells the time. Implementations must never go backwards within one run.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// A clock that can be shared.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's wall clock, for live clusters.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // The one place that may.
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// A source of randomness that several parts share.
///
/// Draws are serialised, so in a deterministic run (one thread) the sequence that each caller sees
/// depends on the seed alone. Not for keys or tokens: use the TLS library's generator for those.
#[derive(Debug, Clone)]
pub struct Random(Arc<Mutex<fastrand::Rng>>);

impl Random {
    /// A generator whose whole sequence follows from `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A generator seeded by the machine, for live clusters.
    pub fn from_entropy() -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::new())))
    }

    fn with<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A uniform number in `0.0..1.0`.
    pub fn unit(&self) -> f64 {
        self.with(fastrand::Rng::f64)
    }

    /// A uniform integer in `0..bound`; 0 where `bound` is 0.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 {
            0
        } else {
            self.with(|rng| rng.u64(0..bound))
        }
    }

    /// A random (version 4) UUID, in its hyphenated form.
    pub fn uuid(&self) -> String {
        let bits = self.with(|rng| rng.u128(..));
        uuid::Builder::from_random_bytes(bits.to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// A suffix for generated names, from the alphabet that Kubernetes uses: no vowels and no
    /// digits that look like letters, so that no word is spelled by accident
    /// (`k8s.io/apimachinery/pkg/util/rand`).
    pub fn suffix(&self, length: usize) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        self.with(|rng| {
            (0..length)
                .map(|_| char::from(ALPHABET[rng.usize(..ALPHABET.len())]))
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (first, second) = (Random::seeded(7), Random::seeded(7));
        let draw = |random: &Random| (random.uuid(), random.suffix(5), random.below(1000));
        assert_eq!(draw(&first), draw(&second));
        assert_ne!(draw(&first), draw(&Random::seeded(8)));
    }

    #[test]
    fn suffixes_use_the_safe_alphabet() {
        let suffix = Random::seeded(1).suffix(200);
        assert!(
            !suffix.contains(['a', 'e', 'i', 'o', 'u', '0', '1', '3']),
            "{suffix}"
        );
    }

    #[test]
    fn a_bound_of_zero_is_no_panic() {
        assert_eq!(Random::seeded(1).below(0), 0);
    }
}
