//! The strategies, one file each. A new one is a file here and a line in [`all`].

mod breeding;
mod evolution;
mod random;

pub use evolution::RegularizedEvolution;
pub use random::RandomSearch;

use spaces::Space;

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
    ]
}
