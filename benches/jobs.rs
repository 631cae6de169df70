//! The jobs that `benches/peers/` times against other libraries, in one program that stays warm.
//!
//! `jobs --serve` reads a request a line from standard input, as JSON (`{"job": "fit-paper", "rows": 2000}`; [`Request`]
//! has the keys), and answers each with a line: `{"job", "seconds", "result"}`, the seconds of one run of the job without
//! its set-up. A request that is sent again repeats the job on what was set up. The result shows that both sides did
//! the same work: a loss, a mean probability, an area, a number of rows.
//!
//! Without `--serve` every job runs once on small data, and its result is checked.

mod common;

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use playlist_classifier::{Experiment, ExperimentConfig, FitSettings, ModelName, SplitMethod};
use playlist_core::{AudioFeature, AudioFeatures, Classifier, FeatureMatrix, Labels, Overwrite, Track};
use playlist_dataset::{GroupBy, ReadOptions, TrackTable, read_table};
use playlist_logistic::LogisticConfig;
use playlist_metrics::{average_precision, log_loss, roc_auc};
use playlist_mlp::{
    DistillationConfig, Engine, EnsembleConfig, EnsembleNetworkConfig, MlpClassifier, MlpClassifierConfig,
    MlpConfig, TrainingConfig,
};
use serde::Deserialize;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// One job and its sizes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Request {
    /// One of [`JOBS`].
    job: String,
    /// Rows predicted on, or learnt from where nothing is predicted.
    rows: usize,
    /// Rows learnt from where the job is to predict.
    train_rows: usize,
    features: usize,
    epochs: usize,
    batch: usize,
    /// Units of both hidden layers of the paper's network.
    width: usize,
    /// Networks of an ensemble, `None` for its own number.
    members: Option<usize>,
    engine: Engine,
    /// Whether an ensemble is distilled into one network.
    distil: bool,
    /// Threads where the job can be told; the others use the cores that the process may use.
    threads: Option<usize>,
    seed: u64,
    /// Little-endian `f32`: the features row by row, then the labels 0 and 1. `None` for data of our own.
    data: Option<PathBuf>,
    /// The table of `read-table`; where `predict-paper` saves its network.
    file: Option<PathBuf>,
    /// Runs in one timing, for jobs too short for a clock.
    times: usize,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            job: String::new(),
            rows: 2_000,
            train_rows: 2_000,
            features: AudioFeature::PAPER.len(),
            epochs: 30,
            batch: 50,
            width: 36,
            members: None,
            engine: Engine::Fused,
            distil: false,
            threads: None,
            seed: 1,
            data: None,
            file: None,
            times: 1,
        }
    }
}

/// A job that is set up: each call runs it once and returns its result.
type Job = Box<dyn FnMut() -> Result<f64>>;

type SetUp = fn(&Request) -> Result<Job>;

/// The name of each job and what sets it up.
const JOBS: [(&str, SetUp); 10] = [
    ("fit-paper", fit_paper),
    ("predict-paper", predict_paper),
    ("fit-ensemble", fit_ensemble),
    ("predict-ensemble", predict_ensemble),
    ("folds", folds),
    ("fit-logistic", fit_logistic),
    ("roc-auc", |request| metric(request, |y, p| Ok(roc_auc(y, p)?))),
    ("average-precision", |request| {
        metric(request, |y, p| Ok(average_precision(y, p)?))
    }),
    ("log-loss", |request| metric(request, |y, p| Ok(log_loss(y, p)?))),
    ("read-table", read),
];

impl Request {
    fn set_up(&self) -> Result<Job> {
        let known = JOBS.iter().find(|(name, _)| *name == self.job);
        let names = || JOBS.map(|(name, _)| name).join(", ");
        let (_, set_up) =
            known.ok_or_else(|| format!("no job `{}`: expected one of {}", self.job, names()))?;
        set_up(self)
    }

