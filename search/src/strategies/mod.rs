//! The strategies, one file each. A new one is a file here and a line in [`all`], and is at once under the laws of
//! [`conformance`](crate::conformance).

mod breeding;
mod evolution;
mod local;
mod map_elites;
mod nsga2;
mod random;
mod redrawing;

pub use evolution::RegularizedEvolution;
pub use local::LocalSearch;
pub use map_elites::MapElites;
pub use nsga2::Nsga2;
pub use random::RandomSearch;
pub use redrawing::Redrawing;

use spaces::Space;

use crate::Tradeoff;
use crate::strategy::Listed;

/// Every strategy, the default first.
pub fn all<S: Space + 'static>() -> Vec<Listed<S>> {
    vec![
        Listed {
            name: "evolution",
            summary: "regularized evolution: the oldest dies (Real et al. 2018, arXiv 1802.01548)",
            options: &["population", "tournament", "crossover"],
            make: |objective, options| {
                Box::new(RegularizedEvolution::<S>::new(objective.clone()).with_options(options.clone()))
            },
        },
        Listed {
            name: "random",
            summary: "independent samples: the baseline that any other must beat",
            options: &[],
            make: |_, _| Box::new(RandomSearch),
        },
        Listed {
            name: "local",
            summary: "hill climbing: the first better neighbor is climbed to, with restarts",
            options: &["patience"],
            make: |objective, options| {
                Box::new(LocalSearch::<S>::new(objective.clone()).with_options(options.clone()))
            },
        },
        Listed {
            name: "nsga2",
            summary: "several goals: the front that nothing dominates (Deb et al. 2002)",
            options: &["population", "crossover", "against"],
            make: |objective, options| {
                let tradeoff = Tradeoff::of(objective, &options.against);
                Box::new(Nsga2::<S>::new(tradeoff).with_options(options.clone()))
            },
        },
        Listed {
            name: "map-elites",
            summary: "the best of every size and kind of block (Mouret and Clune 2015, arXiv 1504.04909)",
            options: &["population", "crossover"],
            make: |objective, options| {
                Box::new(MapElites::<S>::new(objective.clone()).with_options(options.clone()))
            },
        },
    ]
}
