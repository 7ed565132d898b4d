//! Labelled time series: the data set that candidates are trained and judged on.

use std::collections::BTreeMap;
use std::path::Path;

use hashing::{Digest, KeyWriter, Keyed};

use crate::{DataError, ts};

/// Cases of one or more channels, each with a class. Cases may differ in length; all have the same channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequences {
    /// The problem's name as the file gives it, else the file's name without its ending.
    pub name: String,
    /// Numbers per time step; at least 1.
    pub channels: usize,
    /// Class names in the order of the header; labels are indices into them.
    pub classes: Vec<String>,
    /// At least one, in the order of the file.
    pub cases: Vec<Case>,
}

/// One series and its class.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Finite numbers, time-major: `length` × channels; channel `c` at step `t` is `values[t * channels + c]`.
    pub values: Vec<f64>,
    /// Time steps; at least 1.
    pub length: usize,
    /// Index into [`Sequences::classes`].
    pub label: usize,
}

impl Sequences {
    /// Reads a `.ts` or `.ts.gz` file of a classification problem.
    ///
    /// Time stamps, missing values, regression targets and unlabelled files are not supported and are errors.
    /// Files may come from anywhere: memory grows with what is read, never with what a header announces, and a file
    /// of more than 4 GiB of text, 268 million values or 16.8 million cases, or with a line of more than 64 MiB, is an
    /// error.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        ts::read(path, None)
    }

    /// Reads a file to be judged by a model of `train`: it must have the same channels, and its classes take the
    /// indices that `train` gives their names. A case of a class that `train` does not list is an error.
    pub fn read_like(path: &Path, train: &Sequences) -> Result<Self, DataError> {
        ts::read(path, Some(train))
    }

    /// With these of its channels, in this order: what is left out is as if it had never been there. Panics if there is no
    /// such channel.
    pub fn with_channels(self, channels: &[usize]) -> Self {
        let kept = |case: Case| {
            let steps = case.values.chunks_exact(self.channels);
            let values = steps.flat_map(|step| channels.iter().map(|channel| step[*channel])).collect();
            Case { values, ..case }
        };
        let cases = self.cases.into_iter().map(kept).collect();
        Self { channels: channels.len(), cases, ..self }
    }

    /// The label of each case, in order.
    pub fn labels(&self) -> Vec<usize> {
        self.cases.iter().map(|case| case.label).collect()
    }

    /// Time steps of the longest case; 0 without cases.
    pub fn longest(&self) -> usize {
        self.cases.iter().map(|case| case.length).max().unwrap_or(0)
    }

    /// Identifies the content: channels, class names in order, and each case's label and values in order. The name
    /// of the problem, of the file, its comments and its compression do not count.
    pub fn fingerprint(&self) -> Digest {
        self.digest("fecund sequences v1")
    }

    /// Index of each class by name.
    pub(crate) fn class_indices(&self) -> BTreeMap<&str, usize> {
        self.classes.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect()
    }
}

