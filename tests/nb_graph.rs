//! NAS-Bench-Graph: how many networks the written forms are, and what their canonical form keeps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hashing::{Class, FunctionalHasher, Keyed, Rng, Scheme};
use spaces::nb_graph::{Cell, CellSpace, LINKS, NODES, Operation};
use spaces::{Enumerated, Space};

fn read(links: &str, ops: [&str; NODES]) -> Cell {
    Cell::from_written(links, ops).unwrap()
}

fn canonical(links: &str, ops: [&str; NODES]) -> Cell {
    CellSpace.canonicalize(&read(links, ops))
}

#[test]
fn the_written_forms_are_27_938_networks_by_form_and_by_function() {
    let hasher = FunctionalHasher::new(Scheme::default());
    let (mut forms, mut of_form, mut of_function) = (0, BTreeMap::new(), BTreeMap::new());
    for cell in CellSpace.all() {
        forms += 1;
        let canonical = CellSpace.canonicalize(&cell).digest("test");
        // As written: the probe must see by itself what the canonical form knows.
        let (function, class) = hasher.fingerprint(&cell).unwrap();
        assert_eq!(class, Class::Function, "{cell:?}");
        let function = function.unwrap();
        assert_eq!(*of_form.entry(canonical).or_insert(function), function, "{cell:?} is in two classes");
        assert_eq!(*of_function.entry(function).or_insert(canonical), canonical, "{cell:?} is in two forms");
    }
    assert_eq!((forms, of_form.len(), of_function.len()), (59_049, 27_938, 27_938));
}

#[test]
fn all_but_1_732_networks_keep_the_input_from_the_output() {
    let mut forms = BTreeMap::from([(false, 0), (true, 0)]);
    let mut networks: BTreeMap<bool, BTreeSet<String>> = BTreeMap::new();
    for cell in CellSpace.all() {
        *forms.get_mut(&cell.shows_the_input()).unwrap() += 1;
        let canonical = CellSpace.canonicalize(&cell);
        assert_eq!(canonical.shows_the_input(), cell.shows_the_input(), "{cell:?}");
        networks.entry(cell.shows_the_input()).or_default().insert(format!("{canonical:?}"));
    }
    assert_eq!(forms, BTreeMap::from([(false, 53_056), (true, 5_993)]));
    assert_eq!([false, true].map(|shown| networks[&shown].len()), [26_206, 1_732]);
}

#[test]
fn the_networks_of_the_table_have_its_links() {
    let mut counts: HashMap<[usize; NODES], usize> = HashMap::new();
    for cell in
        CellSpace.all().filter(|cell| !cell.shows_the_input() && CellSpace.canonicalize(cell) == *cell)
    {
        *counts.entry(cell.links()).or_default() += 1;
    }
    // Rows of the table for each of the links.
    let rows = [330, 2304, 2880, 2080, 4096, 1440, 5120, 3276, 4680];
    assert_eq!(LINKS.map(|links| counts[&links]), rows);
}

#[test]
fn canonicalizing_is_idempotent_and_stays_in_the_space() {
    let mut changed = 0;
    for cell in CellSpace.all() {
        let canonical = CellSpace.canonicalize(&cell);
        assert_eq!(CellSpace.canonicalize(&canonical), canonical, "{cell:?}");
        assert!(LINKS.contains(&canonical.links()), "{cell:?} {canonical:?}");
        changed += usize::from(canonical != cell);
    }
    assert_eq!(changed, 59_049 - 27_938, "every network is the canonical form of itself alone");
}

#[test]
fn a_skip_is_no_node_of_its_own() {
    let spelled = canonical("0123", ["skip", "skip", "gat", "fc"]);
    for (links, ops) in [
        ("0123", ["gat", "fc", "skip", "skip"]),
        ("0123", ["gat", "skip", "fc", "skip"]),
        ("0123", ["skip", "gat", "skip", "fc"]),
    ] {
        assert_eq!(canonical(links, ops), spelled, "{links} {ops:?}");
    }
    assert_eq!(
        spelled,
        read("0123", ["skip", "skip", "gat", "fc"]),
        "spare ones come first, as in the table"
    );
}

#[test]
fn a_value_goes_to_the_output_as_often_as_it_is_handed_there() {
    let times = [
        canonical("0123", ["gcn", "skip", "skip", "skip"]),
        canonical("0122", ["skip", "gcn", "skip", "skip"]),
        canonical("0111", ["gcn", "skip", "skip", "skip"]),
    ];
    assert!(times[0] != times[1] && times[1] != times[2] && times[0] != times[2]);
    assert_eq!(canonical("0122", ["gcn", "skip", "skip", "skip"]), times[1]);
}

#[test]
fn rows_are_read_and_errors_name_what_is_wrong() {
    let cell = read("0012", ["gat", "gcn", "fc", "skip"]);
    let written = serde_json::to_string(&cell).unwrap();
    assert_eq!(written, r#"{"links":"0012","ops":["gat","gcn","fc","skip"]}"#);
    assert_eq!(serde_json::from_str::<Cell>(&written).unwrap(), cell);
    assert_eq!(cell.links(), [0, 0, 1, 2]);
    assert_eq!(cell.operations(), [Operation::Gat, Operation::Gcn, Operation::Fc, Operation::Skip]);
    for (links, op, named) in [("0021", "gat", "0021"), ("12", "gat", "`12`"), ("0123", "gatt", "gatt")] {
        let error = Cell::from_written(links, ["gcn", op, "fc", "skip"]).unwrap_err();
        assert!(error.contains(named) && error.contains("known"), "{error}");
    }
    for json in [
        r#"{"links": "0012", "ops": ["gat", "gcn", "fc"]}"#,
        r#"{"links": "0012"}"#,
        r#"{"links": "0012", "ops": ["gat", "gcn", "fc", "skip"], "pool": 1}"#,
    ] {
        assert!(serde_json::from_str::<Cell>(json).is_err(), "{json}");
    }
}

#[test]
fn mutations_change_one_gene_and_reach_every_operation_and_shape() {
    let mut cell = CellSpace.sample(&mut Rng::named(0, "walk", 0));
    let (mut links, mut operations) = (BTreeSet::new(), BTreeSet::new());
    for step in 0..1000 {
        let child = CellSpace.mutate(&cell, &mut Rng::named(0, "step", step));
        let different = cell.operations().iter().zip(child.operations()).filter(|(a, b)| **a != *b).count();
        assert_eq!(usize::from(cell.links() != child.links()) + different, 1);
        links.insert(child.links());
        operations.extend(child.operations());
        cell = child;
    }
    assert_eq!((links.len(), operations.len()), (LINKS.len(), Operation::ALL.len()));
}
