//! CP families.
use tensegrity_fit::{Candidate, Family, Problem, Progress, Result};
#[derive(Debug)]
pub(super) struct CpCandidate;
impl Candidate for CpCandidate {
    fn name(&self) -> &str {
        "cp"
    }
    fn propose<'p>(&self, _: &'p Problem<'p>, _: &Progress<'_>) -> Result<Vec<Box<dyn Family + 'p>>> {
        Ok(vec![])
    }
}
