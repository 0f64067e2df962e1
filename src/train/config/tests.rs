//! Files of settings: any text, damaged ones, and what comes back of what was written.

use super::*;
use crate::models::config::{Activation, InterMConfig, Places, TextHeadConfig, WordAttention};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;

fn vq() -> VqTrainConfig {
    let model = VqConfig {
        layout: MotionLayout::InterHuman,
        width: 96,
        code_dim: 128,
        codes: 512,
        depth: 2,
        dilation_growth: 3,
        activation: Activation::Silu,
        places: Places::Body,
    };
    VqTrainConfig::of(model, "data".into())
}

fn tower() -> ClipTextConfig {
    ClipTextConfig { width: 64, heads: 4, layers: 2, vocab: 49_408, context: 77 }
}

fn transformer() -> TransformerTrainConfig {
    let model = InterMConfig {
        codes: 512,
        code_dim: 128,
        latent_dim: 64,
        heads: 4,
        layers: 2,
        ff: 128,
        text_dim: 64,
        person_embedding: true,
        single_residual: false,
        word_attention: WordAttention::Pre,
        text_head: TextHeadConfig { layers: 1, heads: 4, ff: 128 },
    };
    let text = TextTraining::Taught { tower: tower(), run: "text".into(), rate: 0.1 };
    TransformerTrainConfig::of(model, text, "vq".into(), "data".into())
}

fn text() -> TextTrainConfig {
    TextTrainConfig {
        teacher: "teacher".into(),
        data: vec!["data".into()],
        texts: vec![],
        clips: 100,
        scenes: 100,
        words: 64,
        common: transformer().common,
        tower: tower(),
        weights: Weights::default(),
    }
}

/// A file with the value of one of its lines replaced.
fn damaged(file: &str, line: Index, value: &str) -> String {
    let mut lines: Vec<String> = file.lines().map(str::to_owned).collect();
    let line = &mut lines[line.index(file.lines().count())];
    *line = line.split_once('=').map_or(value.to_owned(), |(name, _)| format!("{name}= {value}"));
    lines.join("\n")
}

/// What is read of a file is settings that can be looked at, or an error of one code.
fn is_read_or_refused<T: DeserializeOwned>(file: &str, check: impl Fn(&T)) -> TestCaseResult {
    match from_toml::<T>(file) {
        Ok(config) => check(&config),
        Err(error) => prop_assert_eq!(error.code(), "config_corrupt"),
    }
    Ok(())
}

/// Settings that pass can be counted with.
fn is_usable(common: &Common, schedule: &Schedule) {
    assert!(common.steps > 0 && common.batch > 0 && common.save_every > 0);
    for step in [1, common.warmup, common.steps / 2, common.steps] {
        assert!(schedule.rate(step.clamp(1, common.steps)) >= 0.0, "{common:?}");
    }
}

fn look(file: &str) -> TestCaseResult {
    is_read_or_refused(file, |config: &VqTrainConfig| {
        if config.check().is_ok() {
            is_usable(&config.common, &config.schedule());
            assert!((8..=300).contains(&config.window) && (1..=2048).contains(&config.model.width));
        }
    })?;
    is_read_or_refused(file, |config: &TransformerTrainConfig| {
        if config.check().is_ok() {
            is_usable(&config.common, &config.schedule());
            assert!((16..=300).contains(&config.max_frames) && config.model.heads > 0);
        }
    })?;
    is_read_or_refused(file, |config: &TextTrainConfig| {
        if config.check().is_ok() {
            is_usable(&config.common, &config.schedule());
            assert!(config.tower.heads > 0 && config.tower.width <= teacher::WIDTH);
        }
    })
}

proptest! {
    #[test]
    fn any_text_is_settings_or_refused(
        noise in ".{0,60}",
        line in any::<Index>(),
        value in "-?[0-9]{1,20}|-?[0-9]\\.[0-9]e-?[0-9]{1,3}|[a-z\"\\[\\]{}=,. ]{0,12}|nan|inf|true",
    ) {
        look(&noise)?;
        for file in [to_toml(&vq()), to_toml(&transformer()), to_toml(&text())] {
            look(&damaged(&file.unwrap(), line, &value))?;
        }
    }

    #[test]
    fn settings_come_back(
        data in ".{0,20}",
        from in prop::option::of("[ -~]{1,20}"),
        seed in any::<u64>(),
        batch in 1usize..10_000,
        lr in 1e-12f64..10.0,
        dropout in prop::option::of(0.0f32..1.0),
        words in prop::collection::vec(".{0,12}", 0..4),
    ) {
        let common = Common { data: data.into(), from: from.map(PathBuf::from), seed, batch, lr, dropout, ..vq().common };
        let a = VqTrainConfig { common: common.clone(), ..vq() };
        prop_assert_eq!(from_toml::<VqTrainConfig>(&to_toml(&a).unwrap()).unwrap(), a);
        let b = TransformerTrainConfig { common: common.clone(), ..transformer() };
        prop_assert_eq!(from_toml::<TransformerTrainConfig>(&to_toml(&b).unwrap()).unwrap(), b);
        let texts = words.into_iter().map(PathBuf::from).collect();
        let c = TextTrainConfig { common, texts, ..text() };
        prop_assert_eq!(from_toml::<TextTrainConfig>(&to_toml(&c).unwrap()).unwrap(), c);
    }
}

#[test]
fn the_examples_pass() {
    vq().check().unwrap();
    transformer().check().unwrap();
    text().check().unwrap();
}
