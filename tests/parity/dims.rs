//! Model dimensions, read off the weights; the settings add what weights cannot tell and must not contradict them.

use super::inputs::{Params, Tensors};
use anyhow::{Context, Result, bail, ensure};
use duet::models::config::{
    Activation, ClipTextConfig, InterMConfig, MotionLayout, Places, TextHeadConfig, VqConfig, WordAttention,
};

fn shape<'a>(weights: &'a Tensors, name: &str, rank: usize) -> Result<&'a [usize]> {
    let tensor = weights.get(name).with_context(|| format!("the weights have no {name:?}"))?;
    ensure!(tensor.rank() == rank, "{name:?} has shape {:?}", tensor.dims());
    Ok(tensor.dims())
}

/// How many different numbers follow `prefix` in the names.
fn count(weights: &Tensors, prefix: &str) -> usize {
    let numbers: std::collections::BTreeSet<usize> = weights
        .keys()
        .filter_map(|name| name.strip_prefix(prefix)?.split('.').next()?.parse().ok())
        .collect();
    numbers.len()
}

/// The settings may repeat a dimension, but not change it.
fn agree(params: &Params<'_>, name: &str, found: usize) -> Result<()> {
    if params.get(name).is_some() {
        let stated = params.usize(name)?;
        ensure!(stated == found, "{name} is stated as {stated}, the weights have {found}");
    }
    Ok(())
}

pub fn vq(weights: &Tensors, params: &Params<'_>) -> Result<VqConfig> {
    let front = shape(weights, "decoder.model.0.weight", 4)?;
    let codebook = shape(weights, "quantizer.layers.0.codebook", 2)?;
    let layout = match params.str("dataset")? {
        "interhuman" => MotionLayout::InterHuman,
        "interx" => MotionLayout::InterX,
        other => bail!("unknown dataset {other:?}"),
    };
    let activation = match params.str("vq_act")? {
        "relu" => Activation::Relu,
        "silu" => Activation::Silu,
        "gelu" => Activation::Gelu,
        other => bail!("unknown activation {other:?}"),
    };
    ensure!(params.get("vq_norm").is_none_or(|norm| norm == "None"), "no norm but None is known");
    for (name, found) in [
        ("width", front[0]),
        ("code_dim", codebook[1]),
        ("output_emb_width", front[1]),
        ("nb_code", codebook[0]),
        ("depth", count(weights, "decoder.model.2.0.model.")),
        // The models have two stages of stride 2, as all published ones.
        ("down_t", 2),
        ("stride_t", 2),
    ] {
        agree(params, name, found)?;
    }
    Ok(VqConfig {
        layout,
        width: front[0],
        code_dim: codebook[1],
        codes: codebook[0],
        depth: count(weights, "decoder.model.2.0.model."),
        dilation_growth: params.usize("dilation_growth_rate")?,
        places: Places::World,
        activation,
    })
}

pub fn inter_m(weights: &Tensors, params: &Params<'_>) -> Result<InterMConfig> {
    let table = shape(weights, "token_emb.weight", 2)?;
    let condition = shape(weights, "cond_emb.weight", 2)?;
    let ff = shape(weights, "Transformer.blocks.0.ffn_combined.model.0.weight", 2)?[0];
    let head_ff = shape(weights, "clipTrans.layers.0.linear1.weight", 2)?[0];
    let layers = count(weights, "Transformer.blocks.");
    // Mask, pad and separator follow the codes.
    let codes = table[0].checked_sub(3).context("the token table has no special ids")?;
    for (name, found) in [
        ("num_tokens", codes),
        ("code_dim", table[1]),
        ("latent_dim", condition[0]),
        ("n_layers", layers),
        ("ff_size", ff),
        ("clip_width", condition[1]),
        ("clip_trans_ff", head_ff),
    ] {
        agree(params, name, found)?;
    }
    Ok(InterMConfig {
        codes,
        code_dim: table[1],
        latent_dim: condition[0],
        heads: params.usize("n_heads")?,
        layers,
        ff,
        text_dim: condition[1],
        person_embedding: false,
        single_residual: false,
        word_attention: WordAttention::Off,
        text_head: TextHeadConfig {
            layers: count(weights, "clipTrans.layers."),
            heads: params.usize("clip_trans_heads")?,
            ff: head_ff,
        },
    })
}

pub fn clip(weights: &Tensors, params: &Params<'_>) -> Result<ClipTextConfig> {
    let table = shape(weights, "token_embedding.weight", 2)?;
    let context = shape(weights, "positional_embedding", 2)?[0];
    let layers = count(weights, "transformer.resblocks.");
    for (name, found) in
        [("clip_width", table[1]), ("clip_vocab", table[0]), ("clip_layers", layers), ("context", context)]
    {
        agree(params, name, found)?;
    }
    Ok(ClipTextConfig {
        width: table[1],
        heads: params.usize("clip_heads")?,
        layers,
        vocab: table[0],
        context,
    })
}
