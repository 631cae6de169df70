//! Single cases: faulty scalings, constant and missing columns, presets, saved forms that were altered.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use playlist_core::{AudioFeature, Error, FeatureMatrix, Transformer};
use playlist_dataset::{
    FeatureScaler, FeatureScalerConfig, Imputation, KeyEncoding, Preprocessor, PreprocessorConfig,
    ScalingMethod, TimeSignatureEncoding,
};
use serde_json::{Value, json};

const NONE: f32 = f32::NAN;

/// Four tracks with the twelve features of the paper, in column order.
fn paper_table() -> FeatureMatrix {
    let rows = [
        [
            0.70, 0.80, 1.0, -5.0, 1.0, 0.05, 0.10, 0.00, 0.10, 120.0, 210_000.0, 4.0,
        ],
        [
            0.30, 0.20, 9.0, -20.0, 0.0, 0.04, 0.90, 0.85, 0.12, 78.0, 320_000.0, 3.0,
        ],
        [
            0.55, 0.60, 0.0, -8.5, 1.0, 0.30, 0.40, 0.01, 0.35, 95.5, 185_000.0, 4.0,
        ],
        [
            0.90, 0.95, 11.0, -3.2, 0.0, 0.12, 0.02, 0.00, 0.60, 140.0, 150_000.0, 4.0,
        ],
    ];
    FeatureMatrix::new(AudioFeature::PAPER.map(AudioFeature::column), rows.concat()).unwrap()
}

fn one_column(values: &[f32]) -> FeatureMatrix {
    FeatureMatrix::new(["a"], values.to_vec()).unwrap()
}

fn scaled(method: ScalingMethod, train: &FeatureMatrix, x: &FeatureMatrix) -> FeatureMatrix {
    let scaler = FeatureScalerConfig::new(method).fit(train).unwrap();
    scaler.transform(x).unwrap()
}

/// The largest minus the smallest value of each column.
fn spreads(x: &FeatureMatrix) -> Vec<f32> {
    let of = |column: usize| {
        let values: Vec<f32> = x.column(column).map(Option::unwrap).collect();
        let values = values.iter().copied();
        values.clone().fold(f32::MIN, f32::max) - values.fold(f32::MAX, f32::min)
    };
    (0..x.n_features()).map(of).collect()
}

#[test]
fn whole_matrix_min_max_squeezes_all_but_the_duration() {
    let x = paper_table();
    let scaled = scaled(ScalingMethod::FaultyWholeMatrixMinMax, &x, &x);
    assert!(scaled.values().iter().all(|value| (0.0..=1.0).contains(value)));
    for (column, spread) in spreads(&scaled).into_iter().enumerate() {
        if column == AudioFeature::DurationMs.index() {
            assert!(spread > 0.5, "{spread}");
        } else {
            // The tempo spans 62 beats per minute of 320,020 from the least to the largest value.
            assert!(spread < 2e-4, "column {column}: {spread}");
        }
    }
}

#[test]
fn row_scalings_leave_the_duration_at_1_and_tracks_alike() {
    let x = paper_table();
    let duration = AudioFeature::DurationMs.index();
    for method in [ScalingMethod::FaultyRowMinMax, ScalingMethod::FaultyRowUnitNorm] {
        let scaled = scaled(method, &x, &x);
        // The other values of a row are below 150 of at least 150,000.
        assert!(scaled.column(duration).all(|value| value.unwrap() > 0.999_999));
        assert!(
            spreads(&scaled).into_iter().all(|spread| spread < 1e-3),
            "{method}"
        );
    }
    let scaled = scaled(ScalingMethod::FaultyRowUnitNorm, &x, &x);
    for row in 0..x.n_samples() {
        let squares: f32 = scaled.row(row).iter().map(|value| value * value).sum();
        // Twelve products in f32.
        assert!((squares - 1.0).abs() < 1e-6);
    }
}

#[test]
fn a_row_of_one_value_and_a_row_of_zeros_are_defined() {
    let x = FeatureMatrix::new(["a", "b"], vec![3.0, 3.0, 0.0, 0.0]).unwrap();
    assert_eq!(scaled(ScalingMethod::FaultyRowMinMax, &x, &x).values(), [0.0; 4]);
    assert_eq!(scaled(ScalingMethod::FaultyRowUnitNorm, &x, &x).row(1), [0.0; 2]);
}

