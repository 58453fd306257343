//! The model's functions on the database, and the outcomes that concern the call.

#[path = "common/office.rs"]
mod office;
#[path = "common/postgres.rs"]
mod postgres;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};
use office::{admission, answer, built_in, call, failure, settings, success};
use postgres::{Postgres, databases, sqlite};
use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};
use trunkline_bridge_server::{
    admission::Admission,
    agent::Tool,
    store::{NewSlot, PriceSettings, SlotFilter, Store},
    time::UnixMs,
    tools::{Limits, Outcome, Settings, Tools},
};

/// A moment `days` from the day the tests began, at `hour` in Berlin.
fn at(days: i64, hour: i8) -> Zoned {
    static TODAY: LazyLock<Zoned> =
        LazyLock::new(|| Timestamp::now().to_zoned(TimeZone::get("Europe/Berlin").unwrap()));
    let today = &*TODAY;
    let date = today.date().checked_add(days.days()).unwrap();
    date.at(hour, 0, 0, 0)
        .to_zoned(today.time_zone().clone())
        .unwrap()
}

async fn slot(store: &Store, begin: &Zoned) -> String {
    let begin = begin.timestamp().as_millisecond();
    let slot = NewSlot {
        starts_at: UnixMs(begin),
        ends_at: UnixMs(begin + 1_800_000),
        resource: Some("Dr. Lind".to_owned()),
    };
    store.create_slot(&slot).await.unwrap().id
}

async fn run(tools: &Tools, admission: &Admission, name: &str, arguments: Value) -> Outcome {
    tools
        .run(admission, "call_1", name, &arguments.to_string())
        .await
}

fn ids(slots: &Value) -> Vec<&str> {
    let slots = slots.as_array().expect("a list");
    slots
        .iter()
        .map(|slot| slot["slot_id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn free_appointments_are_found_by_day_weekday_and_time_of_day() {
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        let tools = office::office(&store).await;
        let call = admission(built_in());
        let past = slot(&store, &at(-1, 9)).await;
        let morning = slot(&store, &at(3, 9)).await;
        let afternoon = slot(&store, &at(3, 15)).await;
        let evening = slot(&store, &at(4, 18)).await;
        // Midnight belongs to the day that it begins, wherever that is in UTC.
        let midnight = slot(&store, &at(6, 0)).await;
        let taken = slot(&store, &at(3, 10)).await;
        let booked = json!({ "slot_id": taken, "name": "Ada" });
        success(run(&tools, &call, "book_slot", booked).await);

        let day = |days| at(days, 12).date().to_string();
        let weekday = |days| {
            let day = at(days, 12).weekday();
            let name = day.to_monday_zero_offset() as usize;
            [
                "Monday",
                "tuesday",
                "WEDNESDAY",
                "thursday",
                "friday",
                "saturday",
                " sunday ",
            ][name]
        };
        for (arguments, expected) in [
            (json!({}), vec![&morning, &afternoon, &evening]),
            (
                json!({ "limit": 10 }),
                vec![&morning, &afternoon, &evening, &midnight],
            ),
            (
                json!({ "limit": 99 }),
                vec![&morning, &afternoon, &evening, &midnight],
            ),
            (json!({ "limit": 1 }), vec![&morning]),
            (json!({ "date": day(3) }), vec![&morning, &afternoon]),
            (json!({ "date": day(6) }), vec![&midnight]),
            (
                json!({ "date": day(3), "period": "afternoon" }),
                vec![&afternoon],
            ),
            (json!({ "weekday": weekday(4) }), vec![&evening]),
            (
                json!({ "weekday": weekday(3), "period": "Morning" }),
                vec![&morning],
            ),
            (json!({ "period": "evening" }), vec![&evening]),
            (
                json!({ "date": "", "weekday": null, "period": " " }),
                vec![&morning, &afternoon, &evening],
            ),
        ] {
            let answer = success(run(&tools, &call, "get_slots", arguments.clone()).await);
            assert_eq!(
                ids(&answer["slots"]),
                expected,
                "{}: {arguments}",
                database.name
            );
            assert_eq!(
                answer["now"].as_str().unwrap(),
                at_now(&answer),
                "{arguments}"
            );
        }
        let answer = success(run(&tools, &call, "get_slots", json!({ "limit": 1 })).await);
        assert!(answer["message"].is_string(), "there are more");
        let found = &answer["slots"][0];
        assert_eq!(
            (&found["starts"], &found["ends"]),
            (&json!("09:00"), &json!("09:30"))
        );
        assert_eq!(
            (&found["date"], &found["with"]),
            (&json!(day(3)), &json!("Dr. Lind"))
        );
        let name = at(3, 9).strftime("%A").to_string();
        assert!(found["day"].as_str().unwrap().starts_with(&name));

        let none = success(run(&tools, &call, "get_slots", json!({ "date": day(5) })).await);
        assert_eq!(ids(&none["slots"]), [""; 0]);
        assert_eq!(ids(&none["alternatives"]), [&midnight]);
        let text =
            success(run(&tools, &call, "get_slots", json!({ "limit": 10 })).await).to_string();
        assert!(!text.contains(&past) && !text.contains(&taken) && !text.contains("Ada"));
    }
}

/// The answer's idea of now, if it is no more than a minute old.
fn at_now(answer: &Value) -> String {
    let now = at(0, 0).with_time_zone(TimeZone::get("Europe/Berlin").unwrap());
    let now = Timestamp::now().to_zoned(now.time_zone().clone());
    let texts = [now.clone(), now.checked_sub(1.minute()).unwrap()]
        .map(|now| now.strftime("%A, %-d %B %Y, %H:%M").to_string());
    let told = answer["now"].as_str().unwrap();
    texts
        .into_iter()
        .find(|text| text == told)
        .unwrap_or_default()
}

#[tokio::test]
async fn a_full_calendar_is_told_as_such() {
    let database = sqlite();
    let store = Store::open(&database.url).await.unwrap();
    let tools = office::office(&store).await;
    let answer = success(run(&tools, &admission(built_in()), "get_slots", json!({})).await);
    assert_eq!(
        (&answer["slots"], &answer["alternatives"]),
        (&json!([]), &json!([]))
    );
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .contains("Nothing is free")
    );
}

