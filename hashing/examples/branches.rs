//! A network of parallel branches, x + Σ f(w·x): which spellings compute one function?

use hashing::{Behavior, CandidateHasher, HashError, KeyWriter, Keyed, Probe, Response, TwoStage};

/// The activation of each branch; each has a weight of its own.
struct Branches(Vec<&'static str>);

/// How it is written: for the structural digest.
impl Keyed for Branches {
    fn write_key(&self, out: &mut KeyWriter) {
        out.list(&self.0, |out, activation| out.text(activation));
    }
}

/// What it computes: for the functional one.
impl Behavior for Branches {
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let x = probe.input("x", 8);
        let mut sum = x;
        for activation in &self.0 {
            let branch = probe.group(activation, &[x]);
            let weight = probe.tensor(branch, "w", 1, 0.0, 1.0);
            let y = probe.node([x, weight], 8, |[x, w], y| {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = match *activation {
                        "zero" => 0.0,
                        "relu" => (w[0] * x).max(0.0),
                        _ => w[0] * x / (1.0 + (w[0] * x).abs()),
                    };
                }
            });
            sum = probe.sum(&[sum, y]);
        }
        Ok(Response::rows(sum, 1))
    }
}

fn main() -> Result<(), HashError> {
    let hasher = TwoStage::default();
    let identity = |branches: &[&'static str]| hasher.identify(&Branches(branches.to_vec()));
    let (a, b) = (identity(&["relu", "soft", "soft"])?, identity(&["soft", "zero", "soft", "relu"])?);
    // Written differently, and the same function: branches commute, and a zero is dead.
    assert_ne!(a.structural, b.structural);
    assert_eq!(a.fingerprint, b.fingerprint);
    // Two branches with weights of their own are not one, and an activation is not another.
    assert_ne!(a.fingerprint, identity(&["relu", "soft"])?.fingerprint);
    assert_ne!(a.fingerprint, identity(&["relu", "relu", "soft"])?.fingerprint);
    Ok(())
}
