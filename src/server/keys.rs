//! API keys: who may ask, and how much. Only digests are kept; the keys themselves are with those who use them.
//!
//! A key holds 256 random bits, so that its plain SHA-256 cannot be turned back by guessing; slow password hashes are for
//! secrets that people choose. `duet config key` draws one.

use super::problem::Problem;
use crate::engine::MotionId;
use crate::error::{Error, Result};
use axum::http::StatusCode;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use sha2::{Digest, Sha256};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What every key starts with, so that secret scanners and people recognise one.
const PREFIX: &str = "duet_";
/// Most keys: each request is compared with all of them.
pub const MAX_KEYS: usize = 1000;

type Digested = [u8; 32];

/// A key as configured: its holder's name, the digest, and the limits. Shows no digest when printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    name: String,
    digest: Digested,
    per_minute: Option<NonZeroU32>,
    concurrent: Option<NonZeroU32>,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, per_minute, concurrent, .. } = self;
        formatter
            .debug_struct("Key")
            .field("name", name)
            .field("per_minute", per_minute)
            .field("concurrent", concurrent)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// A key whose SHA-256 is `sha256` (64 hexadecimal digits). `per_minute` bounds the generations started in a minute,
    /// `concurrent` those waiting or running at a time; `None` means no bound but the server's own.
    ///
    /// # Errors
    /// `invalid_key`: a name that is not 1 to 40 letters, digits, `-` or `_`, or a digest that is none.
    pub fn new(
        name: &str,
        sha256: &str,
        per_minute: Option<NonZeroU32>,
        concurrent: Option<NonZeroU32>,
    ) -> Result<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=40).contains(&name.len()) || !name.bytes().all(is_plain) {
            let message = "a key's name is 1 to 40 letters, digits, - or _";
            return Err(Error::invalid("invalid_key", message));
        }
        let digest = parse_hex(sha256).ok_or_else(|| {
            // The value is not repeated: it might be the key itself, put there by mistake.
            let message = format!(
                "sha256 of the key {name} must be 64 hexadecimal digits, as `duet config key` prints them"
            );
            Error::invalid("invalid_key", message)
        })?;
        Ok(Self { name: name.to_owned(), digest, per_minute, concurrent })
    }

    /// Name of its holder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Generations a minute and at a time.
    pub fn limits(&self) -> (Option<NonZeroU32>, Option<NonZeroU32>) {
        (self.per_minute, self.concurrent)
    }
}

fn parse_hex(text: &str) -> Option<Digested> {
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// A new key and its SHA-256 in hexadecimal digits.
///
/// # Errors
/// `no_randomness`.
pub fn draw() -> Result<(String, String)> {
    let secret = format!("{PREFIX}{}{}", MotionId::random()?, MotionId::random()?);
    let digest = Sha256::digest(&secret).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((secret, digest))
}

type Rate = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>;

/// Somebody who has a key, and what is left of their share.
pub struct Holder {
    name: String,
    rate: Option<Rate>,
    /// When the next generation may be counted, as the last refusal said.
    spent_until: Mutex<Option<Instant>>,
    room: Option<Arc<Semaphore>>,
}

impl Holder {
    fn new(key: &Key) -> Self {
        let rate = key
            .per_minute
            .map(|count| RateLimiter::direct_with_clock(Quota::per_minute(count), MonotonicClock));
        let room = key.concurrent.map(|count| Arc::new(Semaphore::new(count.get() as usize)));
        Self { name: key.name.clone(), rate, spent_until: Mutex::default(), room }
    }

    /// Name of the holder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A place among the generations of this key, given back when the [`Share`] is dropped. Whoever is known to have none left
    /// for now gets none. Nothing is counted yet: that is for what has begun ([`Holder::count`]).
    pub fn place(&self) -> std::result::Result<Share, Problem> {
        let place = match &self.room {
            None => None,
            Some(room) => Some(room.clone().try_acquire_owned().map_err(|_| {
                Problem::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_at_once",
                    "this key has as many generations waiting or running as it may have; let one finish first",
                )
            })?),
        };
        self.look()?;
        Ok(Share { _place: place })
    }

    /// Refuse while an earlier refusal holds, so that whoever has used up their generations costs neither the queue nor a
    /// reader of files anything. Counts nothing.
    pub fn look(&self) -> std::result::Result<(), Problem> {
        let until = *self.spent_until.lock().unwrap_or_else(PoisonError::into_inner);
        match until.and_then(|until| until.checked_duration_since(MonotonicClock.now())) {
            Some(wait) if !wait.is_zero() => Err(spent(wait)),
            _ => Ok(()),
        }
    }

    /// Count one generation, which has a place in the queue; it is not to begin where this refuses.
    pub fn count(&self) -> std::result::Result<(), Problem> {
        let Some(Err(refused)) = self.rate.as_ref().map(|rate| rate.check()) else { return Ok(()) };
        *self.spent_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused.earliest_possible());
        Err(spent(refused.wait_time_from(MonotonicClock.now())))
    }
}