impl Keyed for Sequences {
    fn write_key(&self, out: &mut KeyWriter) {
        out.u64(self.channels as u64);
        out.list(&self.classes, |out, class| out.text(class));
        out.list(&self.cases, |out, case| {
            out.u64(case.label as u64);
            out.u64(case.length as u64);
            out.list(&case.values, |out, value| out.f64(*value));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;

    const SMALL: &str = "# two channels\n@problemName Small\n@univariate false\n@classLabel true a b\n@data\n\
                         1,2,3:4,5,6:a\n7,8:9,10:b\n";

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        if name.ends_with(".gz") {
            let file = fs::File::create(&path).unwrap();
            let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap();
        } else {
            fs::write(&path, text).unwrap();
        }
        path
    }

    fn read(text: &str) -> Sequences {
        let folder = tempfile::tempdir().unwrap();
        Sequences::read(&write(folder.path(), "x.ts", text)).unwrap()
    }

    #[test]
    fn values_are_time_major_and_lengths_may_differ() {
        let data = read(SMALL);
        assert_eq!((data.name.as_str(), data.channels, data.longest()), ("Small", 2, 3));
        assert_eq!(data.labels(), [0, 1]);
        assert_eq!(data.cases[0], Case { values: vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0], length: 3, label: 0 });
        assert_eq!(data.cases[1], Case { values: vec![7.0, 9.0, 8.0, 10.0], length: 2, label: 1 });
    }

    #[test]
    fn a_channel_that_is_left_out_is_one_that_is_not_there() {
        let absent = SMALL.replace("1,2,3:4,5,6:a", "4,5,6:a").replace("7,8:9,10:b", "9,10:b");
        let absent = read(&absent.replace("@univariate false", "@univariate true"));
        let kept = read(SMALL).with_channels(&[1]);
        assert_eq!((kept.channels, &kept.cases[1].values), (1, &vec![9.0, 10.0]));
        assert_eq!(kept.fingerprint(), absent.fingerprint());
        assert_eq!(read(SMALL).with_channels(&[0, 1]).fingerprint(), read(SMALL).fingerprint());
    }

    #[test]
    fn a_nameless_problem_takes_the_name_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "Some_TRAIN.ts.gz", "@classLabel true a\n@data\n1:a\n");
        assert_eq!(Sequences::read(&path).unwrap().name, "Some_TRAIN");
    }

    #[test]
    fn the_fingerprint_is_of_the_content_alone() {
        let folder = tempfile::tempdir().unwrap();
        let zipped =
            Sequences::read(&write(folder.path(), "y.ts.gz", &SMALL.replace("Small", "Other"))).unwrap();
        let small = read(SMALL);
        assert_ne!(small.name, zipped.name);
        assert_eq!(small.fingerprint(), zipped.fingerprint());
        for (from, to) in
            [("10:b", "11:b"), ("10:b", "10:a"), ("true a b", "true b a"), ("true a b", "true a b c")]
        {
            assert_ne!(small.fingerprint(), read(&SMALL.replace(from, to)).fingerprint(), "{from} {to}");
        }
    }

    #[test]
    fn the_fingerprint_is_pinned() {
        let digest = read(SMALL).fingerprint().to_string();
        assert_eq!(digest, PINNED, "the encoding drifted: give it a new version, not a new expectation");
    }
    const PINNED: &str = "1ebb4f4b8a01a0342b4b1d76156bf1f8cadcb3089b33cd0e01f8c6c6dfd4c55e";

    #[test]
    fn test_labels_take_the_numbers_of_the_training_classes() {
        let (train, folder) = (read(SMALL), tempfile::tempdir().unwrap());
        let like = |text: &str| Sequences::read_like(&write(folder.path(), "t.ts", text), &train);
        let test = like("@classLabel true c b a\n@data\n1:2:b\n3:4:a\n").unwrap();
        assert_eq!((test.labels(), test.classes), (vec![1, 0], train.classes.clone()));
        let error = like("@classLabel true c b a\n@data\n1:2:b\n3:4:c\n").unwrap_err().to_string();
        assert!(error.contains("t.ts:4:5: class `c`") && error.contains("training"), "{error}");
        let error = like("@classLabel true a b\n@data\n1:b\n").unwrap_err().to_string();
        assert!(error.contains("t.ts:3: 1 dimension where the training file has 2"), "{error}");
    }

    #[test]
    fn files_that_cannot_be_opened_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| Sequences::read(path).unwrap_err().to_string();
        let missing = folder.path().join("no.ts");
        assert_eq!(
            error(&missing),
            format!("{}: no such file; check the path and its permissions", missing.display())
        );
        assert!(
            error(&write(folder.path(), "x.csv", ""))
                .contains("x.csv: not a .ts file; give a file that ends")
        );
        let inner = folder.path().join("folder.ts");
        fs::create_dir(&inner).unwrap();
        assert!(error(&inner).contains("folder.ts: is a folder, not a file"), "{}", error(&inner));
    }

    #[test]
    fn a_damaged_gzip_stream_is_an_error_wherever_it_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "x.ts.gz", SMALL);
        let whole = fs::read(&path).unwrap();
        for length in 1..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let error = Sequences::read(&path).unwrap_err();
            assert!(matches!(error, DataError::Damaged { .. }), "{length}: {error}");
        }
        fs::write(&path, SMALL).unwrap();
        assert!(Sequences::read(&path).unwrap_err().to_string().contains("x.ts.gz:1: gzip stream"));
    }
}
