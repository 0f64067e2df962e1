//! CLIP text towers under the three naming schemes they are found in, brought to OpenAI's.

use crate::error::{Error, Result};
use crate::models::config::ClipTextConfig;
use crate::package::weights::Tensors;
use candle_core::Tensor;

/// True for tensors of a text tower, whatever its naming. Image towers, projections and index buffers are not kept.
pub fn is_text_tensor(name: &str) -> bool {
    canonical_hf(name).is_some() || canonical(name).is_some()
}

/// The OpenAI name of a tensor under OpenAI's or InterMask's names (`clip_` in front).
fn canonical(name: &str) -> Option<&str> {
    let name = name.strip_prefix("clip_").unwrap_or(name);
    let ours = matches!(
        name,
        "token_embedding.weight" | "positional_embedding" | "ln_final.weight" | "ln_final.bias"
    ) || name.starts_with("transformer.resblocks.");
    ours.then_some(name)
}

/// Where a tensor under Hugging Face's names goes: the OpenAI name, and for the separate query, key and value projections
/// their place in the packed one.
fn canonical_hf(name: &str) -> Option<(String, Option<usize>)> {
    let rest = name.strip_prefix("text_model.")?;
    let whole = |name: &str| Some((name.to_owned(), None));
    match rest {
        "embeddings.token_embedding.weight" => return whole("token_embedding.weight"),
        "embeddings.position_embedding.weight" => return whole("positional_embedding"),
        "final_layer_norm.weight" => return whole("ln_final.weight"),
        "final_layer_norm.bias" => return whole("ln_final.bias"),
        _ => {}
    }
    let (layer, rest) = rest.strip_prefix("encoder.layers.")?.split_once('.')?;
    layer.parse::<u16>().ok()?;
    let (module, kind) = rest.rsplit_once('.')?;
    if !matches!(kind, "weight" | "bias") {
        return None;
    }
    let block = format!("transformer.resblocks.{layer}");
    let plain = |module: &str| Some((format!("{block}.{module}.{kind}"), None));
    match module {
        "layer_norm1" => plain("ln_1"),
        "layer_norm2" => plain("ln_2"),
        "mlp.fc1" => plain("mlp.c_fc"),
        "mlp.fc2" => plain("mlp.c_proj"),
        "self_attn.out_proj" => plain("attn.out_proj"),
        "self_attn.q_proj" => Some((format!("{block}.attn.in_proj_{kind}"), Some(0))),
        "self_attn.k_proj" => Some((format!("{block}.attn.in_proj_{kind}"), Some(1))),
        "self_attn.v_proj" => Some((format!("{block}.attn.in_proj_{kind}"), Some(2))),
        _ => None,
    }
}

/// Bring the tensors of a text tower to OpenAI's names; tensors that belong to no text tower are left out.
/// Query, key and value projections are stacked in this order into the packed one, as OpenAI's code has them.
pub fn to_openai(tensors: Tensors) -> Result<Tensors> {
    let mut result = Tensors::new();
    let mut projections: std::collections::BTreeMap<String, [Option<Tensor>; 3]> = Default::default();
    for (name, tensor) in tensors {
        match canonical_hf(&name) {
            Some((name, None)) => drop(result.insert(name, tensor)),
            Some((name, Some(place))) => projections.entry(name).or_default()[place] = Some(tensor),
            None => {
                if let Some(name) = canonical(&name) {
                    result.insert(name.to_owned(), tensor);
                }
            }
        }
    }
    for (name, parts) in projections {
        let [Some(q), Some(k), Some(v)] = parts else {
            return Err(bad(format!("the query, key or value projection of {name} is missing")));
        };
        let stacked = Tensor::cat(&[&q, &k, &v], 0).map_err(|e| {
            bad(format!("the query, key and value projections of {name} do not fit together")).with_source(e)
        })?;
        result.insert(name, stacked);
    }
    Ok(result)
}