fn spent(wait: Duration) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "this key has used up its generations for now; the header Retry-After says when the next may start",
    )
    .retry_after(wait.as_secs() + 1)
}

/// The place of one generation among those of its key; where nothing bounds them, there is always one.
#[derive(Default)]
pub struct Share {
    _place: Option<OwnedSemaphorePermit>,
}

/// All keys. Without any, everybody may ask.
#[derive(Default)]
pub struct Keyring {
    keys: Vec<(Digested, Arc<Holder>)>,
}

impl Keyring {
    /// The keys of a configuration.
    ///
    /// # Errors
    /// `invalid_key` when there are too many, or two of a name or a digest.
    pub fn new(keys: &[Key]) -> Result<Self> {
        if keys.len() > MAX_KEYS {
            return Err(Error::invalid("invalid_key", format!("at most {MAX_KEYS} keys")));
        }
        for (index, key) in keys.iter().enumerate() {
            if keys[..index].iter().any(|other| other.name == key.name || other.digest == key.digest) {
                let message = format!("the key {} is there twice, by name or by digest", key.name);
                return Err(Error::invalid("invalid_key", message));
            }
        }
        Ok(Self { keys: keys.iter().map(|key| (key.digest, Arc::new(Holder::new(key)))).collect() })
    }

    /// Nobody needs a key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whose key this is. Takes the same time wherever it stands and however much of it is right.
    pub fn holder(&self, secret: &str) -> Option<Arc<Holder>> {
        let digest: Digested = Sha256::digest(secret).into();
        let mut found = Choice::from(0);
        let mut position = 0u32;
        for (index, (known, _)) in (0u32..).zip(&self.keys) {
            let same = known.ct_eq(&digest);
            position.conditional_assign(&index, same);
            found |= same;
        }
        bool::from(found).then(|| self.keys[position as usize].1.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_digest_is_sixty_four_digits_or_none(
            digest in any::<Digested>(),
            noise in "\\PC{0,70}",
            near in "[0-9a-fA-F]{60,68}",
            (at, other) in (0..64usize, "[^0-9a-fA-F]"),
        ) {
            let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(parse_hex(&text), Some(digest));
            prop_assert_eq!(parse_hex(&text.to_uppercase()), Some(digest));
            prop_assert_eq!(parse_hex(&near).is_some(), near.len() == 64);
            let mut wrong = text;
            wrong.replace_range(at..=at, &other);
            prop_assert_eq!(parse_hex(&wrong), None);
            prop_assert!(parse_hex(&noise).is_none() || noise.len() == 64);
        }
    }

    fn some(count: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(count)
    }

    #[test]
    fn a_key_opens_and_nothing_else_does() {
        let (first, digest) = draw().unwrap();
        let (second, other) = draw().unwrap();
        assert!(first.starts_with("duet_") && first.len() == 69 && first != second);
        let keys = [
            Key::new("farm", &digest, None, None).unwrap(),
            Key::new("anna", &other.to_uppercase(), None, None).unwrap(),
        ];
        let ring = Keyring::new(&keys).unwrap();
        assert_eq!(ring.holder(&first).unwrap().name(), "farm");
        assert_eq!(ring.holder(&second).unwrap().name(), "anna");
        for wrong in ["", "duet_", &first[1..], &format!("{first} "), &digest] {
            assert!(ring.holder(wrong).is_none());
        }
        assert!(Keyring::default().holder(&first).is_none());
    }

    #[test]
    fn what_is_no_key_is_refused_and_never_repeated() {
        let (secret, digest) = draw().unwrap();
        for (name, sha256) in [("", &digest), ("a b", &digest), ("a\n", &digest), ("farm", &secret)] {
            let error = Key::new(name, sha256, None, None).unwrap_err();
            assert_eq!(error.code(), "invalid_key");
            assert!(!error.to_string().contains(&secret));
        }
        let key = Key::new("farm", &digest, None, None).unwrap();
        assert!(!format!("{key:?}").contains(&digest[..8]));
        assert!(Keyring::new(&[key.clone(), key]).is_err());
    }

    #[test]
    fn shares_are_bounded_and_given_back() {
        let (_, digest) = draw().unwrap();
        let holder = Holder::new(&Key::new("farm", &digest, None, some(2)).unwrap());
        let first = holder.place().unwrap_or_else(|_| panic!("a first place"));
        let second = holder.place();
        assert!(second.is_ok() && holder.place().is_err());
        drop(first);
        assert!(holder.place().is_ok());
        let rated = Holder::new(&Key::new("farm", &digest, some(3), None).unwrap());
        assert!((0..10).all(|_| rated.place().is_ok()), "a place is not a generation yet");
        let counted = (0..10).filter(|_| rated.count().is_ok()).count();
        assert_eq!(counted, 3);
        assert!(rated.place().is_err(), "known to have none left");
    }
}