#[test]
fn per_part_scaling_gives_a_track_other_values_in_another_part() {
    let train = one_column(&[0.0, 10.0]);
    let (a, b) = (one_column(&[5.0, 6.0]), one_column(&[5.0, 4.0]));
    for method in [
        ScalingMethod::FaultyMinMaxPerPart,
        ScalingMethod::FaultyWholeMatrixMinMaxPerPart,
    ] {
        assert_eq!(scaled(method, &train, &a).values(), [0.0, 1.0]);
        assert_eq!(scaled(method, &train, &b).values(), [1.0, 0.0]);
        assert_eq!(scaled(method, &train, &one_column(&[5.0])).values(), [0.0]);
        assert_eq!(scaled(method, &train, &one_column(&[])).n_samples(), 0);
    }
    // The right one gives the track one value.
    assert_eq!(scaled(ScalingMethod::MinMax, &train, &a).values()[0], 0.5);
    assert_eq!(scaled(ScalingMethod::MinMax, &train, &b).values()[0], 0.5);
}

#[test]
fn column_lengths_shrink_with_the_number_of_tracks() {
    let train = one_column(&[3.0, 4.0]);
    let method = ScalingMethod::FaultyColumnUnitNorm;
    assert_eq!(scaled(method, &train, &train).values(), [0.6, 0.8]);
    assert_eq!(scaled(method, &train, &one_column(&[10.0])).values(), [2.0]);
    assert_eq!(scaled(method, &one_column(&[0.0]), &train).values(), [3.0, 4.0]);
    let method = ScalingMethod::FaultyColumnUnitNormPerPart;
    assert_eq!(scaled(method, &train, &one_column(&[10.0])).values(), [1.0]);
    // Four times the tracks, half the values.
    assert_eq!(scaled(method, &train, &one_column(&[2.0; 4])).values(), [0.5; 4]);
    let restored = FeatureScalerConfig::new(ScalingMethod::FaultyColumnUnitNorm)
        .fit(&train)
        .unwrap();
    let back = restored
        .inverse_transform(&restored.transform(&train).unwrap())
        .unwrap();
    assert_eq!(back.values(), [3.0, 4.0]);
}

#[test]
fn a_constant_column_is_centred_and_divided_by_one() {
    // A third is no sum of thirds in binary: the mean must still be the value itself.
    let third = 1.0 / 3.0;
    let train = one_column(&[third; 7]);
    let later = one_column(&[third, third + 2.0]);
    for method in [
        ScalingMethod::MinMax,
        ScalingMethod::Standard,
        ScalingMethod::FaultyWholeMatrixMinMax,
    ] {
        // 2 and a third less a third, each rounded to f32.
        let result = scaled(method, &train, &later);
        assert_eq!(result.values()[0], 0.0, "{method}");
        assert!((result.values()[1] - 2.0).abs() < 2.4e-7, "{method}");
    }
    let clipped = scaled(ScalingMethod::RobustSmoothClip, &train, &later);
    let expected = 2.0 / (1.0_f32 + 4.0 / 9.0).sqrt();
    assert_eq!(clipped.values()[0], 0.0);
    assert!((clipped.values()[1] - expected).abs() < 2.4e-7);
    assert_eq!(
        scaled(ScalingMethod::QuantileNormal, &train, &later).values(),
        [0.0, 0.0]
    );
}

#[test]
fn equal_quartiles_fall_back_to_half_the_range() {
    // Quartiles 1, 1, 1, range 0 to 5: one unit is 2.5.
    let train = one_column(&[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0]);
    let z = (5.0_f32 - 1.0) / 2.5;
    let expected = z / (1.0 + (z / 3.0).powi(2)).sqrt();
    let found = scaled(ScalingMethod::RobustSmoothClip, &train, &train).values()[6];
    // The expectation is computed in f32, in a few steps.
    assert!((found - expected).abs() < 5e-7);
}

#[test]
fn what_has_no_inverse_says_so() {
    let x = paper_table();
    for method in ScalingMethod::ALL {
        let scaler = FeatureScalerConfig::new(method).fit(&x).unwrap();
        let result = scaler.inverse_transform(&scaler.transform(&x).unwrap());
        let refused = matches!(result, Err(Error::InvalidSetting { field: "scaling", .. }));
        assert_eq!(refused, !method.has_inverse(), "{method}");
        assert_eq!(result.is_ok(), method.has_inverse(), "{method}");
    }
    let robust = FeatureScalerConfig::robust()
        .fit(&one_column(&[1.0, 2.0, 3.0]))
        .unwrap();
    assert!(matches!(
        robust.inverse_transform(&one_column(&[0.5, -3.0])),
        Err(Error::ValueOutOfRange { row: 1, column, value: -3.0, .. }) if column == "a"
    ));
}

