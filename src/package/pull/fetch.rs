//! Files of a hub into the cache that hf-hub keeps, resumable and verified.
//!
//! hf-hub 1.0 starts an interrupted download again from the first byte (huggingface/hf-hub#196). So the blob that it would
//! fetch is put into its cache first: asked for by range where a part is already there, and held against the SHA-256 that the
//! hub states for large files.

use super::Event;
use crate::error::{Error, ErrorKind, Result};
use crate::package::digest::{is_sha256, sha256};
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, LOCATION, RANGE,
};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A connection that says nothing for this long is given up.
const SILENCE: Duration = Duration::from_secs(60);
/// Attempts in a row that bring no new byte before an answer counts as final.
const ATTEMPTS: u32 = 4;

/// What the hub says of one file before it is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Fingerprint; the SHA-256 for files in large-file storage.
    pub etag: String,
    /// The commit that the revision stands for now.
    pub commit: String,
    /// Size.
    pub bytes: u64,
}

/// A hub and the cache that its files go into.
#[derive(Debug)]
pub struct Fetcher {
    /// Follows redirects; credentials do not go along to other hosts.
    client: Client,
    /// Does not: the hub states size and fingerprint in the redirect itself.
    plain: Client,
    endpoint: Url,
    authorization: HeaderMap,
    cache: PathBuf,
}

