//! Where packages are looked for.
//!
//! In this order, the first of a name wins and shadows the rest:
//!
//! 1. the folders named by `DUET_MODELS` (separated as in `PATH`),
//! 2. `models/` beside the program,
//! 3. `models/` of the repository: under `cargo run`, when the program lies inside a repository's build folder, or when the current
//!    folder is one,
//! 4. `models/` in the user's data folder (on Linux `~/.local/share/duet/models`),
//! 5. the package that the binary carries, when it was built with one.
//!
//! Each such folder holds packages as sub-folders; a package is called as its folder is.

use super::manifest::{MANIFEST, NAME_RULE, is_model_name};
use super::open::Package;
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The model that serves when nobody names one.
pub const DEFAULT_MODEL: &str = "duet-mini";
/// Environment variable with further package folders.
pub const MODELS_VARIABLE: &str = "DUET_MODELS";

/// Which of the places a package was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A folder named by `DUET_MODELS`.
    Environment,
    /// Beside the program.
    Program,
    /// In the repository.
    Repository,
    /// In the user's data folder.
    User,
    /// Inside the binary.
    Bundled,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => MODELS_VARIABLE,
            Self::Program => "program",
            Self::Repository => "repository",
            Self::User => "user",
            Self::Bundled => "bundled",
        })
    }
}

/// One package that was found, sound or not.
#[derive(Debug)]
pub struct Found {
    /// What to call it by.
    pub name: String,
    /// Where it was found.
    pub origin: Origin,
    /// Its folder; `None` for the bundled one.
    pub dir: Option<PathBuf>,
    /// The package, or why it cannot be used.
    pub package: Result<Package>,
    /// True when an earlier place has a package of the same name, which is the one that will be used.
    pub shadowed: bool,
}

/// The places, in order.
#[derive(Clone, Debug)]
pub struct SearchPath {
    places: Vec<(Origin, PathBuf)>,
    user: Option<PathBuf>,
}

/// What the places follow from.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The value of `DUET_MODELS`.
    pub variable: Option<OsString>,
    /// The program's file.
    pub program: Option<PathBuf>,
    /// The repository that cargo runs it from.
    pub repository: Option<PathBuf>,
    /// The current folder.
    pub here: Option<PathBuf>,
    /// The user's folder for models.
    pub user: Option<PathBuf>,
}

impl SearchPath {
    /// The places of this process.
    pub fn from_env() -> Self {
        Self::with_folders(std::env::var_os(MODELS_VARIABLE))
    }

    /// The places of this process, with these folders (separated as in `PATH`) in place of those of `DUET_MODELS`.
    pub fn with_folders(folders: Option<OsString>) -> Self {
        Self::new(Surroundings {
            variable: folders,
            program: std::env::current_exe().ok(),
            repository: std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
            here: std::env::current_dir().ok(),
            user: directories::ProjectDirs::from("", "", "duet").map(|dirs| dirs.data_dir().join("models")),
        })
    }

    /// The places for given surroundings.
    pub fn new(surroundings: Surroundings) -> Self {
        let Surroundings { variable, program, repository, here, user } = surroundings;
        let mut places: Vec<(Origin, PathBuf)> = Vec::new();
        if let Some(value) = variable {
            let folders = std::env::split_paths(&value).filter(|p| !p.as_os_str().is_empty());
            places.extend(folders.map(|p| (Origin::Environment, p)));
        }
        let folder = program.as_deref().and_then(Path::parent);
        if let Some(folder) = folder {
            places.push((Origin::Program, folder.join("models")));
        }
        let is_repository = |dir: &Path| dir.join("Cargo.toml").is_file();
        // A build folder lies at most a few levels below its Cargo.toml.
        let above = || folder?.ancestors().take(5).find(|dir| is_repository(dir)).map(Path::to_owned);
        let here = || here.filter(|dir| is_repository(dir));
        if let Some(repository) = repository.or_else(above).or_else(here) {
            places.push((Origin::Repository, repository.join("models")));
        }
        if let Some(user) = &user {
            places.push((Origin::User, user.clone()));
        }
        Self { places, user }
    }

