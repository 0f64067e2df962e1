//! Fetching published weights from a hub, then importing them.

pub mod fetch;

use super::import::{About, ImportOptions, Imported, hub, import};
use super::open::Package;
use super::weights::Header;
use crate::error::{Error, ErrorKind, Result};
use fetch::Fetcher;
use hf_hub::{HFClientSync, HFError};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A model that `pull` knows by name.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// What to ask for, and the name of the package.
    pub name: &'static str,
    /// Its repository.
    pub repo: &'static str,
    title: &'static str,
    knows: &'static str,
    licence: &'static str,
}

/// The models that `pull` knows.
pub const KNOWN: [Known; 1] = [Known {
    name: "interhuman",
    repo: "ZeyuLing/motius-intermask-interhuman",
    title: "InterMask, trained on InterHuman",
    knows: "Daily and professional interactions of two people, as the captions of InterHuman describe them.",
    licence: "Code MIT (InterMask); trained on InterHuman, CC BY-NC-SA 4.0: not for commercial use.",
}];

/// Where the text tower comes from when a repository has none.
pub const CLIP_REPO: &str = "openai/clip-vit-large-patch14-336";
const CLIP_FILE: &str = "model.safetensors";

/// The hub, its cache and how to reach it.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Address, `HF_ENDPOINT`.
    pub endpoint: String,
    /// Credentials, `HF_TOKEN`.
    pub token: Option<String>,
    /// hf-hub's cache folder: `HF_HUB_CACHE`, or `hub` in `HF_HOME`.
    pub cache: PathBuf,
    /// Take everything from the cache, `HF_HUB_OFFLINE`.
    pub offline: bool,
}

impl Hub {
    /// As the standard variables say.
    pub fn from_env() -> Self {
        let text =
            |name: &str| std::env::var(name).ok().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let is_on = |name: &str| {
            text(name).is_some_and(|v| ["1", "on", "yes", "true"].contains(&v.to_ascii_lowercase().as_str()))
        };
        let token = || {
            let path = text("HF_TOKEN_PATH").map_or_else(|| hf_hub::hf_home().join("token"), PathBuf::from);
            let stored = std::fs::read_to_string(path).ok()?.trim().to_owned();
            (!stored.is_empty()).then_some(stored)
        };
        Self {
            endpoint: text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into()),
            token: if is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
                None
            } else {
                text("HF_TOKEN").or_else(token)
            },
            cache: hf_hub::resolve_cache_dir(),
            offline: is_on("HF_HUB_OFFLINE"),
        }
    }
}

/// What to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Repository in the layout of [`hub`], `owner/name`.
    pub repo: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// Repository with the text tower, for a source that has none.
    pub clip_repo: String,
    /// Its branch, tag or commit.
    pub clip_revision: String,
    /// Name of the package.
    pub name: String,
}

impl Request {
    /// The model called `name`, from its usual place.
    pub fn known(name: &str) -> Result<Self> {
        let known = KNOWN.iter().find(|known| known.name == name).ok_or_else(|| {
            let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
            Error::new(
                ErrorKind::NotFound,
                "unknown_model",
                format!(
                    "no published model is known as {name:?}; known: {}. Another repository in the same layout can be \
                     named with --repo OWNER/NAME",
                    names.join(", ")
                ),
            )
        })?;
        Ok(Self::from_repo(known.repo, known.name))
    }

    /// What lies in `repo`, to be called `name`.
    pub fn from_repo(repo: &str, name: &str) -> Self {
        Self {
            repo: repo.into(),
            revision: "main".into(),
            clip_repo: CLIP_REPO.into(),
            clip_revision: "main".into(),
            name: name.into(),
        }
    }

    fn validate(&self) -> Result<()> {
        for repo in [&self.repo, &self.clip_repo] {
            let plain = |part: &str| {
                !part.is_empty()
                    && part.len() <= 96
                    && !part.starts_with(['.', '-'])
                    && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
            };
            if !repo.split_once('/').is_some_and(|(owner, name)| plain(owner) && plain(name)) {
                return Err(Error::invalid(
                    "hub_repo",
                    format!("{repo:?} is not a repository: write OWNER/NAME"),
                ));
            }
        }
        for revision in [&self.revision, &self.clip_revision] {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/');
            let parts_are_plain = revision.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
            if revision.len() > 200 || !revision.bytes().all(plain) || !parts_are_plain {
                return Err(Error::invalid(
                    "hub_revision",
                    format!("{revision:?} is not a branch, tag or commit"),
                ));
            }
        }
        Ok(())
    }
}

/// What `pull` is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Something worth a line.
    Note(&'a str),
    /// A file is about to arrive; `have` of its `bytes` are there.
    Start {
        /// Name in the repository.
        file: &'a str,
        /// Size.
        bytes: u64,
        /// Already there from an earlier attempt.
        have: u64,
    },
    /// More of it is there.
    Bytes {
        /// So much in all.
        have: u64,
    },
    /// The file is there and right.
    Done {
        /// Name in the repository.
        file: &'a str,
    },
    /// The file was there already and is right.
    Cached {
        /// Name in the repository.
        file: &'a str,
    },
}

