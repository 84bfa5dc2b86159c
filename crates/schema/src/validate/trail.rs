//! Where the checks have been: the steps to each value, so that a path is written only for what is wrong.
//!
//! Nearly every object is right, and its checks look at hundreds of places: a path of its own for each of them
//! costs more than the checks.

use std::cell::RefCell;

use crate::path::Path;

/// One step down.
#[derive(Debug)]
enum Step {
    /// From nowhere: the path of the whole.
    Whole(Box<str>),
    Field(&'static str),
    /// The same, of a name that only the object knows.
    Named(Box<str>),
    Index(usize),
    Key(Box<str>),
}

/// A place to which a trail has led.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

/// All steps of a walk, each with the place that it was taken from.
#[derive(Debug, Default)]
pub(super) struct Trail {
    steps: RefCell<Vec<(Place, Step)>>,
}

impl Trail {
    fn step(&self, from: Place, step: Step) -> Place {
        let mut steps = self.steps.borrow_mut();
        steps.push((from, step));
        Place(steps.len() - 1)
    }

    /// Where a walk begins.
    pub(super) fn begin(&self, path: &str) -> Place {
        self.step(Place(0), Step::Whole(path.into()))
    }

    pub(super) fn field(&self, from: Place, name: &'static str) -> Place {
        self.step(from, Step::Field(name))
    }

    pub(super) fn named(&self, from: Place, name: &str) -> Place {
        self.step(from, Step::Named(name.into()))
    }

    pub(super) fn index(&self, from: Place, index: usize) -> Place {
        self.step(from, Step::Index(index))
    }

    pub(super) fn key(&self, from: Place, key: &str) -> Place {
        self.step(from, Step::Key(key.into()))
    }

    /// The path to a place.
    pub(super) fn path(&self, place: Place) -> Path {
        let steps = self.steps.borrow();
        let mut back = Vec::new();
        let mut place = place;
        while let Some((from, step)) = steps.get(place.0) {
            back.push(step);
            if let Step::Whole(_) = step {
                break;
            }
            place = *from;
        }
        let down = back.into_iter().rev();
        down.fold(Path::root(), |path, step| match step {
            Step::Whole(path) => Path::of(path),
            Step::Field(name) => path.field(name),
            Step::Named(name) => path.field(name),
            Step::Index(index) => path.index(*index),
            Step::Key(key) => path.key(key),
        })
    }
}
