//! The paper, reproduced and explained: every run of its sections 4 to 8 and 10, and the search for what made it
//! fail.
//!
//! [`Study::read`] lists the runs, [`Study::run`] does them side by side and can be stopped and resumed,
//! [`StudyReport::new`] sums them up; [`study_text`], [`study_markdown`], [`study_plots`] and [`study_page`] show it.

mod draw;
mod page;
mod plan;
mod run;
mod setting;
mod show;
mod signature;
mod study;
mod summarise;
mod summary;
mod variation;

pub use page::study_page;
pub use plan::{POSITIVE_PERCENTS, SIZES};
pub use run::{BaselineLook, Look, RunKey, RunRecord};
pub use setting::{Draw, LabelFault, Scaling, Size};
pub use show::{study_markdown, study_plots, study_text};
pub use signature::{
    PAPER_RESULT, PaperResult, Shown, Signature, Tolerance, constant_with_loss, test_sizes_that_fit,
};
pub use study::{Study, StudyConfig, StudySection};
pub use summary::{
    Difference, Estimate, FaultRow, LossCurve, RetryRow, StudyReport, TableSize, VariationRow,
};
pub use variation::{PAPER_EPOCHS, RESULT_EPOCHS, Variation};
