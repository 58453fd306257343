//! Agents, and the numbers they answer.

use sqlx::{Any, Row, Transaction, any::AnyRow};
use uuid::Uuid;

use super::{Backend, Store, StoreError, events, within, words::clean};
use crate::{
    agent::{Agent, AgentSettings, PhoneNumber},
    time::UnixMs,
};

impl Store {
    /// All agents, by name.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        within(async {
            let rows = sqlx::query(
                "SELECT id, settings, created_ms, updated_ms FROM agents ORDER BY name, id",
            )
            .fetch_all(&self.pool)
            .await?;
            Ok(rows.iter().map(agent).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One agent.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn agent(&self, id: &str) -> Result<Option<Agent>, StoreError> {
        within(async {
            let row = sqlx::query(
                "SELECT id, settings, created_ms, updated_ms FROM agents WHERE id = $1",
            )
            .bind(clean(id))
            .fetch_optional(&self.pool)
            .await?;
            Ok(row.as_ref().map(agent).transpose()?)
        })
        .await
    }

    /// Makes an agent.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn create_agent(&self, settings: AgentSettings) -> Result<Agent, StoreError> {
        let now = UnixMs::now();
        let agent = Agent {
            id: Uuid::now_v7().to_string(),
            settings,
            created_at: now,
            updated_at: now,
        };
        within(async {
            let mut tx = self.begin().await?;
            sqlx::query(
                "INSERT INTO agents (id, name, settings, created_ms, updated_ms) \
                 VALUES ($1, $2, $3, $4, $4)",
            )
            .bind(&agent.id)
            .bind(clean(&agent.settings.name))
            .bind(to_json(&agent.settings)?)
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
            self.commit_change(tx).await
        })
        .await?;
        Ok(agent)
    }