/// Told what happens.
pub type Progress<'a> = dyn FnMut(Event<'_>) + Send + 'a;

/// Fetch what `request` names into the hub's cache, and import it into the folder `root`. Files that are in the cache are
/// not fetched again, interrupted ones are continued. A package of that name from the same repository is left as it is
/// unless `options.replace`.
pub fn pull(
    hub: &Hub,
    request: &Request,
    root: &Path,
    options: &ImportOptions,
    progress: &mut Progress<'_>,
) -> Result<Imported> {
    request.validate()?;
    if let Some(package) = installed(root, request, options.replace)? {
        progress(Event::Note("this model is already here; --replace fetches it again"));
        return Ok(Imported { package, unknown: Vec::new() });
    }
    let mut builder =
        hf_hub::HFClient::builder().endpoint(&hub.endpoint).cache_dir(&hub.cache).retry_max_attempts(3);
    if let Some(token) = &hub.token {
        builder = builder.token(token);
    }
    let client = builder.build_sync().map_err(|e| adopt_failed(e, "the hub"))?;
    let session = Session {
        hub,
        client,
        fetcher: Fetcher::new(&hub.endpoint, hub.token.as_deref(), hub.cache.clone())?,
    };

    let source = session.get(&request.repo, &request.revision, &hub::FILES, progress)?;
    let mut options = options.clone();
    let mut provenance = format!("InterMask weights of {} at commit {}", request.repo, source.commit);
    if options.clip.is_none() && !has_text_tower(&source.folder.join(hub::TRANSFORMER))? {
        progress(Event::Note(&format!(
            "this model comes without its text encoder: adding that of {} (the whole of CLIP is one file of 1.7 GB; only \
             its text part is kept in the package)",
            request.clip_repo
        )));
        let clip = session.get(&request.clip_repo, &request.clip_revision, &[CLIP_FILE], progress)?;
        options.clip = Some(clip.folder.join(CLIP_FILE));
        provenance.push_str(&format!("; CLIP text tower of {} at commit {}", request.clip_repo, clip.commit));
    }
    let known = KNOWN.iter().find(|known| known.repo == request.repo);
    let words = |own: &mut Option<String>, text: Option<&str>| {
        if own.is_none() {
            *own = text.map(str::to_owned);
        }
    };
    let about: &mut About = &mut options.about;
    words(&mut about.title, known.map(|k| k.title));
    words(&mut about.knows, known.map(|k| k.knows));
    words(&mut about.licence, known.map(|k| k.licence));
    words(&mut about.provenance, Some(&format!("{provenance}.")));
    import(&source.folder, root, &request.name, &options, &mut |step| progress(Event::Note(step)))
}

/// The package that is there already, if it is the one asked for; an error if it is another.
fn installed(root: &Path, request: &Request, replace: bool) -> Result<Option<Package>> {
    let dir = root.join(&request.name);
    if replace
        || !super::manifest::is_model_name(&request.name)
        || !dir.join(super::manifest::MANIFEST).is_file()
    {
        return Ok(None);
    }
    let package = Package::open(&dir).map_err(|e| {
        Error::new(e.kind(), e.code(), format!("the model that is here is damaged: {e} (--replace)"))
    })?;
    if package.manifest().provenance.contains(&request.repo) {
        return Ok(Some(package));
    }
    Err(Error::invalid(
        "package_exists",
        format!("another model is already called {}: choose another name or replace it", request.name),
    ))
}

struct Session<'a> {
    hub: &'a Hub,
    client: HFClientSync,
    fetcher: Fetcher,
}

/// Files of one commit in the cache.
struct Snapshot {
    folder: PathBuf,
    commit: String,
}

