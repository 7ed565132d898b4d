//! Look up: how a proposal is answered.

use hashing::Key;
use spaces::Space;
use tasks::Reason;

use super::{Identified, Study};
use crate::Origin;
use crate::evaluation::form;
use crate::known::{Finding, Lookup, Recalled};
use crate::trial::Miss;

impl<S: Space + 'static> Study<S> {
    /// Decided by the trials of this study and by what the store knew before it, never by what has finished by now.
    pub(super) fn look_up(&mut self, identified: &Identified<S::Candidate>) -> Lookup {
        let Identified { number, key, .. } = *identified;
        let payers = self.payers.get(&key).filter(|_| self.plan.reuse).map_or(&[][..], Vec::as_slice);
        let payer = payers.last().copied();
        if payer.is_some_and(|payer| number - payer < self.plan.window) {
            return Lookup::answered(Origin::Shared, payer, Vec::new());
        }
        let own: Vec<_> = payers.iter().map(|payer| Finding::by(&self.trials[*payer as usize])).collect();
        if self.plan.origin(&own, number) == Origin::FullHit {
            return Lookup::answered(Origin::FullHit, payer, own);
        }
        let seeds: Vec<_> = payers.iter().map(|payer| self.trials[*payer as usize].seed).collect();
        let mut recalled = self.recall(&key, number);
        if let Some(Reason::TooLarge { .. }) = identified.ruled_out {
            // Elsewhere this form may have been trained.
            recalled.others.clear();
        }
        let seed = if self.plan.reuse { recalled.fresh_seed(&identified.full, &seeds) } else { 0 };
        let known = [recalled.others, own].concat();
        let origin = match self.plan.origin(&known, number) {
            Origin::FullHit => {
                let form_is_recorded = recalled.forms.contains(&form(&identified.canonical));
                return Lookup { form_is_recorded, ..Lookup::answered(Origin::FullHit, payer, known) };
            }
            Origin::Miss(Miss::Unseen) if recalled.unreadable => Origin::Miss(Miss::Unreadable),
            origin => origin,
        };
        Lookup { origin, payer: None, known, seed, form_is_recorded: false, found: recalled.own }
    }

    /// What the store knows of a key that trial `number` asks for.
    fn recall(&mut self, key: &Key, number: u64) -> Recalled {
        match self.store.get(key) {
            Ok(record) => record.map_or_else(Recalled::default, |it| Recalled::of(&it, &self.plan, number)),
            Err(error) => {
                let message = format!("the cache cannot answer: {error}; the search goes on and evaluates");
                self.observer.noticed(&message);
                Recalled::unreadable()
            }
        }
    }
}