impl Fetcher {
    /// For the hub at `endpoint` and hf-hub's cache folder.
    pub fn new(endpoint: &str, token: Option<&str>, cache: PathBuf) -> Result<Self> {
        let endpoint: Url =
            endpoint.parse().ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https")).ok_or_else(
                || Error::invalid("hub_endpoint", "HF_ENDPOINT is not an http or https address"),
            )?;
        let mut authorization = HeaderMap::new();
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|e| {
                Error::invalid("hub_token", "HF_TOKEN holds characters that no token has").with_source(e)
            })?;
            value.set_sensitive(true);
            authorization.insert(AUTHORIZATION, value);
        }
        let agent = concat!("duet/", env!("CARGO_PKG_VERSION"));
        let builder = || {
            Client::builder().user_agent(agent).connect_timeout(Duration::from_secs(20)).read_timeout(SILENCE)
        };
        let broken = |e| Error::internal("http_client", "cannot set up HTTP").with_source(e);
        Ok(Self {
            client: builder().build().map_err(broken)?,
            plain: builder().redirect(redirect::Policy::none()).build().map_err(broken)?,
            endpoint,
            authorization,
            cache,
        })
    }

    /// Ask for size, fingerprint and commit of `file` in `repo` at `revision`.
    pub async fn ask(&self, repo: &str, revision: &str, file: &str) -> Result<Remote> {
        let mut failures = 0;
        loop {
            match self.head(repo, revision, file).await {
                Ok(response) => return stated(response.headers(), repo, revision, file),
                Err(failure) if failure.again && failures + 1 < ATTEMPTS => {
                    failures += 1;
                    tokio::time::sleep(pause(failures)).await;
                }
                Err(failure) => return Err(failure.error),
            }
        }
    }

    async fn head(&self, repo: &str, revision: &str, file: &str) -> std::result::Result<Response, Failure> {
        let mut url = self.url(repo, revision, file)?;
        // The hub moves renamed repositories by relative redirects; absolute ones lead to the storage.
        for _ in 0..5 {
            let request = self.plain.head(url.clone()).headers(self.authorization.clone());
            let response = request.send().await.map_err(|e| self.unreachable(e))?;
            let location = response.headers().get(LOCATION).and_then(|v| v.to_str().ok());
            match location {
                Some(location)
                    if response.status().is_redirection()
                        && location.starts_with('/')
                        && !location.starts_with("//") =>
                {
                    url = url.join(location).map_err(|_| malformed("an unusable redirect"))?;
                }
                _ if response.status().is_success() || response.status().is_redirection() => {
                    return Ok(response);
                }
                _ => return Err(refused(&response, repo, revision, file)),
            }
        }
        Err(malformed("redirects without end").into())
    }

    /// Make sure that the blob of `file` is in the cache, whole and right.
    pub async fn fill(
        &self,
        repo: &str,
        file: &str,
        remote: &Remote,
        progress: &mut super::Progress<'_>,
    ) -> Result<()> {
        let blobs = self.cache.join(format!("models--{}", repo.replace('/', "--"))).join("blobs");
        std::fs::create_dir_all(&blobs).map_err(|e| Error::io("make", &blobs, e))?;
        let blob = blobs.join(&remote.etag);
        if blob.is_file() {
            if is_whole(&blob, remote)? {
                progress(Event::Cached { file });
                return Ok(());
            }
            std::fs::remove_file(&blob).map_err(|e| Error::io("replace", &blob, e))?;
        }
        // As Python's huggingface_hub calls it: what either left behind serves both.
        let partial = blobs.join(format!("{}.incomplete", remote.etag));
        let mut sink = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&partial)
            .map_err(|e| Error::io("write", &partial, e))?;
        if sink.try_lock().is_err() {
            return Err(Error::new(
                ErrorKind::Busy,
                "download_running",
                format!("{file} is being fetched by another program: wait for that one"),
            ));
        }
        let resumed = self.receive(repo, file, remote, &mut sink, &partial, progress).await?;
        if !is_whole(&partial, remote)? && resumed {
            // The part that was there before may have been of something else: once more from the start.
            sink.set_len(0).map_err(|e| Error::io("write", &partial, e))?;
            self.receive(repo, file, remote, &mut sink, &partial, progress).await?;
        }
        if !is_whole(&partial, remote)? {
            std::fs::remove_file(&partial).map_err(|e| Error::io("remove", &partial, e))?;
            return Err(Error::corrupt(
                "download_digest",
                format!(
                    "{file} of {repo} arrived with another SHA-256 than the hub states and was thrown away: try again, \
                     and if it happens again do not trust this source"
                ),
            ));
        }
        sink.sync_all().map_err(|e| Error::io("write", &partial, e))?;
        std::fs::rename(&partial, &blob).map_err(|e| Error::io("write", &blob, e))?;
        progress(Event::Done { file });
        Ok(())
    }

    /// Append what is missing to `sink`; true if some of it was there before.
    async fn receive(
        &self,
        repo: &str,
        file: &str,
        remote: &Remote,
        sink: &mut File,
        path: &Path,
        progress: &mut super::Progress<'_>,
    ) -> Result<bool> {
        let io = |e| Error::io("write", path, e);
        let mut have = sink.seek(SeekFrom::End(0)).map_err(io)?;
        if have > remote.bytes {
            sink.set_len(0).map_err(io)?;
            have = sink.seek(SeekFrom::Start(0)).map_err(io)?;
        }
        let resumed = have > 0;
        progress(Event::Start { file, bytes: remote.bytes, have });
        let mut failures = 0;
        while have < remote.bytes {
            let before = have;
            let outcome = self.receive_once(repo, file, remote, sink, path, &mut have, progress).await;
            sink.flush().map_err(io)?;
            failures = if have > before { 0 } else { failures + 1 };
            match outcome {
                Ok(()) => {}
                Err(failure) if failure.again && failures < ATTEMPTS => {
                    tokio::time::sleep(pause(failures)).await
                }
                Err(failure) if failure.again => {
                    return Err(Error::new(
                        ErrorKind::Network,
                        "download_interrupted",
                        format!(
                            "the download of {file} broke off after {have} of {} bytes; what arrived is kept: run the same \
                             command again to go on from there",
                            remote.bytes
                        ),
                    )
                    .with_source(failure.error));
                }
                Err(failure) => return Err(failure.error),
            }
        }
        Ok(resumed)
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `receive`, with its state")]
    async fn receive_once(
        &self,
        repo: &str,
        file: &str,
        remote: &Remote,
        sink: &mut File,
        path: &Path,
        have: &mut u64,
        progress: &mut super::Progress<'_>,
    ) -> std::result::Result<(), Failure> {
        let url = self.url(repo, &remote.commit, file)?;
        let mut request = self.client.get(url).headers(self.authorization.clone());
        if *have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        let mut response = request.send().await.map_err(|e| self.unreachable(e))?;
        let goes_on = response.status() == StatusCode::PARTIAL_CONTENT && {
            let range = response.headers().get(CONTENT_RANGE).and_then(|v| v.to_str().ok());
            range.is_some_and(|range| range.starts_with(&format!("bytes {have}-")))
        };
        if *have > 0 && !goes_on {
            if !response.status().is_success() && response.status() != StatusCode::RANGE_NOT_SATISFIABLE {
                return Err(refused(&response, repo, &remote.commit, file));
            }
            // This server does not continue: from the start.
            sink.set_len(0).and_then(|()| sink.rewind()).map_err(|e| Error::io("write", path, e))?;
            *have = 0;
            if response.status() != StatusCode::OK {
                return Ok(());
            }
        }
        if !response.status().is_success() {
            return Err(refused(&response, repo, &remote.commit, file));
        }
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreachable(e))? {
            let room = remote.bytes - *have;
            if chunk.len() as u64 > room {
                // More than was stated: the digest will tell whether what was stated is right.
                sink.write_all(&chunk[..room as usize]).map_err(|e| Error::io("write", path, e))?;
                *have += room;
                break;
            }
            sink.write_all(&chunk).map_err(|e| Error::io("write", path, e))?;
            *have += chunk.len() as u64;
            progress(Event::Bytes { have: *have });
        }
        if *have < remote.bytes {
            return Err(Failure { error: malformed("a body that ends early"), again: true });
        }
        Ok(())
    }

    /// `{endpoint}/{repo}/resolve/{revision}/{file}`
    fn url(&self, repo: &str, revision: &str, file: &str) -> Result<Url> {
        let mut url = self.endpoint.clone();
        url.path_segments_mut()
            .map_err(|()| Error::invalid("hub_endpoint", "HF_ENDPOINT is not an http or https address"))?
            .pop_if_empty()
            .extend(repo.split('/'))
            .extend(["resolve", revision])
            .extend(file.split('/'));
        Ok(url)
    }

    fn unreachable(&self, source: reqwest::Error) -> Failure {
        let host = self.endpoint.host_str().unwrap_or("the hub");
        let error = Error::new(
            ErrorKind::Network,
            "hub_unreachable",
            format!(
                "{host} does not answer: check the network, or HF_ENDPOINT if you use a mirror; files that are already \
                 in the cache need no network with HF_HUB_OFFLINE=1"
            ),
        )
        // Without the address: that of a storage holds a signature.
        .with_source(source.without_url());
        Failure { error, again: true }
    }
}

