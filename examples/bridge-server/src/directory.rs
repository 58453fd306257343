//! Who answers which number, in memory: a call is let in without asking the database, even while it is down.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    agent::{Agent, PhoneNumber},
    store::{Store, StoreError},
};

/// The agents and their numbers, as they were a moment ago.
#[derive(Default)]
pub(crate) struct Directory {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    version: Option<i64>,
    by_number: HashMap<String, (bool, Arc<Agent>)>,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lookup {
    Agent(Arc<Agent>),
    /// The number, or its agent, is switched off.
    Disabled(Arc<Agent>),
    Unknown,
}

impl Directory {
    /// Brings it up to date, if anything has changed.
    pub(crate) async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        // Asked first: what changes meanwhile is noticed the next time.
        let version = store.agents_version().await?;
        if self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .version
            == Some(version)
        {
            return Ok(());
        }
        let agents = store.agents().await?;
        let numbers = store.numbers().await?;
        let known = Known {
            version: Some(version),
            by_number: by_number(agents, numbers),
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    pub(crate) fn lookup(&self, number: &str) -> Lookup {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match known.by_number.get(number) {
            Some((true, agent)) => Lookup::Agent(Arc::clone(agent)),
            Some((false, agent)) => Lookup::Disabled(Arc::clone(agent)),
            None => Lookup::Unknown,
        }
    }

    /// How many numbers are known.
    pub(crate) fn len(&self) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.by_number.len()
    }
}

fn by_number(agents: Vec<Agent>, numbers: Vec<PhoneNumber>) -> HashMap<String, (bool, Arc<Agent>)> {
    let agents: HashMap<String, Arc<Agent>> = agents
        .into_iter()
        .map(|agent| (agent.id.clone(), Arc::new(agent)))
        .collect();
    let found = numbers.into_iter().filter_map(|number| {
        let agent = agents.get(&number.agent_id)?;
        let is_enabled = number.enabled && agent.settings.enabled;
        Some((number.number, (is_enabled, Arc::clone(agent))))
    });
    found.collect()
}