#[tokio::test]
async fn a_booking_is_confirmed_and_refusals_come_with_alternatives() {
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        let tools = office::office(&store).await;
        let first = slot(&store, &at(2, 9)).await;
        let second = slot(&store, &at(2, 10)).await;
        let past = slot(&store, &at(-1, 9)).await;
        let ada = call("call-ada", "+15550155", built_in());
        let bob = call("call-bob", "anonymous", built_in());

        let arguments =
            json!({ "slot_id": first.to_uppercase(), "name": " Ada Löwe\u{0} ", "note": "knee" })
                .to_string();
        for tool_call_id in ["call_1", "call_1", "call_2"] {
            let outcome = tools.run(&ada, tool_call_id, "book_slot", &arguments);
            let answer = success(outcome.await);
            assert_eq!(
                (&answer["booked"], &answer["slot"]["slot_id"]),
                (&json!(true), &json!(first))
            );
            assert_eq!(answer["slot"]["starts"], "09:00");
        }
        let booking = store
            .slot(&first)
            .await
            .unwrap()
            .unwrap()
            .booking
            .expect("booked");
        assert_eq!(
            (&*booking.name, booking.note.as_deref()),
            ("Ada Löwe", Some("knee"))
        );
        assert_eq!(
            booking.phone.as_deref(),
            Some("+15550155"),
            "whence she calls"
        );

        for (slot_id, word) in [
            (&*first, "not free"),
            (&past, "past"),
            ("tomorrow at nine", "no appointment"),
        ] {
            let arguments = json!({ "slot_id": slot_id, "name": "Bob" });
            let outcome = run(&tools, &bob, "book_slot", arguments).await;
            let (answer, failed) = answer(outcome);
            assert!(
                failed && answer["error"].as_str().unwrap().contains(word),
                "{answer}"
            );
            assert_eq!(ids(&answer["alternatives"]), [&second], "{}", database.name);
            assert!(!answer.to_string().contains("Ada"));
        }
        let arguments = json!({ "slot_id": second, "name": "Bob", "phone": "(030) 123-45 67" });
        success(run(&tools, &bob, "book_slot", arguments).await);
        let booking = store
            .slot(&second)
            .await
            .unwrap()
            .unwrap()
            .booking
            .expect("booked");
        assert_eq!(
            (booking.phone.as_deref(), booking.note),
            (Some("0301234567"), None)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_calls_at_once_book_ten_appointments_once_each() {
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        let tools = office::office(&store).await;
        let mut slots = Vec::new();
        for hour in 8..18 {
            slots.push(slot(&store, &at(2, hour)).await);
        }
        let start = Arc::new(Barrier::new(50));
        let mut tasks = JoinSet::new();
        for number in 0..50 {
            let (tools, start) = (tools.clone(), Arc::clone(&start));
            let arguments =
                json!({ "slot_id": slots[number / 5], "name": format!("Caller {number}") });
            tasks.spawn(async move {
                let admission = call(&format!("call-{number}"), "+15550155", built_in());
                start.wait().await;
                answer(run(&tools, &admission, "book_slot", arguments).await)
            });
        }
        let answers = tasks.join_all().await;
        let booked = answers.iter().filter(|(_, failed)| !failed).count();
        assert_eq!((booked, answers.len()), (10, 50), "{}", database.name);
        for (answer, _) in answers.iter().filter(|(_, failed)| *failed) {
            assert!(
                answer["error"].as_str().unwrap().contains("not free"),
                "{answer}"
            );
        }
        let taken = SlotFilter {
            free: Some(false),
            ..SlotFilter::default()
        };
        assert_eq!(store.slots(&taken).await.unwrap().total, 10);
    }
}

#[tokio::test]
async fn prices_are_found_by_words_or_told_all() {
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        let tools = office::office(&store).await;
        let call = admission(built_in());
        let none = success(run(&tools, &call, "get_pricing", json!({})).await);
        assert_eq!(none["prices"], json!([]));
        for (service, amount_cents) in [("Blood test", 4_505), ("Vaccination", 3_500)] {
            let price = PriceSettings {
                service: service.to_owned(),
                amount_cents,
                currency: "EUR".to_owned(),
                description: None,
            };
            store.put_price(None, &price).await.unwrap();
        }
        let all = success(run(&tools, &call, "get_pricing", json!({ "query": "" })).await);
        assert_eq!(
            all["prices"],
            json!([
                { "service": "Blood test", "price": "45.05 EUR" },
                { "service": "Vaccination", "price": "35.00 EUR" },
            ])
        );
        let found = json!({ "query": "a vaccination, please" });
        let found = success(run(&tools, &call, "get_pricing", found).await);
        assert_eq!(found["prices"][0]["service"], "Vaccination");
        let unknown = success(run(&tools, &call, "get_pricing", json!({ "query": "MRI" })).await);
        assert_eq!(unknown["services"], json!(["Blood test", "Vaccination"]));
    }
}