/// What the headers of a hub's answer say of a file.
fn stated(headers: &HeaderMap, repo: &str, revision: &str, file: &str) -> Result<Remote> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let etag = header("x-linked-etag").or_else(|| header(ETAG.as_str())).unwrap_or_default();
    let etag = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"').to_owned();
    let commit = header("x-repo-commit").unwrap_or_default().to_owned();
    let size =
        header("x-linked-size").or_else(|| header(CONTENT_LENGTH.as_str())).and_then(|v| v.parse().ok());
    // Both become names in the cache folder.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !(1..=128).contains(&etag.len()) || !etag.bytes().all(plain) {
        return Err(malformed("no usable ETag"));
    }
    if commit.len() != 40 || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(malformed("no X-Repo-Commit"));
    }
    let bytes: u64 = size.ok_or_else(|| malformed("no size"))?;
    let most = if file.ends_with(".safetensors") { 16 << 30 } else { 1 << 20 };
    if bytes == 0 || bytes > most {
        return Err(Error::corrupt(
            "hub_file_size",
            format!("{file} of {repo} at {revision} has {bytes} bytes; 1 to {most} are fetched"),
        ));
    }
    Ok(Remote { etag, commit, bytes })
}

/// A failure, and whether trying again may help.
struct Failure {
    error: Error,
    again: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, again: false }
    }
}

