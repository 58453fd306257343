//! Prices.

use serde::Deserialize;
use sqlx::{FromRow, Row, any::AnyRow};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Price, Store, StoreError, within, words::clean};

/// What of a price can be set.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceSettings {
    /// What.
    pub service: String,
    /// How much, in hundredths of the currency.
    pub amount_cents: i64,
    /// ISO 4217.
    pub currency: String,
    /// For the model to tell.
    #[serde(default)]
    pub description: Option<String>,
}

impl Store {
    /// The price with this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn price(&self, id: &str) -> Result<Option<Price>, StoreError> {
        within(async {
            let price = sqlx::query_as(
                "SELECT id, service, amount_cents, currency, description FROM prices WHERE id = $1",
            );
            Ok(price.bind(clean(id)).fetch_optional(&self.pool).await?)
        })
        .await
    }

    /// Prices by service, at most 500.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn prices(&self) -> Result<Vec<Price>, StoreError> {
        within(async {
            let prices = sqlx::query_as(
                "SELECT id, service, amount_cents, currency, description FROM prices \
                 ORDER BY service, id LIMIT $1",
            );
            Ok(prices.bind(MAX_PRICES).fetch_all(&self.pool).await?)
        })
        .await
    }

    /// Sets the price with this id, which is a new one if there is none; `None` makes up an id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_price(
        &self,
        id: Option<&str>,
        price: &PriceSettings,
    ) -> Result<Price, StoreError> {
        let price = Price {
            id: id.map_or_else(|| Uuid::now_v7().to_string(), clean),
            service: clean(&price.service),
            amount_cents: price.amount_cents,
            currency: clean(&price.currency),
            description: price.description.as_deref().map(clean),
        };
        within(async {
            let put = sqlx::query(
                "INSERT INTO prices (id, service, amount_cents, currency, description) \
                 VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (id) DO UPDATE SET service = excluded.service, \
                 amount_cents = excluded.amount_cents, currency = excluded.currency, \
                 description = excluded.description",
            );
            let put = put
                .bind(&price.id)
                .bind(&price.service)
                .bind(price.amount_cents)
                .bind(&price.currency)
                .bind(&price.description);
            Ok(put.execute(&self.pool).await?)
        })
        .await?;
        Ok(price)
    }

    /// Deletes the price with this id; `false` if there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_price(&self, id: &str) -> Result<bool, StoreError> {
        let deleted = within(async {
            let delete = sqlx::query("DELETE FROM prices WHERE id = $1");
            Ok(delete.bind(clean(id)).execute(&self.pool).await?)
        });
        Ok(deleted.await?.rows_affected() > 0)
    }
}

impl FromRow<'_, AnyRow> for Price {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            service: row.try_get("service")?,
            amount_cents: row.try_get("amount_cents")?,
            currency: row.try_get("currency")?,
            description: row.try_get("description")?,
        })
    }
}

/// More than a list that is read out; bounds memory.
const MAX_PRICES: i64 = 500;