#[test]
fn the_scaler_refuses_other_columns_missing_values_and_no_rows() {
    let scaler = FeatureScalerConfig::standard()
        .fit(&one_column(&[1.0, 2.0]))
        .unwrap();
    let other = FeatureMatrix::new(["b"], vec![1.0]).unwrap();
    assert!(matches!(
        scaler.transform(&other),
        Err(Error::ColumnsDiffer { .. })
    ));
    assert!(matches!(
        scaler.transform(&one_column(&[1.0, NONE])),
        Err(Error::MissingValue { row: 1, .. })
    ));
    let fit = |values| FeatureScalerConfig::standard().fit(&one_column(values));
    assert!(matches!(
        fit(&[NONE, 1.0]),
        Err(Error::MissingValue { row: 0, .. })
    ));
    assert!(matches!(fit(&[]), Err(Error::Empty { .. })));
    assert_eq!(scaler.transform(&one_column(&[])).unwrap().n_samples(), 0);
}

#[test]
fn a_value_that_leaves_f32_is_an_error_with_its_place() {
    let scaler = FeatureScalerConfig::min_max()
        .fit(&one_column(&[0.0, 1e-30]))
        .unwrap();
    assert!(matches!(
        scaler.transform(&one_column(&[0.0, 1e30])),
        Err(Error::NonFinite { row: 1, .. })
    ));
}

#[test]
fn the_papers_presets_keep_its_twelve_columns() {
    let x = paper_table();
    let paper = PreprocessorConfig::paper().fit(&x).unwrap();
    assert_eq!(paper.output_columns(), x.columns());
    assert!(
        spreads(&paper.transform(&x).unwrap())
            .iter()
            .all(|spread| *spread == 1.0)
    );
    let raw = PreprocessorConfig::paper_raw().fit(&x).unwrap();
    assert_eq!(raw.transform(&x).unwrap(), x);
    let standard = PreprocessorConfig::standard().fit(&x).unwrap();
    assert_eq!(standard.output_columns(), x.columns());
}

#[test]
fn valence_is_used_when_it_is_named() {
    let values = (0..26_u8).map(f32::from).collect();
    let x = FeatureMatrix::new(AudioFeature::ALL.map(AudioFeature::column), values).unwrap();
    let without = PreprocessorConfig::paper_raw().fit(&x).unwrap();
    assert!(!without.output_columns().contains(&"valence".to_owned()));
    let with = PreprocessorConfig::paper_raw().with_features(AudioFeature::ALL);
    assert_eq!(with.fit(&x).unwrap().output_columns()[12], "valence");
}

#[test]
fn flags_and_circles_are_not_scaled() {
    let x = paper_table();
    let config = PreprocessorConfig::default()
        .with_features(["energy", "mode", "key", "time_signature"])
        .with_key(KeyEncoding::OneHot);
    let preprocessor = config.fit(&x).unwrap();
    assert_eq!(preprocessor.scaler().input_columns(), ["energy", "mode"]);
    assert_eq!(preprocessor.output_columns().len(), 2 + 12 + 3);
    let result = preprocessor.transform(&x).unwrap();
    assert_eq!(result.get(1, result.column_index("key_9").unwrap()), Some(1.0));
    let three = result.column_index("time_signature_3").unwrap();
    assert_eq!(result.row(1)[three..], [1.0, 0.0, 0.0]);
    assert_eq!(result.row(0)[three..], [0.0, 1.0, 0.0]);

    // The ends of a normal distribution are no place for the two values of the mode.
    let normal = config
        .with_scaling(ScalingMethod::QuantileNormal)
        .fit(&x)
        .unwrap();
    assert_eq!(normal.scaler().input_columns(), ["energy"]);
    assert_eq!(normal.transform(&x).unwrap().get(0, 1), Some(1.0));
}

#[test]
fn a_preprocessor_without_scaled_columns_works() {
    for scaling in ScalingMethod::ALL {
        let config = PreprocessorConfig::default()
            .with_features(["key"])
            .with_scaling(scaling);
        let preprocessor = config.fit(&paper_table()).unwrap();
        assert_eq!(preprocessor.transform(&paper_table()).unwrap().n_features(), 4);
        let saved = serde_json::to_string(&preprocessor).unwrap();
        assert_eq!(
            serde_json::from_str::<Preprocessor>(&saved).unwrap(),
            preprocessor
        );
    }
}