/// An answer that is neither the file nor the way to it, in words.
fn refused(response: &Response, repo: &str, revision: &str, file: &str) -> Failure {
    let status = response.status();
    let code = response.headers().get("x-error-code").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (kind, name, message) = match (status.as_u16(), code) {
        // The hub hides private repositories behind 401, and missing ones too.
        (401, _) | (404, "RepoNotFound") => (
            ErrorKind::NotFound,
            "hub_repo_missing",
            format!("the hub shows no repository {repo}: check the name; if it is private, set HF_TOKEN"),
        ),
        (403, _) => (
            ErrorKind::Unsupported,
            "hub_forbidden",
            format!(
                "the hub does not let this account read {repo}: accept its terms on its page and set HF_TOKEN"
            ),
        ),
        (404, "RevisionNotFound") => {
            (ErrorKind::NotFound, "hub_revision_missing", format!("{repo} has no revision {revision}"))
        }
        (404, _) => (
            ErrorKind::NotFound,
            "hub_file_missing",
            format!("{repo} has no file {file} at {revision}: it is not a repository of the expected layout"),
        ),
        (429, _) => (
            ErrorKind::Network,
            "hub_rate_limit",
            "the hub asks to slow down: try again in some minutes".into(),
        ),
        _ => (
            ErrorKind::Network,
            "hub_failed",
            format!("the hub answered {status} for {file} of {repo}: try again later"),
        ),
    };
    let again = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
    Failure { error: Error::new(kind, name, message), again }
}

fn malformed(what: &str) -> Error {
    Error::new(
        ErrorKind::Network,
        "hub_malformed",
        format!("the hub answered with {what}: is HF_ENDPOINT a hub?"),
    )
}

fn pause(failures: u32) -> Duration {
    Duration::from_millis(250 << failures.min(4))
}

/// Right size and, where the fingerprint is a SHA-256, right content.
pub fn is_whole(path: &Path, remote: &Remote) -> Result<bool> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    if file.metadata().map_err(|e| Error::io("read", path, e))?.len() != remote.bytes {
        return Ok(false);
    }
    if !is_sha256(&remote.etag) {
        return Ok(true);
    }
    Ok(sha256(file).map_err(|e| Error::io("read", path, e))? == remote.etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A large file as the hub states it, with some of the headers put in place of its own.
    fn answer(other: &[(&'static str, Vec<u8>)]) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("W/\"0123abcd\""));
        headers.insert("x-repo-commit", HeaderValue::from_static("0123456789012345678901234567890123456789"));
        headers.insert("x-linked-size", HeaderValue::from_static("7000"));
        for (name, value) in other {
            headers.insert(*name, HeaderValue::from_bytes(value).ok()?);
        }
        Some(headers)
    }

    fn read(headers: &HeaderMap) -> Result<Remote> {
        stated(headers, "owner/name", "main", "model.safetensors")
    }

    #[test]
    fn size_fingerprint_and_commit_are_read() {
        let remote = read(&answer(&[]).unwrap()).unwrap();
        assert_eq!((remote.etag.as_str(), remote.bytes, remote.commit.len()), ("0123abcd", 7000, 40));
        let linked = answer(&[("x-linked-etag", b"\"feed\"".to_vec())]).unwrap();
        assert_eq!(read(&linked).unwrap().etag, "feed");
        for (name, value) in [
            ("etag", "../../x"),
            ("etag", ""),
            ("x-repo-commit", "main"),
            ("x-linked-size", "0"),
            ("x-linked-size", "-1"),
            ("x-linked-size", "99999999999999999999"),
        ] {
            assert!(read(&answer(&[(name, value.into())]).unwrap()).is_err(), "{name}: {value}");
        }
    }

    proptest! {
        #[test]
        fn names_in_the_cache_are_plain_whatever_a_hub_says(
            which in proptest::sample::select(vec!["etag", "x-linked-etag", "x-repo-commit", "x-linked-size", "content-length"]),
            value in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..140),
                "[\"W/.a-f0-9-]{0,140}".prop_map(String::into_bytes),
                "[0-9]{0,22}".prop_map(String::into_bytes),
            ],
        ) {
            let Some(headers) = answer(&[(which, value)]) else { return Ok(()) };
            if let Ok(remote) = read(&headers) {
                let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
                prop_assert!(plain(&remote.etag) && (1..=128).contains(&remote.etag.len()));
                prop_assert!(plain(&remote.commit) && remote.commit.len() == 40);
                prop_assert!((1..=16 << 30).contains(&remote.bytes));
            }
        }
    }
}
