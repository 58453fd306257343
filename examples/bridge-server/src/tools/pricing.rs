//! `get_pricing`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tools, answer::Answer, arguments::filled, schedule::broken};
use crate::store::Price;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GetPricing {
    query: Option<String>,
}

impl Tools {
    pub(super) async fn get_pricing(&self, arguments: GetPricing) -> Result<Answer, Answer> {
        let prices = self.store.prices().await.map_err(broken)?;
        if prices.is_empty() {
            return Ok(Answer::Json(json!({
                "prices": [],
                "message": "There is no price list. Say that you cannot name prices.",
            })));
        }
        let Some(query) = filled(arguments.query) else {
            return Ok(Answer::Json(list(prices.iter())));
        };
        let found = best(&prices, &query);
        if found.is_empty() {
            let services: Vec<&str> = prices
                .iter()
                .take(MAX_PRICES)
                .map(|price| &*price.service)
                .collect();
            return Ok(Answer::Json(json!({
                "prices": [],
                "message": "No price fits these words. `services` are those that have one.",
                "services": services,
            })));
        }
        Ok(Answer::Json(list(found.into_iter())))
    }
}

/// The prices with most of the words of `query`; in Rust, since SQLite's own lower case ends with ASCII.
fn best<'a>(prices: &'a [Price], query: &str) -> Vec<&'a Price> {
    let query = query.to_lowercase();
    let words: Vec<&str> = query
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let scores: Vec<usize> = prices
        .iter()
        .map(|price| {
            let description = price.description.as_deref().unwrap_or_default();
            let text = format!("{} {description}", price.service).to_lowercase();
            words.iter().filter(|word| text.contains(**word)).count()
        })
        .collect();
    let best = scores.iter().copied().max().unwrap_or_default();
    prices
        .iter()
        .zip(scores)
        .filter(|&(_, score)| score > 0 && score == best)
        .map(|(price, _)| price)
        .collect()
}

fn list<'a>(prices: impl ExactSizeIterator<Item = &'a Price>) -> Value {
    let more = prices.len() > MAX_PRICES;
    let prices: Vec<Value> = prices.take(MAX_PRICES).map(item).collect();
    if more {
        json!({ "prices": prices, "message": "There are more; ask for one by its words." })
    } else {
        json!({ "prices": prices })
    }
}

fn item(price: &Price) -> Value {
    let (whole, cents) = (price.amount_cents / 100, price.amount_cents % 100);
    let sign = if price.amount_cents < 0 { "-" } else { "" };
    let mut item = json!({
        "service": price.service,
        "price": format!("{sign}{}.{:02} {}", whole.abs(), cents.abs(), price.currency),
    });
    if let Some(description) = &price.description {
        item["description"] = description.as_str().into();
    }
    item
}

/// As many as anybody would have read out.
const MAX_PRICES: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn price(service: &str, amount_cents: i64, description: Option<&str>) -> Price {
        Price {
            id: service.to_owned(),
            service: service.to_owned(),
            amount_cents,
            currency: "EUR".to_owned(),
            description: description.map(str::to_owned),
        }
    }

    #[test]
    fn words_find_what_has_most_of_them() {
        let prices = [
            price("Blood test", 4_500, Some("Standard panel")),
            price("Skin test", 2_000, None),
            price("Überweisung", 500, Some("blood group included")),
        ];
        let found = |query| -> Vec<&str> {
            let found = best(&prices, query);
            found.iter().map(|price| &*price.service).collect()
        };
        assert_eq!(found("blood test"), ["Blood test"]);
        assert_eq!(found("TEST"), ["Blood test", "Skin test"]);
        assert_eq!(found("überweisung!"), ["Überweisung"]);
        assert_eq!(found("x-ray"), [""; 0]);
        assert_eq!(found("?"), [""; 0]);
    }

    #[test]
    fn amounts_are_told_with_their_hundredths() {
        for (cents, text) in [
            (4_505, "45.05 EUR"),
            (0, "0.00 EUR"),
            (-50, "-0.50 EUR"),
            (i64::MIN, "-92233720368547758.08 EUR"),
        ] {
            assert_eq!(item(&price("x", cents, None))["price"], text);
        }
    }
}
