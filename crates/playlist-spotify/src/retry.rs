//! When a request is sent again, and how long to wait before.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, StopFlag};

/// How often, and after which waits, a request is sent again.
///
/// A reply 429 is obeyed: the wait that it asks for is kept if it is at most [`RetryPolicy::max_wait`], and is the
/// error [`Error::RateLimited`] if it is longer. A 5xx, a broken connection and a time-out are tried again after
/// [`RetryPolicy::first_wait`], then twice that and so on. Every other error is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often a request is sent that meets a 5xx, a broken connection or a time-out.
    pub max_tries: u32,
    /// The wait before the second try; each later one is twice as long, up to `max_wait`.
    pub first_wait: Duration,
    /// The longest wait that is kept; what asks for more ends the run.
    pub max_wait: Duration,
    /// How many replies 429 one request may meet in a row.
    pub max_rate_limits: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_tries: 3,
            first_wait: Duration::from_secs(1),
            max_wait: Duration::from_secs(60),
            max_rate_limits: 5,
        }
    }
}

impl RetryPolicy {
    /// The same with another [`RetryPolicy::max_tries`].
    #[must_use]
    pub fn with_max_tries(mut self, max_tries: u32) -> Self {
        self.max_tries = max_tries;
        self
    }

    /// The same with another [`RetryPolicy::first_wait`].
    #[must_use]
    pub fn with_first_wait(mut self, first_wait: Duration) -> Self {
        self.first_wait = first_wait;
        self
    }

    /// The same with another [`RetryPolicy::max_wait`].
    #[must_use]
    pub fn with_max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// The wait after `n` failures.
    fn backoff(&self, n: u32) -> Duration {
        let factor = 2_u32.saturating_pow(n.saturating_sub(1));
        self.first_wait.saturating_mul(factor).min(self.max_wait)
    }
}

/// What is told before each wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryEvent {
    /// The service asked for a pause.
    RateLimited {
        /// How long the pause is.
        wait: Duration,
    },
    /// A request failed and is sent again.
    Failed {
        /// How often it was sent.
        tries: u32,
        /// How often it is sent at most.
        max_tries: u32,
        /// How long the pause is.
        wait: Duration,
        /// What happened.
        reason: String,
    },
}

impl fmt::Display for RetryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimited { wait } => {
                write!(f, "asked to slow down: waiting {} s", wait.as_secs_f64().ceil())
            }
            Self::Failed {
                tries,
                max_tries,
                wait,
                reason,
            } => write!(
                f,
                "try {tries} of {max_tries} failed ({reason}): waiting {:.1} s",
                wait.as_secs_f64()
            ),
        }
    }
}

/// What waits. Tests give one that only writes the waits down.
pub trait Sleeper: fmt::Debug + Send + Sync {
    /// Waits for `time`, or less once `stop` is set.
    fn sleep(&self, time: Duration, stop: &StopFlag);
}

/// Waits by putting the thread to sleep.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadSleeper;

impl Sleeper for ThreadSleeper {
    fn sleep(&self, time: Duration, stop: &StopFlag) {
        // Short naps, so that Ctrl-C need not wait for a minute.
        let nap = Duration::from_millis(100);
        let mut left = time;
        while !left.is_zero() && !stop.is_stopped() {
            let part = left.min(nap);
            std::thread::sleep(part);
            left -= part;
        }
    }
}

/// Whether an error is worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// None: trying again changes nothing.
    Nothing,
    /// Trying again soon, but not before the time given.
    Soon(Duration),
    /// Leaving the service alone for that long.
    After(Duration),
}

/// Sends requests under a policy.
pub(crate) struct Retry<'a> {
    pub(crate) policy: &'a RetryPolicy,
    pub(crate) sleeper: &'a dyn Sleeper,
    pub(crate) stop: &'a StopFlag,
}

