//! The package inside the binary (cargo feature `bundle`), so that one file is the whole product.

use std::borrow::Cow;

#[derive(rust_embed::RustEmbed)]
#[folder = "models/duet-mini/"]
#[allow_missing = true]
struct Bundle;

/// One file of the bundled package.
pub fn file(name: &str) -> Option<Cow<'static, [u8]>> {
    Some(Bundle::get(name)?.data)
}
