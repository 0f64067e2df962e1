//! The ranges that a model's dimensions must lie in, so that a lying file cannot ask for the moon.

use super::manifest::bad;
use crate::error::Result;
use crate::models::config::{ClipTextConfig, InterMConfig, VqConfig};

/// Check the ranges of VQ-VAE dimensions.
pub fn validate_vq(vq: &VqConfig) -> Result<()> {
    range("vq.width", vq.width, 1, 8192)?;
    range("vq.code_dim", vq.code_dim, 1, 8192)?;
    range("vq.codes", vq.codes, 2, 1 << 20)?;
    range("vq.depth", vq.depth, 1, 8)?;
    range("vq.dilation_growth", vq.dilation_growth, 1, 9)
}

/// Check the ranges of transformer dimensions.
pub fn validate_transformer(t: &InterMConfig) -> Result<()> {
    range("transformer.codes", t.codes, 2, 1 << 20)?;
    range("transformer.code_dim", t.code_dim, 1, 8192)?;
    range("transformer.latent_dim", t.latent_dim, 1, 16384)?;
    range("transformer.layers", t.layers, 1, 256)?;
    range("transformer.ff", t.ff, 1, 65536)?;
    range("transformer.text_dim", t.text_dim, 1, 16384)?;
    range("transformer.text_head.layers", t.text_head.layers, 1, 64)?;
    range("transformer.text_head.ff", t.text_head.ff, 1, 65536)?;
    heads("transformer.heads", t.heads, "transformer.latent_dim", t.latent_dim)?;
    heads("transformer.text_head.heads", t.text_head.heads, "transformer.text_dim", t.text_dim)
}

/// Check the ranges of text tower dimensions.
pub fn validate_text(text: &ClipTextConfig) -> Result<()> {
    range("text.width", text.width, 1, 16384)?;
    range("text.layers", text.layers, 1, 256)?;
    range("text.vocab", text.vocab, 3, 1 << 20)?;
    range("text.context", text.context, 2, 4096)?;
    heads("text.heads", text.heads, "text.width", text.width)
}

pub(super) fn range(field: &str, value: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(bad(format!("{field} is {value}; it must lie in {least} to {most}")))
}

fn heads(field: &str, heads: usize, width_field: &str, width: usize) -> Result<()> {
    if heads > 0 && width.is_multiple_of(heads) {
        return Ok(());
    }
    Err(bad(format!("{field} is {heads}; it must divide {width_field}, {width}")))
}