#[test]
fn indicators_follow_the_training_part() {
    let columns = ["tempo", "key", "popularity"];
    let train = vec![100.0, 4.0, 1.0, NONE, 4.0, 2.0, 120.0, NONE, 3.0];
    let train = FeatureMatrix::new(columns, train).unwrap();
    let later = FeatureMatrix::new(columns, vec![NONE, NONE, NONE, 0.0, -1.0, 9.0]).unwrap();
    let config = PreprocessorConfig::paper_raw().with_features(columns);

    let preprocessor = config
        .clone()
        .with_imputation(Imputation::WithIndicators)
        .fit(&train)
        .unwrap();
    assert_eq!(preprocessor.columns_with_missing(), ["tempo", "key"]);
    assert_eq!(
        preprocessor.output_columns(),
        ["tempo", "key", "popularity", "tempo_missing", "key_missing"]
    );
    let result = preprocessor.transform(&later).unwrap();
    // The popularity was never missing in training: the median alone.
    assert_eq!(result.row(0), [110.0, 4.0, 2.0, 1.0, 1.0]);
    // A tempo of 0 and a key of -1 are Spotify's "not known".
    assert_eq!(result.row(1), [110.0, 4.0, 9.0, 1.0, 1.0]);

    let without = config
        .clone()
        .with_imputation(Imputation::WithoutIndicators)
        .fit(&train)
        .unwrap();
    assert_eq!(without.transform(&later).unwrap().row(0), [110.0, 4.0, 2.0]);

    let circle = config
        .with_features(["key"])
        .with_key(KeyEncoding::Circle)
        .fit(&train)
        .unwrap();
    assert_eq!(circle.transform(&later).unwrap().row(0), [0.0; 4]);
}

#[test]
fn refusing_missing_values_names_their_place() {
    let config = PreprocessorConfig::paper_raw()
        .with_features(["tempo"])
        .with_imputation(Imputation::Refuse);
    let table = |values: &[f32]| FeatureMatrix::new(["tempo"], values.to_vec()).unwrap();
    for absent in [NONE, 0.0] {
        assert!(matches!(
            config.fit(&table(&[90.0, absent])),
            Err(Error::MissingValue { row: 1, column }) if column == "tempo"
        ));
        let preprocessor = config.fit(&table(&[90.0, 100.0])).unwrap();
        assert!(matches!(
            preprocessor.transform(&table(&[90.0, 91.0, absent])),
            Err(Error::MissingValue { row: 2, column }) if column == "tempo"
        ));
    }
}

#[test]
fn a_column_without_any_value_in_training_is_zero_for_good() {
    let columns = ["energy", "key", "tempo"];
    let train = FeatureMatrix::new(columns, vec![0.2, NONE, NONE, 0.4, NONE, NONE]).unwrap();
    let later = FeatureMatrix::new(columns, vec![0.3, 5.0, 120.0]).unwrap();
    for scaling in ScalingMethod::ALL
        .into_iter()
        .filter(|method| !method.is_faulty())
    {
        let config = PreprocessorConfig::default()
            .with_features(columns)
            .with_scaling(scaling);
        let preprocessor = config.fit(&train).unwrap();
        assert_eq!(preprocessor.unusable_columns(), ["key", "tempo"]);
        let result = preprocessor.transform(&later).unwrap();
        assert_eq!(result.columns().len(), 6, "no indicator");
        assert_eq!(result.row(0)[1..], [0.0; 5], "{scaling}");
        let saved = serde_json::to_string(&preprocessor).unwrap();
        assert_eq!(
            serde_json::from_str::<Preprocessor>(&saved).unwrap(),
            preprocessor
        );
    }
}

#[test]
fn a_code_outside_its_feature_names_its_place() {
    let table = |key: f32| FeatureMatrix::new(["key"], vec![0.0, key]).unwrap();
    let config = PreprocessorConfig::default().with_features(["key"]);
    for key in [12.0, 0.5] {
        assert!(matches!(
            config.fit(&table(key)),
            Err(Error::ValueOutOfRange { row: 1, column, value, .. }) if column == "key" && value == key
        ));
    }
    // As a number it is taken as it stands.
    let number = config
        .with_key(KeyEncoding::Number)
        .with_scaling(ScalingMethod::None);
    assert_eq!(
        number.fit(&table(12.0)).unwrap().transform(&table(12.0)).unwrap(),
        table(12.0)
    );
}