/// Dimensions of a tower under OpenAI's names. Heads are not in the weights: CLIP's are 64 wide unless `heads` says otherwise.
pub fn config(tensors: &Tensors, heads: Option<usize>) -> Result<ClipTextConfig> {
    let two = |name: &str| {
        let tensor = tensors.get(name).ok_or_else(|| bad(format!("tensor {name} is missing")))?;
        tensor.dims2().map_err(|e| bad(format!("tensor {name} must have two dimensions")).with_source(e))
    };
    let (vocab, width) = two("token_embedding.weight")?;
    let (context, _) = two("positional_embedding")?;
    let layers = super::count_layers(tensors, "transformer.resblocks.");
    let heads = match heads {
        Some(heads) => heads,
        None if width % 64 == 0 => width / 64,
        None => {
            return Err(Error::invalid(
                "text_heads",
                format!(
                    "the number of heads of a text tower {width} wide cannot be told: say it with --text-heads"
                ),
            ));
        }
    };
    Ok(ClipTextConfig { width, heads, layers, vocab, context })
}

fn bad(message: String) -> Error {
    Error::corrupt("clip", format!("the CLIP text tower cannot be used: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn three_namings_are_one_tower() {
        let config = ClipTextConfig { width: 8, heads: 2, layers: 2, vocab: 10, context: 5 };
        let openai = crate::package::write::tests::tensors(&crate::package::expected::text(&config));
        let same = |other: Tensors| {
            let got = to_openai(other).unwrap();
            assert_eq!(got.len(), openai.len());
            for (name, tensor) in &openai {
                let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                assert_eq!(values(&got[name]), values(tensor), "{name}");
            }
        };
        let extra = |mut t: Tensors| {
            t.insert(
                "visual.conv1.weight".into(),
                Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).unwrap(),
            );
            t
        };
        same(extra(openai.clone()));
        same(openai.iter().map(|(n, t)| (format!("clip_{n}"), t.clone())).collect());
        let mut hf = Tensors::new();
        for (name, tensor) in &openai {
            let name = name
                .replace("transformer.resblocks.", "text_model.encoder.layers.")
                .replace("ln_1", "layer_norm1")
                .replace("ln_2", "layer_norm2")
                .replace("mlp.c_fc", "mlp.fc1")
                .replace("mlp.c_proj", "mlp.fc2")
                .replace("attn.", "self_attn.");
            match name.as_str() {
                "token_embedding.weight" => {
                    drop(hf.insert("text_model.embeddings.token_embedding.weight".into(), tensor.clone()))
                }
                "positional_embedding" => {
                    drop(hf.insert("text_model.embeddings.position_embedding.weight".into(), tensor.clone()))
                }
                _ if name.starts_with("ln_final") => {
                    drop(hf.insert(name.replace("ln_final", "text_model.final_layer_norm"), tensor.clone()));
                }
                _ if name.contains("in_proj_") => {
                    for (place, letter) in ["q", "k", "v"].into_iter().enumerate() {
                        let part = tensor.narrow(0, place * 8, 8).unwrap();
                        hf.insert(name.replace("in_proj_", &format!("{letter}_proj.")), part);
                    }
                }
                _ => drop(hf.insert(name, tensor.clone())),
            }
        }
        assert!(hf.keys().all(|name| is_text_tensor(name)));
        same(extra(hf.clone()));
        assert_eq!(self::config(&openai, Some(2)).unwrap(), config);
        assert_eq!(self::config(&openai, None).unwrap_err().code(), "text_heads");
        hf.remove("text_model.encoder.layers.1.self_attn.k_proj.bias");
        assert!(to_openai(hf).unwrap_err().to_string().contains("resblocks.1.attn.in_proj_bias"));
    }

    #[test]
    fn other_tensors_are_not_kept() {
        for name in [
            "visual.proj",
            "logit_scale",
            "text_projection",
            "text_model.embeddings.position_ids",
            "vision_model.encoder.layers.0.layer_norm1.weight",
            "text_model.encoder.layers.x.mlp.fc1.weight",
        ] {
            assert!(!is_text_tensor(name), "{name}");
        }
    }
}
