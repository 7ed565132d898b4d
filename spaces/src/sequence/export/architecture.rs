//! `architecture.json`: a genome, the shape of its task and the names of the classes, or how it points.

use serde::{Deserialize, Serialize};

use crate::sequence::{Genome, Network, Pointer, Shape};

/// Of channels and of classes; data files have no more.
const MOST: usize = 1 << 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Architecture {
    genome: Genome,
    channels: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    classes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pointer: Option<Pointer>,
}

/// Indented, with a line feed at the end. [`read_architecture`] reads it.
pub fn architecture_json(network: &Network, classes: &[String]) -> String {
    assert_eq!(classes.len(), network.shape.classes, "one name a class");
    let architecture = Architecture {
        genome: network.genome.clone(),
        channels: network.shape.channels,
        classes: classes.to_vec(),
        pointer: network.pointer,
    };
    serde_json::to_string_pretty(&architecture).expect("plain data can be written as JSON") + "\n"
}

/// The network and the names of its classes. An error says what does not fit.
pub fn read_architecture(json: &str) -> Result<(Network, Vec<String>), String> {
    let Architecture { genome, channels, classes, pointer } =
        serde_json::from_str(json).map_err(|error| format!("architecture unreadable: {error}"))?;
    if channels == 0 || classes.is_empty() && pointer.is_none() {
        return Err("architecture unreadable: no channels or no classes".into());
    }
    if channels.max(classes.len()) > MOST {
        return Err(format!("architecture unreadable: more than {MOST} channels or classes"));
    }
    if let Some(pointer) = pointer {
        let unfit = Pointer::unfit(&genome);
        let unfit = unfit.or((!classes.is_empty()).then(|| "what points has no classes".into()));
        let network = || (Network::pointing(&genome, channels, pointer), classes);
        return unfit.map_or_else(|| Ok(network()), |what| Err(format!("architecture unreadable: {what}")));
    }
    let shape = Shape { channels, classes: classes.len() };
    Ok((Network::new(&genome, shape), classes))
}

#[cfg(test)]
mod tests {
    use hashing::Rng;

    use super::*;
    use crate::Space;
    use crate::sequence::SequenceSpace;

    #[test]
    fn what_is_written_is_read_back() {
        let genome = SequenceSpace::default().sample(&mut Rng::named(0, "architecture", 0));
        let network = Network::new(&genome, Shape { channels: 12, classes: 2 });
        let classes = ["\"quoted\"".to_string(), "ü".to_string()];
        let (read, names) = read_architecture(&architecture_json(&network, &classes)).unwrap();
        assert_eq!((read.genome, read.shape, names.as_slice()), (genome, network.shape, classes.as_slice()));
        assert_eq!(read.pointer, None);
    }

    #[test]
    fn what_points_is_read_back() {
        let genome = serde_json::from_str(r#"{"pooling": "none"}"#).unwrap();
        for pointer in [Pointer { ends: false }, Pointer { ends: true }] {
            let network = Network::pointing(&genome, 2, pointer);
            let (read, names) = read_architecture(&architecture_json(&network, &[])).unwrap();
            assert_eq!((read.shape, read.pointer, names.len()), (network.shape, Some(pointer), 0));
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (json, named) in [
            ("", "unreadable"),
            (r#"{"genome": {}, "channels": 0, "classes": ["a"]}"#, "no channels"),
            (r#"{"genome": {}, "channels": 18446744073709551615, "classes": ["a"]}"#, "more than 65536"),
            (r#"{"genome": {}, "channels": 1, "pointer": {"ends": true}}"#, "pooling mean"),
            (
                r#"{"genome": {"pooling": "none"}, "channels": 1, "classes": ["a"], "pointer": {"ends": true}}"#,
                "no classes",
            ),
            (r#"{"genome": {"pooling": "none"}, "channels": 1, "pointer": {}}"#, "ends"),
            (r#"{"genome": {"width": 12}, "channels": 1, "classes": ["a"]}"#, "width 12"),
        ] {
            let error = read_architecture(json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }
}
