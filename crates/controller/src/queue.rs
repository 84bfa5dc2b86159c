//! The work queue: ordered, deduplicating, with delays and back-off.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seatrial_clock::Random;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The longest that a key waits.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// How long to wait between tries of one key.
#[derive(Debug, Clone)]
pub struct Delay {
    /// The delay after the first failure; each further one doubles it.
    pub first: Duration,
    /// The longest delay.
    pub longest: Duration,
    /// The shortest time between the end of one pass and the start of the next for one key: bursts
    /// of changes become one pass.
    pub pace: Duration,
    /// Adds up to a tenth to each back-off where given, so that many failing keys spread out.
    pub jitter: Option<Random>,
}

impl Default for Delay {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(5),
            longest: Duration::from_mins(5),
            pace: Duration::from_millis(5),
            jitter: None,
        }
    }
}

impl Delay {
    /// The delay after this many failures in a row.
    pub fn after(&self, failures: u32) -> Duration {
        let factor = 1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let delay = self.first.saturating_mul(factor).min(self.longest);
        match &self.jitter {
            Some(random) => delay.mul_f64(1.0 + random.unit() / 10.0),
            None => delay,
        }
    }
}

/// A queue of keys to work on.
///
/// **Guarantees**: a key is handed out to one worker at a time; a key added while it is queued is
/// there once; a key added while it is worked on comes again after [`Queue::done`]. Keys that are
/// due come in the order in which they were added, timers in the order of their deadlines, then of
/// their creation. Nothing depends on hashing or threads.
#[derive(Debug)]
pub struct Queue<T> {
    delay: Delay,
    state: Mutex<State<T>>,
    wake: Notify,
}

#[derive(Debug)]
struct State<T> {
    ready: VecDeque<T>,
    queued: BTreeSet<T>,
    working: BTreeSet<T>,
    /// Added while being worked on.
    dirty: BTreeSet<T>,
    timers: BTreeMap<(Instant, u64), T>,
    timer_of: BTreeMap<T, (Instant, u64)>,
    /// Not before this moment, after a pass (see [`Delay::pace`]).
    resting: BTreeMap<T, Instant>,
    failures: BTreeMap<T, u32>,
    sequence: u64,
}

impl<T: Ord + Clone> State<T> {
    fn push(&mut self, key: T) {
        if self.working.contains(&key) {
            self.dirty.insert(key);
        } else if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn set_timer(&mut self, key: T, due: Instant) {
        self.clear_timer(&key);
        self.sequence += 1;
        self.timers.insert((due, self.sequence), key.clone());
        self.timer_of.insert(key, (due, self.sequence));
    }

    fn clear_timer(&mut self, key: &T) {
        if let Some(timer) = self.timer_of.remove(key) {
            self.timers.remove(&timer);
        }
    }

    fn promote(&mut self, now: Instant) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let key = entry.remove();
            self.timer_of.remove(&key);
            self.push(key);
        }
    }
}

