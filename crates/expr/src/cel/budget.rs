//! How much an expression may cost.

use super::error::Error;

/// What is left to spend. One unit is about the access to one variable, as in upstream's cost model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    left: u64,
}

impl Budget {
    /// A budget of `units`.
    pub fn new(units: u64) -> Self {
        Self { left: units }
    }

    /// Upstream's limit for one expression (`PerCallLimit`).
    pub fn per_call() -> Self {
        Self::new(1_000_000)
    }

    /// Upstream's limit for all expressions about one object (`RuntimeCELCostBudget`).
    pub fn per_object() -> Self {
        Self::new(10_000_000)
    }

    /// Upstream's limit for the match conditions of one webhook or policy (`RuntimeCELCostBudgetMatchConditions`).
    pub fn match_conditions() -> Self {
        Self::new(2_500_000)
    }

    /// What is left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Spends `units`.
    ///
    /// # Errors
    /// Where there are not enough left; then none are left.
    pub fn spend(&mut self, units: u64) -> Result<(), Error> {
        if let Some(left) = self.left.checked_sub(units) {
            self.left = left;
            Ok(())
        } else {
            self.left = 0;
            Err(Error::OutOfBudget)
        }
    }
}