impl Retry<'_> {
    /// The first success of `attempt`; `tell` hears of every wait before it begins.
    ///
    /// # Errors
    /// [`Error::RateLimited`], [`Error::Stopped`], or the last error of `attempt`.
    pub(crate) fn run<T>(
        &self,
        tell: &mut dyn FnMut(&RetryEvent),
        mut attempt: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        let (mut failures, mut limits) = (0, 0);
        loop {
            if self.stop.is_stopped() {
                return Err(Error::Stopped);
            }
            let error = match attempt() {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let event = match error.remedy() {
                Remedy::Nothing => return Err(error),
                Remedy::After(time) => {
                    // A pause of nothing at all would be a busy loop.
                    let wait = time.max(Duration::from_secs(1));
                    limits += 1;
                    if wait > self.policy.max_wait || limits > self.policy.max_rate_limits {
                        return Err(Error::RateLimited { retry_after: wait });
                    }
                    RetryEvent::RateLimited { wait }
                }
                Remedy::Soon(at_least) => {
                    failures += 1;
                    if at_least > self.policy.max_wait {
                        return Err(Error::RateLimited {
                            retry_after: at_least,
                        });
                    }
                    if failures >= self.policy.max_tries {
                        return Err(error);
                    }
                    RetryEvent::Failed {
                        tries: failures,
                        max_tries: self.policy.max_tries,
                        wait: self.policy.backoff(failures).max(at_least),
                        reason: error.to_string(),
                    }
                }
            };
            tell(&event);
            let (RetryEvent::RateLimited { wait } | RetryEvent::Failed { wait, .. }) = event;
            self.sleeper.sleep(wait, self.stop);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Written(Mutex<Vec<u64>>);

    impl Sleeper for Written {
        fn sleep(&self, time: Duration, _: &StopFlag) {
            self.0.lock().unwrap().push(time.as_secs());
        }
    }

    fn run(errors: Vec<Error>) -> (Result<&'static str>, Vec<u64>, usize) {
        let (sleeper, mut told) = (Written::default(), 0);
        let retry = Retry {
            policy: &RetryPolicy::default(),
            sleeper: &sleeper,
            stop: &StopFlag::default(),
        };
        let mut errors = errors.into_iter();
        let result = retry.run(&mut |_| told += 1, || errors.next().map_or(Ok("done"), Err));
        let waits = sleeper.0.into_inner().unwrap();
        (result, waits, told)
    }

    fn limited(seconds: u64) -> Error {
        Error::RateLimited {
            retry_after: Duration::from_secs(seconds),
        }
    }

    fn server(retry_after: Option<u64>) -> Error {
        Error::Server {
            what: "GET host/path".to_owned(),
            status: 503,
            message: None,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_short_pause_is_kept_and_told() {
        let (result, waits, told) = run(vec![limited(7), limited(0)]);
        assert_eq!((result.unwrap(), waits, told), ("done", vec![7, 1], 2));
    }

    #[test]
    fn a_long_pause_is_an_error_at_once() {
        let (result, waits, _) = run(vec![limited(79_892)]);
        assert!(matches!(result, Err(Error::RateLimited { retry_after }) if retry_after.as_secs() == 79_892));
        assert!(waits.is_empty());
        let (result, waits, _) = run(vec![server(Some(3600))]);
        assert!(matches!(result, Err(Error::RateLimited { .. })));
        assert!(waits.is_empty());
    }

    #[test]
    fn pauses_without_end_come_to_an_end() {
        let (result, waits, _) = run((0..100).map(|_| limited(2)).collect());
        assert!(matches!(result, Err(Error::RateLimited { .. })));
        assert_eq!(waits, [2; 5]);
    }

    #[test]
    fn a_server_error_is_tried_three_times_with_growing_waits() {
        let (result, waits, told) = run(vec![server(None), server(Some(5))]);
        assert_eq!((result.unwrap(), waits, told), ("done", vec![1, 5], 2));
        let (result, waits, _) = run(vec![server(None), server(None), server(None)]);
        assert!(matches!(result, Err(Error::Server { status: 503, .. })));
        assert_eq!(waits, [1, 2]);
    }

    #[test]
    fn a_refusal_is_final() {
        let refused = Error::Refused {
            what: "GET host/path".to_owned(),
            status: 404,
            message: None,
        };
        let (result, waits, _) = run(vec![refused]);
        assert!(matches!(result, Err(Error::Refused { status: 404, .. })));
        assert!(waits.is_empty());
    }

    #[test]
    fn a_stop_cuts_a_wait_short() {
        let stop = StopFlag::default();
        stop.stop();
        let begun = std::time::Instant::now();
        ThreadSleeper.sleep(Duration::from_secs(60), &stop);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