    /// Where `import` and `pull` put packages: the first folder of `DUET_MODELS`, else the user's data folder.
    pub fn install_root(&self) -> Result<PathBuf> {
        let named =
            self.places.iter().find(|(origin, _)| *origin == Origin::Environment).map(|(_, path)| path);
        named.or(self.user.as_ref()).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "no_data_folder",
                format!("this user has no data folder: set {MODELS_VARIABLE} to a folder for models"),
            )
        })
    }

    /// All packages, in search order and by name within a place. Folders without a manifest are passed over.
    pub fn list(&self) -> Vec<Found> {
        let mut seen = HashSet::new();
        let mut visited = HashSet::new();
        let mut all = Vec::new();
        for (origin, place) in &self.places {
            // Two places may be one folder under two names.
            if !visited.insert(place.canonicalize().unwrap_or_else(|_| place.clone())) {
                continue;
            }
            for (name, dir) in packages_in(place) {
                let shadowed = !seen.insert(name.clone());
                let package = Package::open(&dir);
                all.push(Found { name, origin: *origin, dir: Some(dir), package, shadowed });
            }
        }
        if let Some(package) = bundled() {
            let name = package.as_ref().map_or(DEFAULT_MODEL, |p| p.manifest().name.as_str()).to_owned();
            let shadowed = !seen.insert(name.clone());
            all.push(Found { name, origin: Origin::Bundled, dir: None, package, shadowed });
        }
        all
    }

    /// The package called `name`. Never looks outside the search path, so a name may come from a stranger.
    pub fn by_name(&self, name: &str) -> Result<Package> {
        if !is_model_name(name) {
            return Err(Error::new(
                ErrorKind::NotFound,
                "unknown_model",
                format!("there is no such model; a name has this form: {NAME_RULE}"),
            ));
        }
        for (_, place) in &self.places {
            let dir = place.join(name);
            if dir.join(MANIFEST).is_file() {
                return Package::open(&dir);
            }
        }
        if let Some(package) = bundled()
            && package.as_ref().map_or(DEFAULT_MODEL, |p| p.manifest().name.as_str()) == name
        {
            return package;
        }
        let names = self.names();
        let known = if names.is_empty() { "none is installed".to_owned() } else { names.join(", ") };
        Err(Error::new(
            ErrorKind::NotFound,
            "unknown_model",
            format!("there is no model called {name}; models here: {known}"),
        ))
    }

    /// The package at a path (anything with a separator, `.` or `..`), else the one called so. For the command line only.
    pub fn by_name_or_path(&self, given: &str) -> Result<Package> {
        let is_path = given.contains(std::path::is_separator) || matches!(given, "." | "..");
        if is_path { Package::open(Path::new(given)) } else { self.by_name(given) }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.list().into_iter().filter(|f| !f.shadowed).map(|f| f.name).collect();
        names.truncate(20);
        names
    }
}

/// Sub-folders of `place` that hold a manifest, by name. A place that is missing or unreadable holds none.
fn packages_in(place: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let mut found: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            (is_model_name(&name) && entry.path().join(MANIFEST).is_file()).then(|| (name, entry.path()))
        })
        .collect();
    found.sort();
    found
}

#[cfg(feature = "bundle")]
fn bundled() -> Option<Result<Package>> {
    Package::bundled()
}

#[cfg(not(feature = "bundle"))]
fn bundled() -> Option<Result<Package>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::write::Description;
    use crate::package::write::tests::{description, make};
    use std::fs;

    #[test]
    fn earlier_places_shadow_later_ones() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let titled = |title: &str| Description { title: title.into(), ..description() };
        make(&at("first"), "a", false, titled("first a")).unwrap();
        make(&at("bin/models"), "a", false, titled("program a")).unwrap();
        make(&at("repo/models"), "b", false, titled("repo b")).unwrap();
        make(&at("user"), "b", false, titled("user b")).unwrap();
        make(&at("user"), "c", false, titled("user c")).unwrap();
        fs::create_dir(at("user/notes")).unwrap();
        fs::create_dir_all(at("user/broken")).unwrap();
        fs::write(at("user/broken/model.toml"), "format = 1").unwrap();

        let variable = std::env::join_paths([at("nowhere"), at("first")]).unwrap();
        let path = SearchPath::new(Surroundings {
            variable: Some(variable),
            program: Some(at("bin/duet")),
            repository: Some(at("repo")),
            here: Some(at("bin")),
            user: Some(at("user")),
        });
        let found: Vec<(String, Origin, bool, bool)> = path
            .list()
            .into_iter()
            .filter(|f| f.origin != Origin::Bundled)
            .map(|f| (f.name, f.origin, f.shadowed, f.package.is_ok()))
            .collect();
        let expect = |name: &str, origin, shadowed, ok| (name.to_owned(), origin, shadowed, ok);
        assert_eq!(
            found,
            [
                expect("a", Origin::Environment, false, true),
                expect("a", Origin::Program, true, true),
                expect("b", Origin::Repository, false, true),
                expect("b", Origin::User, true, true),
                expect("broken", Origin::User, false, false),
                expect("c", Origin::User, false, true),
            ]
        );
        assert_eq!(path.by_name("a").unwrap().manifest().title, "first a");
        assert_eq!(path.by_name("b").unwrap().manifest().title, "repo b");
        assert_eq!(path.by_name("broken").unwrap_err().code(), "package_manifest");
        assert_eq!(path.install_root().unwrap(), at("nowhere"));

        let error = path.by_name("d").unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "unknown_model"));
        assert!(error.to_string().contains("a, b, broken, c"), "{error}");
        for stranger in ["../user/c", "", "C", "."] {
            assert_eq!(path.by_name(stranger).unwrap_err().code(), "unknown_model");
        }
        let by_path = at("user/c").to_str().unwrap().to_owned();
        assert_eq!(path.by_name_or_path(&by_path).unwrap().manifest().title, "user c");
    }

    #[test]
    fn a_program_in_a_build_folder_finds_its_repository() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("Cargo.toml"), "").unwrap();
        make(&root.path().join("models"), "a", false, description()).unwrap();
        let program = Some(root.path().join("target/release/duet"));
        let path = SearchPath::new(Surroundings { program, ..Surroundings::default() });
        assert_eq!(path.by_name("a").unwrap().manifest().name, "a");
        // A build folder elsewhere, run from within the repository.
        let (program, here) = (Some("/elsewhere/release/duet".into()), Some(root.path().to_owned()));
        let elsewhere = SearchPath::new(Surroundings { program, here, ..Surroundings::default() });
        assert_eq!(elsewhere.by_name("a").unwrap().manifest().name, "a");
        assert_eq!(path.install_root().unwrap_err().code(), "no_data_folder");
    }
}