    /// Changes an agent; `None` if there is no such agent.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn update_agent(
        &self,
        id: &str,
        settings: AgentSettings,
    ) -> Result<Option<Agent>, StoreError> {
        within(async {
            let mut tx = self.begin().await?;
            let row = sqlx::query(
                "UPDATE agents SET name = $2, settings = $3, updated_ms = $4 WHERE id = $1 \
                 RETURNING id, settings, created_ms, updated_ms",
            )
            .bind(clean(id))
            .bind(clean(&settings.name))
            .bind(to_json(&settings)?)
            .bind(UnixMs::now().0)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(row) = row else {
                return Ok(None);
            };
            let agent = agent(&row)?;
            self.commit_change(tx).await?;
            Ok(Some(agent))
        })
        .await
    }

    /// Deletes an agent; `false` if there is no such agent. Calls that it answered stay.
    ///
    /// # Errors
    /// [`StoreError::AgentInUse`] if it answers numbers; when the database is away.
    pub async fn delete_agent(&self, id: &str) -> Result<bool, StoreError> {
        let id = clean(id);
        let deleted = within(async {
            let mut tx = self.begin().await?;
            let deleted = sqlx::query("DELETE FROM agents WHERE id = $1")
                .bind(&id)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if deleted == 0 {
                return Ok(false);
            }
            self.commit_change(tx).await?;
            Ok(true)
        })
        .await;
        if is_foreign_key(&deleted) {
            // The transaction is over, so this counts what was there a moment later: 0 at worst.
            let row = sqlx::query("SELECT COUNT(*) FROM phone_numbers WHERE agent_id = $1")
                .bind(&id)
                .fetch_one(&self.pool)
                .await?;
            return Err(StoreError::AgentInUse {
                numbers: row.try_get(0)?,
            });
        }
        deleted
    }

    /// All numbers.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn numbers(&self) -> Result<Vec<PhoneNumber>, StoreError> {
        within(async {
            let rows = sqlx::query(
                "SELECT number, agent_id, label, enabled FROM phone_numbers ORDER BY number",
            )
            .fetch_all(&self.pool)
            .await?;
            Ok(rows.iter().map(number).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One number.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn number(&self, number: &str) -> Result<Option<PhoneNumber>, StoreError> {
        within(async {
            let row = sqlx::query(
                "SELECT number, agent_id, label, enabled FROM phone_numbers WHERE number = $1",
            )
            .bind(clean(number))
            .fetch_optional(&self.pool)
            .await?;
            Ok(row.as_ref().map(self::number).transpose()?)
        })
        .await
    }

    /// Adds a number, or changes it.
    ///
    /// # Errors
    /// [`StoreError::UnknownAgent`] if nobody of that id is there to answer; when the database is away.
    pub async fn put_number(&self, number: PhoneNumber) -> Result<PhoneNumber, StoreError> {
        let written = within(async {
            let mut tx = self.begin().await?;
            sqlx::query(
                "INSERT INTO phone_numbers (number, agent_id, label, enabled) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (number) DO UPDATE SET \
                 agent_id = excluded.agent_id, label = excluded.label, enabled = excluded.enabled",
            )
            .bind(clean(&number.number))
            .bind(clean(&number.agent_id))
            .bind(number.label.as_deref().map(clean))
            .bind(i64::from(number.enabled))
            .execute(&mut *tx)
            .await?;
            self.commit_change(tx).await
        })
        .await;
        if is_foreign_key(&written) {
            return Err(StoreError::UnknownAgent);
        }
        written.map(|()| number)
    }

    /// Adds a number; `None` if it is there already.
    ///
    /// # Errors
    /// As for [`put_number`](Self::put_number).
    pub async fn create_number(
        &self,
        number: PhoneNumber,
    ) -> Result<Option<PhoneNumber>, StoreError> {
        let written = within(async {
            let mut tx = self.begin().await?;
            let added = sqlx::query(
                "INSERT INTO phone_numbers (number, agent_id, label, enabled) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (number) DO NOTHING",
            )
            .bind(clean(&number.number))
            .bind(clean(&number.agent_id))
            .bind(number.label.as_deref().map(clean))
            .bind(i64::from(number.enabled))
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if added == 0 {
                return Ok(false);
            }
            self.commit_change(tx).await?;
            Ok(true)
        })
        .await;
        if is_foreign_key(&written) {
            return Err(StoreError::UnknownAgent);
        }
        Ok(written?.then_some(number))
    }

    /// Deletes a number; `false` if there is no such number.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_number(&self, number: &str) -> Result<bool, StoreError> {
        within(async {
            let mut tx = self.begin().await?;
            let deleted = sqlx::query("DELETE FROM phone_numbers WHERE number = $1")
                .bind(clean(number))
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if deleted == 0 {
                return Ok(false);
            }
            self.commit_change(tx).await?;
            Ok(true)
        })
        .await
    }

    /// A number that rises whenever an agent or a number is made, changed or deleted, by whichever server.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn agents_version(&self) -> Result<i64, StoreError> {
        within(async {
            let row = sqlx::query("SELECT version FROM versions WHERE name = 'agents'")
                .fetch_one(&self.pool)
                .await?;
            Ok(row.try_get(0)?)
        })
        .await
    }

    async fn commit_change(&self, mut tx: Transaction<'static, Any>) -> Result<(), StoreError> {
        sqlx::query("UPDATE versions SET version = version + 1 WHERE name = 'agents'")
            .execute(&mut *tx)
            .await?;
        if self.backend == Backend::Postgres {
            events::notify(&mut tx, events::AGENTS_CHANNEL).await?;
        }
        tx.commit().await?;
        self.changed.notify_one();
        Ok(())
    }
}

fn is_foreign_key<T>(result: &Result<T, StoreError>) -> bool {
    match result {
        Err(StoreError::Database(sqlx::Error::Database(error))) => error.is_foreign_key_violation(),
        _ => false,
    }
}

fn to_json(settings: &AgentSettings) -> Result<String, StoreError> {
    serde_json::to_string(settings).map_err(|error| sqlx::Error::Encode(error.into()).into())
}

fn agent(row: &AnyRow) -> Result<Agent, sqlx::Error> {
    Ok(Agent {
        id: row.try_get(0)?,
        settings: serde_json::from_str(row.try_get(1)?)
            .map_err(|error| sqlx::Error::Decode(error.into()))?,
        created_at: UnixMs(row.try_get(2)?),
        updated_at: UnixMs(row.try_get(3)?),
    })
}

fn number(row: &AnyRow) -> Result<PhoneNumber, sqlx::Error> {
    Ok(PhoneNumber {
        number: row.try_get(0)?,
        agent_id: row.try_get(1)?,
        label: row.try_get(2)?,
        enabled: row.try_get::<i64, _>(3)? != 0,
    })
}