#[test]
fn columns_that_cannot_be_used_are_refused_by_name() {
    let x = FeatureMatrix::new(["key", "key_0", "a"], vec![0.0, 1.0, 2.0]).unwrap();
    let config = PreprocessorConfig::default();
    assert!(matches!(
        config.clone().with_features(["a", "tempo"]).fit(&x),
        Err(Error::MissingColumn { column, .. }) if column == "tempo"
    ));
    let preprocessor = config.clone().with_features(["a"]).fit(&x).unwrap();
    let other = FeatureMatrix::new(["key"], vec![0.0]).unwrap();
    assert!(matches!(
        preprocessor.transform(&other),
        Err(Error::MissingColumn { .. })
    ));
    for features in [["a", "a"], ["key", "key_0"]] {
        let config = config
            .clone()
            .with_features(features)
            .with_key(KeyEncoding::OneHot);
        assert!(matches!(config.fit(&x), Err(Error::DuplicateColumn { .. })));
    }
    assert!(matches!(
        config.clone().with_features::<String>([]).fit(&x),
        Err(Error::Empty { .. })
    ));
    assert!(matches!(
        config.with_features(["a"]).fit(&x.select_rows(&[])),
        Err(Error::Empty { .. })
    ));
}

/// The saved form of a preprocessor with one scaled column, a key and indicators.
fn saved() -> Value {
    let x = FeatureMatrix::new(["tempo", "key"], vec![90.0, 3.0, NONE, 4.0, 120.0, NONE]).unwrap();
    let config = PreprocessorConfig::default()
        .with_features(["tempo", "key"])
        .with_time_signature(TimeSignatureEncoding::Flags);
    serde_json::to_value(config.fit(&x).unwrap()).unwrap()
}

#[test]
fn an_altered_preprocessor_is_refused() {
    let alterations: [(&str, Value, &str); 11] = [
        ("/format_version", json!(2), "`format_version` is 2"),
        ("/config/features", json!(["tempo"]), "stand-ins"),
        ("/config/features", json!(["energy", "key"]), "columns differ"),
        ("/config/features", json!(["tempo", "tempo"]), "more than once"),
        ("/config/scaling", json!("min-max"), "`standard` in the scaler"),
        ("/config/imputation", json!("refuse"), "refused"),
        ("/fillings/0/value", json!(1e300), "finite stand-in"),
        ("/fillings/0/had_missing", json!(7), "boolean"),
        (
            "/scaler/statistics/moments/standard_deviation",
            json!([0.0]),
            "positive spread",
        ),
        (
            "/scaler/statistics/moments/mean",
            json!([1.0, 2.0]),
            "as many statistics",
        ),
        (
            "/scaler/method",
            json!("quantile-normal"),
            "statistics of its scaling method",
        ),
    ];
    assert!(serde_json::from_value::<Preprocessor>(saved()).is_ok());
    for (place, value, expected) in alterations {
        let mut altered = saved();
        *altered.pointer_mut(place).unwrap() = value.clone();
        let message = serde_json::from_value::<Preprocessor>(altered)
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{place} = {value}: {message}");
    }
}

#[test]
fn an_altered_scaler_is_refused() {
    let range = |minimum: Value, maximum: Value| {
        json!({"method": "min-max", "columns": ["a"],
               "statistics": {"range": {"minimum": minimum, "maximum": maximum}}})
    };
    let quantiles = |quantiles: Value| {
        json!({"method": "quantile-normal", "columns": ["a"],
               "statistics": {"quantiles": {"quantiles": quantiles}}})
    };
    assert!(serde_json::from_value::<FeatureScaler>(range(json!([0.0]), json!([1.0]))).is_ok());
    for altered in [
        range(json!([2.0]), json!([1.0])),
        range(json!([0.0]), json!([])),
        range(json!([0.0]), json!([1e39])),
        range(json!([0.0]), json!([null])),
        quantiles(json!([])),
        quantiles(json!([[]])),
        quantiles(json!([[2.0, 1.0]])),
        quantiles(json!([[1.0, 1e39]])),
        quantiles(json!([vec![0.0; 1001]])),
        json!({"method": "none", "columns": ["a"]}),
        json!({"method": "none", "columns": ["a", "a"], "statistics": "nothing"}),
        json!({"method": "none", "columns": ["a"], "statistics": "nothing", "more": 1}),
    ] {
        assert!(
            serde_json::from_value::<FeatureScaler>(altered.clone()).is_err(),
            "{altered}"
        );
    }
}