impl Session<'_> {
    fn get(
        &self,
        repo: &str,
        revision: &str,
        files: &[&str],
        progress: &mut Progress<'_>,
    ) -> Result<Snapshot> {
        let mut snapshot: Option<PathBuf> = None;
        // The first file settles which commit the others are taken from.
        let mut commit: Option<String> = None;
        for file in files {
            let revision_now = commit.as_deref().unwrap_or(revision);
            if !self.hub.offline {
                commit = Some(self.fill(repo, revision_now, file, progress)?);
            }
            // hf-hub links the blob into its snapshot, or, offline, finds it there.
            let path = self.adopt(repo, commit.as_deref().unwrap_or(revision), file)?;
            let folder = path.ancestors().nth(file.split('/').count()).map(Path::to_owned);
            snapshot = snapshot.or(folder);
        }
        if let Some(commit) = &commit {
            self.note_revision(repo, revision, commit)?;
        }
        let folder =
            snapshot.ok_or_else(|| Error::internal("hub_cache", "the hub's cache has an unknown layout"))?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Snapshot { commit: commit.unwrap_or(name), folder })
    }

    /// Fetch one file into the cache; returns the commit it belongs to.
    fn fill(&self, repo: &str, revision: &str, file: &str, progress: &mut Progress<'_>) -> Result<String> {
        let work = async {
            let remote = self.fetcher.ask(repo, revision, file).await?;
            self.fetcher.fill(repo, file, &remote, progress).await?;
            Ok(remote.commit)
        };
        // On a thread of its own, so that it may be called from inside another runtime too.
        std::thread::scope(|scope| {
            let run = || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|e| Error::new(ErrorKind::Io, "io", "cannot start the network").with_source(e))?
                    .block_on(work)
            };
            scope.spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Tell the cache which commit the revision stands for, as hf-hub does, now that all files of it are there.
    fn note_revision(&self, repo: &str, revision: &str, commit: &str) -> Result<()> {
        if revision == commit {
            return Ok(());
        }
        let refs = self.hub.cache.join(format!("models--{}", repo.replace('/', "--"))).join("refs");
        // `Request::validate` made sure that the revision leads nowhere else.
        let path = refs.join(revision);
        std::fs::create_dir_all(path.parent().unwrap_or(&refs)).map_err(|e| Error::io("make", &refs, e))?;
        std::fs::write(&path, commit).map_err(|e| Error::io("write", &path, e))
    }

    fn adopt(&self, repo: &str, revision: &str, file: &str) -> Result<PathBuf> {
        let (owner, name) = hf_hub::split_id(repo);
        self.client
            .model(owner, name)
            .download_file()
            .filename(file)
            .revision(revision)
            .local_files_only(self.hub.offline)
            .send()
            .map_err(|e| adopt_failed(e, &format!("{file} of {repo}")))
    }
}

/// True if the transformer's file has the frozen text tower in it.
fn has_text_tower(path: &Path) -> Result<bool> {
    let mut file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let length = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
    let header = Header::read(&mut file, length, hub::TRANSFORMER)?;
    Ok(header.shapes().keys().any(|name| name.starts_with("clip_")))
}

fn adopt_failed(error: HFError, what: &str) -> Error {
    match &error {
        HFError::LocalEntryNotFound { .. } => Error::new(
            ErrorKind::NotFound,
            "hub_offline",
            format!("{what} is not in the local cache, and HF_HUB_OFFLINE forbids fetching it: unset it and try again"),
        ),
        HFError::Io(io) => Error::new(ErrorKind::Io, "io", format!("the hub's cache cannot be used: {io}")),
        HFError::InvalidParameter(_) | HFError::Url(_) => {
            Error::invalid("hub_endpoint", "HF_ENDPOINT is not an http or https address")
        }
        _ => Error::new(ErrorKind::Network, "hub_failed", format!("the hub did not give {what}: try again later")),
    }
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// They become part of an address and of a folder's name.
        #[test]
        fn no_name_leads_elsewhere(
            noise in "\\PC{0,30}", repo in "[a-z./@?#%_-]{0,12}", revision in "[a-z./@?#%_-]{0,12}",
        ) {
            for (repo, revision) in [(&noise, &revision), (&repo, &noise), (&repo, &revision)] {
                let request = Request { revision: revision.clone(), ..Request::from_repo(repo, "x") };
                if request.validate().is_err() {
                    continue;
                }
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
                prop_assert!(repo.chars().chain(revision.chars()).all(is_plain), "{}, {}", repo, revision);
                prop_assert_eq!(repo.split('/').count(), 2);
                let is_named = |part: &str| !part.is_empty() && !part.starts_with('.');
                prop_assert!(repo.split('/').chain(revision.split('/')).all(is_named), "{}, {}", repo, revision);
            }
        }
    }

    #[test]
    fn names_from_outside_stay_inside() {
        let with = |repo: &str, revision: &str| Request {
            revision: revision.into(),
            ..Request::from_repo(repo, "x")
        };
        for (repo, revision) in [("a/b", "main"), ("ZeyuLing/motius-x_1.0", "refs/pr/1"), ("a/b", "v1.0")] {
            with(repo, revision).validate().unwrap();
        }
        for repo in ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a b/c", "a/b?x", "http://x/y"] {
            assert_eq!(with(repo, "main").validate().unwrap_err().code(), "hub_repo", "{repo}");
        }
        for revision in ["", "..", "../x", "a//b", "/main", "main/", "a b", "a/../b", ".git"] {
            assert_eq!(with("a/b", revision).validate().unwrap_err().code(), "hub_revision", "{revision}");
        }
        assert_eq!(Request::known("interhuman").unwrap().repo, "ZeyuLing/motius-intermask-interhuman");
        assert_eq!(Request::known("other").unwrap_err().code(), "unknown_model");
    }

    #[test]
    fn an_endpoint_must_be_an_address() {
        for bad in ["", "huggingface.co", "ftp://x", "file:///etc"] {
            assert_eq!(Fetcher::new(bad, None, PathBuf::new()).unwrap_err().code(), "hub_endpoint", "{bad}");
        }
        assert_eq!(Fetcher::new("http://x", Some("a\nb"), PathBuf::new()).unwrap_err().code(), "hub_token");
    }
}
