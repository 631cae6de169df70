#![doc = include_str!("../README.md")]

mod comparison;
mod details;
mod effect;
mod error;
mod experiment;
mod explanation;
mod figure;
mod histogram;
mod page;
mod printable;
mod ranking;
mod ranking_text;
mod sorting;
mod sorting_text;
mod spark;
mod terminal;
mod text_table;
mod verdict;

pub use comparison::{
    ComparisonReport, OverallSection, PairedSection, SplitScores, TaskModelSection, TaskSection,
    comparison_markdown, comparison_text,
};
pub use details::{ExperimentDetails, FeatureValues, LossHistory, ModelPredictions, TestTracks};
pub use effect::Effect;
pub use error::{Error, Result};
pub use experiment::{
    ClassCount, ClassShares, Comparison, DatasetSection, DroppedCount, ExperimentReport, MetricsSection,
    ModelSection, PriorSection, SourceSection, SplitSection, TestsSection, to_json,
};
pub use explanation::{
    ContributionSection, DependencePoint, DependenceSection, ExplanationSamples, ExplanationSection,
    ImportanceSection, TrackExplanation, explanation_text,
};
pub use figure::{Figure, LineChart, LineSeries, experiment_figures, figure_names};
pub use page::{
    Cells, Chapter, DataTable, TableColumn, chapters_page, comparison_figures, comparison_page,
    experiment_page, ranking_page, sorting_page,
};
pub use printable::printable;
pub use ranking::{
    CandidateTrack, CandidatesSection, CheckMethod, CheckSection, KnownBy, Others, RankedTrack,
    RankingModelSection, RankingReport, Reason, Side,
};
pub use ranking_text::{check_verdict, ranking_text};
pub use sorting::{
    AlikePair, Mistaken, NoneSection, PlaylistCheck, PlaylistProbability, SortedTrack, SortingCheckSection,
    SortingMode, SortingReport,
};
pub use sorting_text::{sorting_text, sorting_verdict};
pub use spark::{charts_text, spark};
pub use terminal::{dataset_text, experiment_text, models_table, reading_text};
pub use text_table::TextTable;
pub use verdict::{CHANCE, LARGER_TEST_CLASS, SIGNIFICANCE, verdict};