    /// Features and labels, from the file or made here: tracks in their units for the ensemble, which encodes them
    /// itself, and values in [0, 1) for the others.
    fn data(&self, rows: usize) -> Result<(FeatureMatrix, Labels)> {
        let Some(path) = &self.data else {
            let x = match self.job.ends_with("-ensemble") {
                true => common::tracks(rows, self.seed),
                false => common::uniform(rows, self.features, self.seed),
            };
            let y = common::labels(&x, self.seed + 1);
            return Ok((x, y));
        };
        let bytes = std::fs::read(path)?;
        let (values, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() || !values.len().is_multiple_of(self.features + 1) {
            let expected = self.features + 1;
            let found = bytes.len();
            return Err(format!(
                "`{}`: expected {expected} times 4 bytes a row, found {found}",
                path.display()
            )
            .into());
        }
        let n_samples = values.len() / (self.features + 1);
        let (x, y) = values.split_at(n_samples * self.features);
        let x = x.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let y: Vec<bool> = y.iter().map(|bytes| f32::from_le_bytes(*bytes) > 0.5).collect();
        let x = FeatureMatrix::new(common::columns(self.features), x)?;
        Ok((x, Labels::binary("other", "liked", &y)))
    }

    /// The first rows of the data to learn from, the last to predict on.
    fn train_and_test(&self) -> Result<((FeatureMatrix, Labels), FeatureMatrix)> {
        let (x, y) = self.data(self.train_rows + self.rows)?;
        let train: Vec<usize> = (0..self.train_rows.min(x.n_samples())).collect();
        let test: Vec<usize> = (x.n_samples().saturating_sub(self.rows)..x.n_samples()).collect();
        Ok((
            (x.select_rows(&train), y.select_rows(&train)),
            x.select_rows(&test),
        ))
    }

    fn paper(&self) -> MlpClassifierConfig {
        let training = TrainingConfig::default()
            .with_epochs(self.epochs)
            .with_batch_size(self.batch)
            .with_seed(self.seed);
        let mut network = MlpConfig::paper();
        for layer in &mut network.hidden {
            layer.width = self.width;
        }
        MlpClassifierConfig::paper()
            .with_network(network)
            .with_training(training)
    }

    fn fit_paper(&self, x: &FeatureMatrix, y: &Labels) -> Result<MlpClassifier> {
        Ok(self.paper().with_engine(Some(self.engine)).fit(x, y)?)
    }

    fn ensemble(&self) -> EnsembleConfig {
        let mut network = EnsembleNetworkConfig::default();
        if let Some(members) = self.members {
            network.folds = members.clamp(2, network.folds);
            network.members_per_fold = (members / network.folds).max(1);
        }
        EnsembleConfig::default()
            .with_network(network)
            .with_distillation(self.distil.then(DistillationConfig::default))
            .with_engine(self.engine)
            .with_seed(self.seed)
            .with_threads(self.threads)
    }
}

/// Training alone; the result is the mean loss on the training rows in its last epoch.
fn fit_paper(request: &Request) -> Result<Job> {
    let (x, y) = request.data(request.rows)?;
    let request = request.clone();
    Ok(Box::new(move || {
        let model = request.fit_paper(&x, &y)?;
        let last = model.history().and_then(|history| history.epochs.last());
        Ok(last.ok_or("a training leaves a history")?.train_loss)
    }))
}

/// Features to probabilities; the result is that of the last row, as of the other jobs that predict.
fn predict_paper(request: &Request) -> Result<Job> {
    let ((x, y), test) = request.train_and_test()?;
    let model = request.fit_paper(&x, &y)?;
    if let Some(file) = &request.file {
        model.save(file, Overwrite::Allow)?;
    }
    Ok(predict(model, test))
}

fn predict(model: impl Classifier + 'static, test: FeatureMatrix) -> Job {
    Box::new(move || {
        // A sum over all rows would be timed as well.
        let p = model.predict_proba(&test)?;
        Ok(f64::from(p.get(test.n_samples() - 1, 1)))
    })
}

/// Encoding, networks, kernel machine and calibration; the result is the probability of the first row.
fn fit_ensemble(request: &Request) -> Result<Job> {
    let (x, y) = request.data(request.rows)?;
    let (first, config) = (x.select_rows(&[0]), request.ensemble());
    Ok(Box::new(move || {
        Ok(f64::from(config.fit(&x, &y)?.predict_proba(&first)?.get(0, 1)))
    }))
}

fn predict_ensemble(request: &Request) -> Result<Job> {
    let ((x, y), test) = request.train_and_test()?;
    Ok(predict(request.ensemble().fit(&x, &y)?, test))
}

/// Five folds with five seeds each of the paper's network, scored; the result is the mean area.
fn folds(request: &Request) -> Result<Job> {
    let (x, y) = request.data(request.rows)?;
    let tables: Vec<TrackTable> = ["other", "liked"]
        .into_iter()
        .enumerate()
        .map(|(class, name)| {
            let rows = (0..x.n_samples()).filter(|row| y.y()[*row] == class);
            let tracks: Vec<Track> = rows.map(|row| track(x.row(row))).collect();
            Ok(TrackTable::from_tracks(name, &tracks)?.with_label(name))
        })
        .collect::<Result<_>>()?;
    let config = ExperimentConfig {
        split: SplitMethod::KFold {
            n_folds: 5,
            group_by: GroupBy::Track,
        },
        repeats: 5,
        seed: request.seed,
        models: vec![ModelName::Paper],
        fit: FitSettings {
            training: request.paper().training,
            engine: Some(request.engine),
            ..FitSettings::default()
        },
        ..ExperimentConfig::default()
    };
    let experiment = Experiment::prepare(tables, config)?;
    Ok(Box::new(move || {
        let outcome = experiment.run()?;
        Ok(outcome.report.models[0]
            .metrics
            .roc_auc
            .ok_or("both classes are tested")?)
    }))
}

fn track(row: &[f32]) -> Track {
    let known = AudioFeature::PAPER.into_iter().zip(row);
    Track {
        features: known.fold(AudioFeatures::default(), |features, (feature, value)| {
            let value = match feature {
                AudioFeature::Key => (value * 11.0).round(),
                AudioFeature::Mode => value.round(),
                AudioFeature::TimeSignature => (3.0 + value * 4.0).round(),
                AudioFeature::Loudness => value * 60.0 - 60.0,
                AudioFeature::Tempo => 50.0 + 150.0 * value,
                AudioFeature::DurationMs => 100_000.0 + 200_000.0 * value,
                _ => *value,
            };
            features.with(feature, value)
        }),
        ..Track::default()
    }
}

/// The result is the first coefficient, which both sides agree on when both reach the optimum.
fn fit_logistic(request: &Request) -> Result<Job> {
    let (x, y) = request.data(request.rows)?;
    Ok(Box::new(move || {
        let model = LogisticConfig::default().fit(&x, &y)?;
        if !model.convergence().converged {
            return Err(format!("not converged: {:?}", model.convergence()).into());
        }
        Ok(model.coefficients().next().ok_or("there is a column")?.value)
    }))
}

/// A metric of the labels and of the first column as scores; the result is its value.
fn metric(request: &Request, metric: fn(&[bool], &[f32]) -> Result<f64>) -> Result<Job> {
    let request = Request {
        features: 1,
        ..request.clone()
    };
    let (x, y) = request.data(request.rows)?;
    let y = y.positives()?;
    Ok(Box::new(move || metric(&y, x.values())))
}

/// The result is the number of tracks.
fn read(request: &Request) -> Result<Job> {
    let path = request
        .file
        .clone()
        .ok_or("`file` is missing: the table to read")?;
    Ok(Box::new(move || {
        Ok(read_table(&path, &ReadOptions::default())?.n_tracks() as f64)
    }))
}

/// Seconds of one run, and its result.
fn time(job: &mut Job, times: usize) -> Result<(f64, f64)> {
    let start = Instant::now();
    let mut result = 0.0;
    for _ in 0..times.max(1) {
        result = black_box(job()?);
    }
    Ok((start.elapsed().as_secs_f64() / times.max(1) as f64, result))
}

/// Answers requests until there are no more.
fn serve() -> Result<()> {
    let mut ready: Option<(Request, Job)> = None;
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        if ready.as_ref().is_none_or(|(last, _)| *last != request) {
            drop(ready.take());
            ready = Some((request.clone(), request.set_up()?));
        }
        let (_, job) = ready.as_mut().ok_or("a job was set up")?;
        let (seconds, result) = time(job, request.times)?;
        let answer = serde_json::json!({"job": request.job, "seconds": seconds, "result": result});
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// Runs every job once on small data.
fn check() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let shipped = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/two_listeners.csv"));
    for (name, _) in JOBS {
        let request = Request {
            job: name.to_owned(),
            rows: 400,
            train_rows: 400,
            epochs: 2,
            file: Some(match name {
                "read-table" => shipped.clone(),
                _ => folder.path().join("network.safetensors"),
            }),
            ..Request::default()
        };
        let (_, result) = time(&mut request.set_up()?, 2)?;
        // Areas, probabilities and losses of labels that can be learnt lie between these; a table has tracks.
        let expected = if name == "read-table" {
            100.0..1e6
        } else {
            1e-3..20.0
        };
        assert!(
            expected.contains(&result),
            "{name}: {result} is not within {expected:?}"
        );
        println!("test jobs/{name} ... ok");
    }
    assert!(folder.path().join("network.safetensors").exists());
    engines_agree()
}

/// Both engines take the same steps: their losses differ by rounding alone.
fn engines_agree() -> Result<()> {
    let losses = [Engine::Fused, Engine::Burn].map(|engine| {
        let request = Request {
            job: "fit-paper".to_owned(),
            rows: 200,
            epochs: 2,
            engine,
            ..Request::default()
        };
        request.set_up()?()
    });
    let [fused, burn] = losses;
    assert!((fused? - burn?).abs() < 1e-4);
    println!("test jobs/engines ... ok");
    Ok(())
}

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == "--serve") {
        serve()
    } else {
        check()
    }
}