#[tokio::test]
async fn a_huge_price_list_fits_the_limit() {
    let database = sqlite();
    let store = Store::open(&database.url).await.unwrap();
    let tools = office::office(&store).await;
    for number in 0..40 {
        let price = PriceSettings {
            service: format!("Service {number}"),
            amount_cents: number,
            currency: "EUR".to_owned(),
            description: Some("\"€\u{1}".repeat(300)),
        };
        store.put_price(None, &price).await.unwrap();
    }
    let outcome = run(&tools, &admission(built_in()), "get_pricing", json!({})).await;
    let Outcome::Answer {
        output,
        failed: false,
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    let limit = Limits::default().max_output;
    assert!(
        output.len() <= limit && output.len() > limit - 16,
        "{}",
        output.len()
    );
    let value: Value = serde_json::from_str(&output).unwrap();
    assert!(value["note"].is_string());
}

#[tokio::test]
async fn hanging_up_and_transferring_are_for_the_call_to_do() {
    let database = sqlite();
    let store = Store::open(&database.url).await.unwrap();
    let tools = office::office(&store).await;
    let call = admission(built_in());
    for arguments in ["", " ", "{}"] {
        let outcome = tools.run(&call, "call_1", "hang_up", arguments).await;
        assert_eq!(outcome, Outcome::HangUp);
        let outcome = tools.run(&call, "call_1", "transfer_call", arguments).await;
        let to = "+15550123".to_owned();
        assert_eq!(outcome, Outcome::Transfer { to });
    }
    // Where to is the agent's business, never the model's.
    let elsewhere = json!({ "to": "+19005550199" });
    failure(run(&tools, &call, "transfer_call", elsewhere).await);
    let nobody = admission(vec![Tool::TransferCall {
        to: "reception".to_owned(),
    }]);
    failure(run(&tools, &nobody, "transfer_call", json!({})).await);
}

#[tokio::test]
async fn what_does_not_fit_is_explained_to_the_model() {
    let database = sqlite();
    let store = Store::open(&database.url).await.unwrap();
    let tools = office::office(&store).await;
    let call = admission(built_in());
    let yesterday = at(-1, 12).date().to_string();
    let long = "x".repeat(101);
    let id = "0d2f1b3c-4a5e-4f60-8123-456789abcdef";
    for (name, arguments, word) in [
        ("open_door", json!({}), "no function named \"open_door\""),
        ("get_slots", json!([]), "one JSON object"),
        ("get_slots", json!("monday"), "one JSON object"),
        (
            "get_slots",
            json!({ "day": "monday" }),
            "unknown field `day`",
        ),
        ("get_slots", json!({ "date": "tomorrow" }), "YYYY-MM-DD"),
        ("get_slots", json!({ "date": "2026-02-30" }), "YYYY-MM-DD"),
        ("get_slots", json!({ "date": yesterday }), "today is"),
        ("get_slots", json!({ "weekday": "someday" }), "`weekday`"),
        ("get_slots", json!({ "period": "night" }), "`period`"),
        ("get_slots", json!({ "limit": "three" }), "invalid type"),
        ("book_slot", json!({}), "missing field `slot_id`"),
        (
            "book_slot",
            json!({ "slot_id": id }),
            "missing field `name`",
        ),
        ("book_slot", json!({ "slot_id": id, "name": " " }), "`name`"),
        (
            "book_slot",
            json!({ "slot_id": id, "name": long }),
            "`name`",
        ),
        (
            "book_slot",
            json!({ "slot_id": id, "name": "A", "phone": "mobile" }),
            "`phone`",
        ),
        (
            "book_slot",
            json!({ "slot_id": id, "name": "A", "phone": "1234567890123456" }),
            "`phone`",
        ),
        (
            "book_slot",
            json!({ "slot_id": id, "name": "A", "note": "x".repeat(501) }),
            "`note`",
        ),
        (
            "book_slot",
            json!({ "slot_id": "a\u{0}b", "name": "A" }),
            "no appointment",
        ),
        ("get_pricing", json!({ "query": 7 }), "invalid type"),
        ("hang_up", json!({ "when": "now" }), "unknown field"),
        (
            "get_pricing",
            json!({ "query": "x".repeat(8 << 10) }),
            "longer than 8192 bytes",
        ),
    ] {
        let error = failure(run(&tools, &call, name, arguments.clone()).await);
        assert!(error.contains(word), "{name} {arguments}: {error}");
    }
    for (tool_call_id, arguments) in [
        ("call_1", "{"),
        ("call_1", "{}{}"),
        ("call\n1", "{}"),
        ("", "{}"),
    ] {
        failure(tools.run(&call, tool_call_id, "get_slots", arguments).await);
    }
    let error = tools.run(&call, "call_1", &"ä".repeat(5_000), "").await;
    assert!(failure(error).len() < 300);
    // Only the agent's own functions.
    failure(
        run(
            &tools,
            &admission(vec![Tool::HangUp]),
            "get_slots",
            json!({}),
        )
        .await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_costs_an_answer_in_words() {
    let postgres = Postgres::start_new();
    let database = postgres.database();
    let store = Store::open(&database.url).await.unwrap();
    let call = admission(built_in());
    let tools = office::office(&store).await;
    success(run(&tools, &call, "get_pricing", json!({})).await);
    let limits = Limits {
        database_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        ..settings()
    };
    let tools = Tools::new(store, settings).unwrap();
    postgres.stop();
    for (name, arguments) in [
        ("get_slots", json!({})),
        ("book_slot", json!({ "slot_id": "x", "name": "Ada" })),
        ("get_pricing", json!({})),
    ] {
        let error = failure(run(&tools, &call, name, arguments).await);
        assert!(error.contains("at the moment"), "{error}");
    }
}

#[test]
fn definitions_name_every_argument_and_allow_no_other() {
    let webhook = Tool::Webhook {
        name: "find_patient".to_owned(),
        description: "Finds a patient.".to_owned(),
        parameters: json!({ "type": "object", "properties": {} }),
        url: "https://example.com/".to_owned(),
        timeout_ms: None,
    };
    let mut tools = built_in();
    tools.push(webhook);
    let definitions = Tools::definitions(&admission(tools).agent);
    let definitions = definitions.as_array().expect("a list");
    let names: Vec<&str> = definitions
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "get_slots",
            "book_slot",
            "get_pricing",
            "hang_up",
            "transfer_call",
            "find_patient"
        ]
    );
    for definition in definitions {
        assert_eq!(definition["type"], "function");
        assert!(definition["description"].as_str().unwrap().ends_with('.'));
        assert_eq!(definition["parameters"]["type"], "object");
    }
    for definition in &definitions[..5] {
        let parameters = &definition["parameters"];
        assert_eq!(parameters["additionalProperties"], false);
        let properties = parameters["properties"].as_object().expect("properties");
        for required in parameters["required"].as_array().expect("a list") {
            assert!(properties.contains_key(required.as_str().unwrap()));
        }
        for (name, property) in properties {
            assert!(property["description"].is_string(), "{name}");
        }
    }
    assert_eq!(definitions[5]["description"], "Finds a patient.");
    assert_eq!(Tools::definitions(&admission(Vec::new()).agent), json!([]));
}
