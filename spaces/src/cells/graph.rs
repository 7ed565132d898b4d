//! What is known of a graph of operations without running it: which vertices matter, and one order to write them in.

use hashing::Mark;
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed, Walker};

/// Vertices on a way from `source` to `sink`.
pub(crate) fn live<N, E>(graph: &DiGraph<N, E>, source: NodeIndex, sink: NodeIndex) -> Vec<bool> {
    let mut fed = vec![false; graph.node_count()];
    Dfs::new(graph, source).iter(graph).for_each(|vertex| fed[vertex.index()] = true);
    let mut live = vec![false; graph.node_count()];
    let back = Reversed(graph);
    Dfs::new(back, sink).iter(back).for_each(|vertex| live[vertex.index()] = fed[vertex.index()]);
    live
}

/// A topological order of the vertices that depends on labels and wiring alone, not on how the graph is numbered:
/// color refinement, and where colors leave a choice, the choice that gives the smallest adjacency list
/// (individualization and refinement; exact, meant for a dozen vertices). Labels are the weights.
pub(crate) fn canonical_order<E>(graph: &DiGraph<u64, E>) -> Vec<NodeIndex> {
    let depths = depths(graph);
    let start: Vec<Color> =
        graph.node_indices().map(|v| (depths[v.index()], Mark::default().then(graph[v]))).collect();
    let mut best = None;
    explore(graph, refined(graph, start), &mut best);
    best.expect("every branch ends in an order").1
}

/// Depth first: an order by color is topological.
type Color = (usize, Mark);
type Code = Vec<(u64, Vec<usize>)>;

fn explore<E>(graph: &DiGraph<u64, E>, colors: Vec<Color>, best: &mut Option<(Code, Vec<NodeIndex>)>) {
    let mut order: Vec<NodeIndex> = graph.node_indices().collect();
    order.sort_by_key(|v| colors[v.index()]);
    let tie = order.windows(2).find(|pair| colors[pair[0].index()] == colors[pair[1].index()]);
    let Some(color) = tie.map(|pair| colors[pair[0].index()]) else {
        let code = code(graph, &order);
        if best.as_ref().is_none_or(|(smallest, _)| code < *smallest) {
            *best = Some((code, order));
        }
        return;
    };
    for vertex in order.into_iter().filter(|v| colors[v.index()] == color) {
        let mut colors = colors.clone();
        colors[vertex.index()].1 = color.1.then_text("chosen");
        explore(graph, refined(graph, colors), best);
    }
}

/// Colors that know the colors of all neighbors, until no color class splits any more.
fn refined<E>(graph: &DiGraph<u64, E>, mut colors: Vec<Color>) -> Vec<Color> {
    let classes = |colors: &[Color]| {
        let mut sorted = colors.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.len()
    };
    let mut count = classes(&colors);
    while count < colors.len() {
        let next: Vec<Color> = graph
            .node_indices()
            .map(|v| {
                let around = [Incoming, Outgoing].into_iter().fold(colors[v.index()].1, |mark, direction| {
                    let mut marks: Vec<Mark> =
                        graph.neighbors_directed(v, direction).map(|n| colors[n.index()].1).collect();
                    marks.sort_unstable();
                    marks.iter().fold(mark.then(marks.len() as u64), |mark, m| mark.then(m.0))
                });
                (colors[v.index()].0, around)
            })
            .collect();
        let finer = classes(&next);
        colors = next;
        if finer == count {
            break;
        }
        count = finer;
    }
    colors
}

/// Labels and sources of every vertex, in this order.
fn code<E>(graph: &DiGraph<u64, E>, order: &[NodeIndex]) -> Code {
    let mut position = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, v)| position[v.index()] = place);
    let row = |v: &NodeIndex| {
        let mut sources: Vec<usize> =
            graph.neighbors_directed(*v, Incoming).map(|n| position[n.index()]).collect();
        sources.sort_unstable();
        (graph[*v], sources)
    };
    order.iter().map(row).collect()
}

/// Edges of the longest way to each vertex.
fn depths<E>(graph: &DiGraph<u64, E>) -> Vec<usize> {
    let order = petgraph::algo::toposort(graph, None).expect("a graph of operations has no cycle");
    let mut depths = vec![0; graph.node_count()];
    for vertex in order {
        let sources = graph.neighbors_directed(vertex, Incoming);
        depths[vertex.index()] = sources.map(|source| depths[source.index()] + 1).max().unwrap_or(0);
    }
    depths
}
