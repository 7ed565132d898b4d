//! Structure first, function second: a form seen before is not run again.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::{Behavior, Class, Digest, Fingerprint, FunctionalHasher, HashError, Identity, Keyed, Scheme};

/// Gives identities. Equal identities share one evaluation.
pub trait CandidateHasher<C>: Send + Sync {
    /// Every setting that can change a fingerprint. It is part of every key.
    fn scheme(&self) -> String;

    /// Same result on every run, thread and machine. Expects the canonical form.
    fn identify(&self, candidate: &C) -> Result<Identity, HashError>;
}

/// Digest of the canonical form, then [`FunctionalHasher`] where that form is new.
pub struct TwoStage {
    functional: FunctionalHasher,
    seen: Mutex<HashMap<Digest, (Fingerprint, Class)>>,
}

impl TwoStage {
    pub fn new(scheme: Scheme) -> Self {
        Self { functional: FunctionalHasher::new(scheme), seen: Mutex::default() }
    }
}

impl Default for TwoStage {
    fn default() -> Self {
        Self::new(Scheme::default())
    }
}

impl<C: Keyed + Behavior> CandidateHasher<C> for TwoStage {
    fn scheme(&self) -> String {
        self.functional.scheme().name()
    }

    fn identify(&self, candidate: &C) -> Result<Identity, HashError> {
        let structural = candidate.digest("fecund structural v1");
        let known =
            self.seen.lock().expect("no thread panics while it holds this lock").get(&structural).copied();
        let (fingerprint, class) = match known {
            Some(known) => known,
            None => {
                let (digest, class) = self.functional.fingerprint(candidate)?;
                let fingerprint = Fingerprint(digest.unwrap_or(structural));
                self.seen.lock().expect("as above").insert(structural, (fingerprint, class));
                (fingerprint, class)
            }
        };
        Ok(Identity { structural, fingerprint, class })
    }
}