impl<T: Ord + Clone> Queue<T> {
    /// An empty queue.
    pub fn new(delay: Delay) -> Self {
        let state = State {
            ready: VecDeque::new(),
            queued: BTreeSet::new(),
            working: BTreeSet::new(),
            dirty: BTreeSet::new(),
            timers: BTreeMap::new(),
            timer_of: BTreeMap::new(),
            resting: BTreeMap::new(),
            failures: BTreeMap::new(),
            sequence: 0,
        };
        Self {
            delay,
            state: Mutex::new(state),
            wake: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a key: as soon as possible, but not before its pace allows.
    pub fn add(&self, key: T) {
        let mut state = self.state();
        let rest = state
            .resting
            .get(&key)
            .copied()
            .filter(|until| *until > Instant::now());
        match rest {
            Some(until) => {
                let sooner = state
                    .timer_of
                    .get(&key)
                    .is_some_and(|(due, _)| *due <= until);
                if !sooner && !state.queued.contains(&key) {
                    state.set_timer(key, until);
                }
            }
            None => state.push(key),
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Adds a key after a delay, replacing the timer it may have. A delay of more than a year, which
    /// only a slip in an object asks for, is cut to that: the object is looked at again then.
    pub fn add_after(&self, key: T, delay: Duration) {
        let due = Instant::now() + delay.min(LONGEST);
        self.state().set_timer(key, due);
        self.wake.notify_one();
    }

    /// Adds a key with the back-off of its failures so far, and counts one more. Returns the delay.
    pub fn add_failed(&self, key: T) -> Duration {
        let mut state = self.state();
        let failures = state.failures.entry(key.clone()).or_default();
        *failures = failures.saturating_add(1);
        let delay = self.delay.after(*failures);
        drop(state);
        self.add_after(key, delay);
        delay
    }

    /// Forgets the failures and the timer of a key: after a success, or when it is gone.
    pub fn forget(&self, key: &T) {
        let mut state = self.state();
        state.failures.remove(key);
        state.clear_timer(key);
    }

    /// Says that the worker is through with a key it got from [`Queue::next`].
    pub fn done(&self, key: &T) {
        let now = Instant::now();
        let mut state = self.state();
        state.working.remove(key);
        if !self.delay.pace.is_zero() {
            if state.resting.len() >= 4096 {
                state.resting.retain(|_, until| *until > now);
            }
            state.resting.insert(key.clone(), now + self.delay.pace);
        }
        let again = state.dirty.remove(key);
        drop(state);
        if again {
            self.add(key.clone());
        }
    }

    /// The next key that is due; waits for one.
    pub async fn next(&self) -> T {
        loop {
            let notified = self.wake.notified();
            let deadline = {
                let mut state = self.state();
                state.promote(Instant::now());
                if let Some(key) = state.ready.pop_front() {
                    state.queued.remove(&key);
                    state.working.insert(key.clone());
                    if !state.ready.is_empty() {
                        self.wake.notify_one();
                    }
                    return key;
                }
                state.timers.first_key_value().map(|((due, _), _)| *due)
            };
            match deadline {
                Some(due) => tokio::select! {
                    biased;
                    () = notified => {}
                    () = tokio::time::sleep_until(due) => {}
                },
                None => notified.await,
            }
        }
    }

    /// How many keys are due now.
    pub fn len(&self) -> usize {
        self.state().ready.len()
    }

    /// Whether no key is due now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue<&'static str> {
        Queue::new(Delay {
            pace: Duration::ZERO,
            ..Delay::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn keys_come_once_and_in_order() {
        let queue = queue();
        for key in ["b", "a", "b", "c", "a"] {
            queue.add(key);
        }
        assert_eq!(
            [queue.next().await, queue.next().await, queue.next().await],
            ["b", "a", "c"]
        );
        assert!(queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_added_while_worked_on_comes_again_after_done() {
        let queue = queue();
        queue.add("a");
        let key = queue.next().await;
        queue.add("a");
        assert!(queue.is_empty());
        queue.done(&key);
        assert_eq!(queue.next().await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn timers_come_by_deadline_and_are_replaced() {
        let queue = queue();
        let start = Instant::now();
        queue.add_after("late", Duration::from_secs(9));
        queue.add_after("soon", Duration::from_secs(5));
        queue.add_after("late", Duration::from_secs(7));
        assert_eq!(queue.next().await, "soon");
        assert_eq!(queue.next().await, "late");
        assert_eq!(start.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_that_no_clock_can_hold_is_cut() {
        let queue = queue();
        queue.add_after("never", Duration::MAX);
        queue.add_after("soon", Duration::from_secs(1));
        assert_eq!(queue.next().await, "soon");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_back_off_and_success_forgets_them() {
        let queue = queue();
        let delays: Vec<_> = (0..4).map(|_| queue.add_failed("a").as_millis()).collect();
        assert_eq!(delays, [5, 10, 20, 40]);
        queue.forget(&"a");
        assert_eq!(queue.add_failed("a").as_millis(), 5);
        assert_eq!(Delay::default().after(40), Duration::from_mins(5));
    }

    #[tokio::test(start_paused = true)]
    async fn pace_turns_a_burst_into_one_pass() {
        let queue = Queue::new(Delay {
            pace: Duration::from_millis(20),
            ..Delay::default()
        });
        queue.add("a");
        let key = queue.next().await;
        queue.done(&key);
        let start = Instant::now();
        for _ in 0..100 {
            queue.add("a");
        }
        assert_eq!(queue.next().await, "a");
        assert_eq!(start.elapsed(), Duration::from_millis(20));
        queue.done(&"a");
        let quiet = tokio::time::timeout(Duration::from_secs(1), queue.next()).await;
        assert!(quiet.is_err(), "the burst left {quiet:?} behind");
    }
}
