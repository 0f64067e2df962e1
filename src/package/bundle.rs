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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{DEFAULT_MODEL, Package};
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn carries_the_package_of_the_repository_byte_for_byte() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/duet-mini");
        let mut there = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(file(&name).is_some_and(|inside| *inside == std::fs::read(&path).unwrap()), "{name}");
            there.insert(name);
        }
        assert_eq!(Bundle::iter().map(Cow::into_owned).collect::<BTreeSet<_>>(), there);
        assert!(file("../duet-mini/model.toml").is_none() && file("none").is_none());
    }

    #[test]
    fn every_part_loads_with_its_digest() {
        let package = Package::bundled().unwrap().unwrap();
        assert_eq!((package.manifest().name.as_str(), package.dir()), (DEFAULT_MODEL, None));
        for (part, _) in package.manifest().files.iter() {
            assert!(!package.tensors(part).unwrap().is_empty(), "{part}");
        }
    }
}
