//! A record as one payload of the journal: postcard of version, key and record.

use hashing::Key;
use serde::{Deserialize, Serialize};
use tasks::Verdict;

use crate::{Evaluation, Purpose, Record};

/// Changes with every change to [`Record`] or to what it holds; older numbers stay readable here.
const VERSION: u32 = 2;

#[derive(Serialize)]
struct Written<'a>(u32, &'a Key, &'a Record);

#[derive(Deserialize)]
struct Read(Key, Record);

pub(crate) fn encode(key: &Key, record: &Record) -> Result<Vec<u8>, String> {
    postcard::to_stdvec(&Written(VERSION, key, record)).map_err(|error| error.to_string())
}

/// Why bytes are no record that this program understands is said in words.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Key, Record), String> {
    let (version, rest) = postcard::take_from_bytes::<u32>(bytes).map_err(|error| error.to_string())?;
    match version {
        1 => whole::<version_1::Read>(rest).map(|version_1::Read(key, record)| (key, record.into())),
        VERSION => whole::<Read>(rest).map(|Read(key, record)| (key, record)),
        _ => Err(format!("it has version {version}, and this program knows versions up to {VERSION}")),
    }
}

/// A value and nothing behind it.
fn whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|error| error.to_string())?;
    if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes too many", rest.len())) }
}

/// Records before there were purposes, several forms and subjects.
mod version_1 {
    use super::*;

    #[derive(Deserialize)]
    pub struct Read(pub Key, pub Old);

    #[derive(Deserialize)]
    pub struct Old {
        form: String,
        evaluations: Vec<OldEvaluation>,
    }

    #[derive(Deserialize)]
    struct OldEvaluation {
        verdict: Verdict,
        seed: u64,
        seconds: f64,
        steps: u64,
        study: String,
        trial: u64,
        provenance: String,
    }

    impl From<Old> for Record {
        fn from(old: Old) -> Self {
            let evaluations = old.evaluations.into_iter().map(Evaluation::from).collect();
            Self { subject: None, form: old.form, evaluations }
        }
    }

    impl From<OldEvaluation> for Evaluation {
        fn from(old: OldEvaluation) -> Self {
            let OldEvaluation { verdict, seed, seconds, steps, study, trial, provenance } = old;
            let purpose = Purpose::Search;
            Self { verdict, purpose, form: None, seed, seconds, steps, study, trial, provenance }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Subject;
    use crate::conformance::{sample_key, sample_record};

    #[test]
    fn a_record_survives_its_bytes() {
        for n in 0..20 {
            let (key, record) = (sample_key(n), sample_record(n));
            let bytes = encode(&key, &record).unwrap();
            let (read_key, read) = decode(&bytes).unwrap();
            assert_eq!((read_key, &read), (key, &record));
            assert_eq!(encode(&read_key, &read).unwrap(), bytes);
        }
    }

    /// The example of `docs/journal.md`.
    #[test]
    fn the_bytes_of_version_2_never_change() {
        let evaluation = Evaluation {
            verdict: Verdict::Scored(tasks::Scores([("accuracy".to_string(), 0.5)].into())),
            purpose: Purpose::Audit,
            form: Some("[2]".into()),
            seed: 300,
            seconds: 1.5,
            steps: 7,
            study: "s".into(),
            trial: 12,
            provenance: "p".into(),
        };
        let invalid = Evaluation {
            verdict: Verdict::Invalid(tasks::Reason::NotFinite { step: 3 }),
            purpose: Purpose::Search,
            form: None,
            ..evaluation.clone()
        };
        let subject = Subject { space: "toy".into(), scheme: "v2".into(), fidelity: hashing::Fidelity(20) };
        let record =
            Record { subject: Some(subject), form: "[1]".into(), evaluations: vec![evaluation, invalid] };
        let key = Key(hashing::Digest([0xab; 32]));
        let bytes = encode(&key, &record).unwrap();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let record_head = format!("02 {} 01 03746f79 027632 14 035b315d 02", "ab".repeat(32));
        let scored = "00 01 086163637572616379 000000000000e03f 01 01 035b325d";
        let not_finite = "01 00 03 00 00";
        let rest = "ac02 000000000000f83f 07 0173 0c 0170";
        let told = [&record_head, scored, rest, not_finite, rest].concat().replace(' ', "");
        assert_eq!(hex(&bytes), told);
        assert_eq!(decode(&bytes).unwrap(), (key, record));
    }

    #[test]
    fn kinds_keep_their_numbers() {
        use tasks::Reason::*;
        let what = String::new;
        let reasons = [
            NotFinite { step: 0 },
            IgnoresInput,
            Malformed { what: what() },
            TooLarge { what: what(), value: 0, limit: 0 },
            Unstable { cause: what(), limit: None },
            NotInTable,
            Rejected { why: what() },
        ];
        for (number, reason) in (0u8..).zip(reasons) {
            assert_eq!(postcard::to_stdvec(&Verdict::Invalid(reason)).unwrap()[..2], [1, number]);
        }
        for (number, purpose) in (0u8..).zip([Purpose::Search, Purpose::Audit, Purpose::Late]) {
            assert_eq!(postcard::to_stdvec(&purpose).unwrap(), [number]);
        }
    }

    #[test]
    fn shortened_lengthened_and_foreign_bytes_are_refused_in_words() {
        let bytes = encode(&sample_key(1), &sample_record(1)).unwrap();
        assert!((0..bytes.len()).all(|end| decode(&bytes[..end]).is_err()));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode(&longer).unwrap_err(), "1 bytes too many");
        let newer = [&[9], &bytes[1..]].concat();
        assert_eq!(decode(&newer).unwrap_err(), "it has version 9, and this program knows versions up to 2");
    }

    #[test]
    fn any_bytes_decode_or_are_refused_without_panic() {
        let mut rng = hashing::Rng::named(1, "codec", 0);
        for _ in 0..20_000 {
            let mut bytes = encode(&sample_key(3), &sample_record(3)).unwrap();
            for _ in 0..4 {
                let at = (rng.next_u64() % bytes.len() as u64) as usize;
                bytes[at] = rng.next_u64() as u8;
            }
            let _ = decode(&bytes);
        }
    }
}
