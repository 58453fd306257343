//! Appointments and prices, on both databases.

#[path = "common/postgres.rs"]
mod postgres;

use std::{collections::HashSet, sync::Arc};

use jiff::tz::TimeZone;
use postgres::{Database, databases};
use tokio::{sync::Barrier, task::JoinSet};
use trunkline_bridge_server::{
    store::{
        BookingAnswer, BookingRequest, NewSlot, PriceSettings, Slot, SlotDeletion, SlotFilter,
        Store, StoreError,
    },
    time::UnixMs,
};

const NOW: UnixMs = UnixMs(1_795_862_096_789);
const HOUR: i64 = 3_600_000;

async fn open(database: &Database) -> Store {
    Store::open(&database.url).await.expect("an empty database")
}

/// So many appointments, one an hour from an hour after [`NOW`] on.
async fn slots(store: &Store, count: i64) -> Vec<Slot> {
    let mut slots = Vec::new();
    for number in 1..=count {
        let slot = NewSlot {
            starts_at: UnixMs(NOW.0 + number * HOUR),
            ends_at: UnixMs(NOW.0 + number * HOUR + HOUR / 2),
            resource: (number % 2 == 0).then(|| "Dr. Lind".to_owned()),
        };
        slots.push(store.create_slot(&slot).await.unwrap());
    }
    slots
}

fn request<'a>(call_id: &'a str, tool_call_id: &'a str, name: &'a str) -> BookingRequest<'a> {
    BookingRequest {
        call_id,
        tool_call_id,
        name,
        phone: Some("+15550123"),
        note: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_want_ten_appointments_at_once_each_gets_one_or_a_refusal() {
    for database in databases() {
        // Two servers on one database.
        let servers = [open(&database).await, open(&database).await];
        let slots = slots(&servers[0], 10).await;
        let start = Arc::new(Barrier::new(50));
        let mut tasks = JoinSet::new();
        for number in 0..50 {
            let store = servers[number % 2].clone();
            let slot = slots[number % 10].id.clone();
            let start = Arc::clone(&start);
            tasks.spawn(async move {
                let name = format!("Caller {number}");
                let (call, tool_call) = (format!("call-{number}"), format!("tool-{number}"));
                let request = request(&call, &tool_call, &name);
                start.wait().await;
                let answer = store.book_slot(&slot, request, NOW).await.unwrap();
                (slot.clone(), name, answer)
            });
        }
        let mut winners = Vec::new();
        let mut refused = 0;
        while let Some(task) = tasks.join_next().await {
            match task.unwrap() {
                (slot, name, BookingAnswer::Booked(booked)) => {
                    assert_eq!(booked.id, slot);
                    assert_eq!(booked.booking.expect("a booking").name, name);
                    winners.push((slot, name));
                }
                (slot, name, BookingAnswer::Taken(taken)) => {
                    assert_eq!(taken.id, slot);
                    assert_ne!(taken.booking.expect("a booking").name, name);
                    refused += 1;
                }
                other => panic!("{}: {other:?}", database.name),
            }
        }
        assert_eq!((winners.len(), refused), (10, 40), "{}", database.name);
        for (slot, name) in winners {
            let slot = servers[1].slot(&slot).await.unwrap().expect("still there");
            let booking = slot.booking.expect("a booking");
            assert_eq!(booking.name, name);
            assert_eq!(booking.booked_at, NOW);
            assert_eq!(booking.phone.as_deref(), Some("+15550123"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_of_the_function_books_once_however_often_it_comes() {
    for database in databases() {
        let store = open(&database).await;
        let slots = slots(&store, 2).await;
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let (store, slot) = (store.clone(), slots[0].id.clone());
            tasks.spawn(async move {
                let request = request("call", "tool", "Ada");
                store.book_slot(&slot, request, NOW).await.unwrap()
            });
        }
        while let Some(answer) = tasks.join_next().await {
            let BookingAnswer::Booked(slot) = answer.unwrap() else {
                panic!("{}", database.name);
            };
            assert_eq!(slot.id, slots[0].id);
        }
        // The same call of the function cannot have a second appointment.
        let again = store.book_slot(&slots[1].id, request("call", "tool", "Ada"), NOW);
        let BookingAnswer::Booked(slot) = again.await.unwrap() else {
            panic!("{}", database.name);
        };
        assert_eq!(slot.id, slots[0].id);
        // Another call's id may be the same.
        let other = store.book_slot(&slots[1].id, request("other", "tool", "Bob"), NOW);
        assert!(
            matches!(other.await.unwrap(), BookingAnswer::Booked(slot) if slot.id == slots[1].id)
        );
    }
}

#[tokio::test]
async fn what_has_begun_or_does_not_exist_cannot_be_taken() {
    for database in databases() {
        let store = open(&database).await;
        let slot = &slots(&store, 1).await[0];
        let request = request("call", "tool", "Ada");
        for now in [slot.starts_at, UnixMs(slot.starts_at.0 + HOUR)] {
            let answer = store.book_slot(&slot.id, request, now).await.unwrap();
            assert_eq!(answer, BookingAnswer::Past, "{}", database.name);
        }
        for id in ["", "x", "a\0b", "' OR 1 = 1 --"] {
            let answer = store.book_slot(id, request, NOW).await.unwrap();
            assert_eq!(answer, BookingAnswer::Unknown, "{}", database.name);
        }
        let just_before = UnixMs(slot.starts_at.0 - 1);
        let answer = store
            .book_slot(&slot.id, request, just_before)
            .await
            .unwrap();
        assert!(
            matches!(answer, BookingAnswer::Booked(_)),
            "{}",
            database.name
        );
    }
}

#[tokio::test]
async fn appointments_are_listed_by_time_and_deleted_while_free() {
    for database in databases() {
        let store = open(&database).await;
        let made = slots(&store, 5).await;
        let booked = store.book_slot(&made[2].id, request("call", "tool", "O'Hara\0 🙂"), NOW);
        assert!(matches!(booked.await.unwrap(), BookingAnswer::Booked(_)));
        let ids = |slots: &[Slot]| slots.iter().map(|slot| slot.id.clone()).collect::<Vec<_>>();

        let all = store.slots(&SlotFilter::default()).await.unwrap();
        assert_eq!((all.total, all.limit, all.offset), (5, 50, 0));
        assert_eq!(ids(&all.items), ids(&made));
        assert_eq!(all.items[1], made[1]);
        let booking = all.items[2].booking.as_ref().expect("a booking");
        assert_eq!(
            (&*booking.name, booking.call_id.as_deref()),
            ("O'Hara\u{FFFD} 🙂", Some("call"))
        );

        let page = SlotFilter {
            limit: Some(2),
            offset: Some(1),
            free: Some(true),
            ..SlotFilter::default()
        };
        let page = store.slots(&page).await.unwrap();
        assert_eq!(page.total, 4);
        assert_eq!(ids(&page.items), [made[1].id.clone(), made[3].id.clone()]);
        let window = SlotFilter {
            from: Some(made[1].starts_at),
            to: Some(made[3].starts_at),
            free: Some(false),
            ..SlotFilter::default()
        };
        let window = store.slots(&window).await.unwrap();
        assert_eq!(ids(&window.items), [made[2].id.clone()]);

        let end = UnixMs(i64::MAX);
        let free = store
            .free_slots(made[1].starts_at, "", end, 2)
            .await
            .unwrap();
        assert_eq!(ids(&free), [made[1].id.clone(), made[3].id.clone()]);
        let after = &free[0];
        let rest = store
            .free_slots(after.starts_at, &after.id, end, 9)
            .await
            .unwrap();
        assert_eq!(ids(&rest), [made[3].id.clone(), made[4].id.clone()]);

        for (id, answer) in [
            (&*made[0].id, SlotDeletion::Deleted),
            (&made[0].id, SlotDeletion::Unknown),
            (&made[2].id, SlotDeletion::Booked),
        ] {
            assert_eq!(
                store.delete_slot(id).await.unwrap(),
                answer,
                "{}",
                database.name
            );
        }
        assert_eq!(store.slot(&made[0].id).await.unwrap(), None);
        for (limit, offset) in [(0, 0), (201, 0), (-1, 0), (1, -1)] {
            let filter = SlotFilter {
                limit: Some(limit),
                offset: Some(offset),
                ..SlotFilter::default()
            };
            let refused = store.slots(&filter).await;
            assert!(matches!(refused, Err(StoreError::Filter(_))), "{refused:?}");
        }
        let backwards = NewSlot {
            starts_at: NOW,
            ends_at: NOW,
            resource: None,
        };
        assert!(
            store.create_slot(&backwards).await.is_err(),
            "{}",
            database.name
        );
    }
}

#[tokio::test]
async fn prices_are_set_listed_and_deleted() {
    for database in databases() {
        let store = open(&database).await;
        let mut settings = PriceSettings {
            service: "Blood test".to_owned(),
            amount_cents: 4_500,
            currency: "EUR".to_owned(),
            description: Some("Fasting".to_owned()),
        };
        let made = store.put_price(None, &settings).await.unwrap();
        settings.service = "Acupuncture".to_owned();
        let other = store.put_price(None, &settings).await.unwrap();
        assert_ne!(made.id, other.id);
        settings.amount_cents = 5_000;
        settings.description = None;
        let changed = store.put_price(Some(&made.id), &settings).await.unwrap();
        assert_eq!(changed.id, made.id);
        settings.service = "X-ray".to_owned();
        let third = store.put_price(Some("mine"), &settings).await.unwrap();
        let mut expected = vec![changed, other.clone(), third];
        expected.sort_by(|a, b| (&a.service, &a.id).cmp(&(&b.service, &b.id)));
        assert_eq!(store.prices().await.unwrap(), expected, "{}", database.name);
        assert!(store.delete_price(&other.id).await.unwrap());
        assert!(!store.delete_price(&other.id).await.unwrap());
        assert_eq!(store.prices().await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_filled_once_and_a_used_one_never() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    for database in databases() {
        let servers = [open(&database).await, open(&database).await];
        let mut tasks = JoinSet::new();
        for store in servers.clone() {
            let zone = zone.clone();
            tasks.spawn(async move { store.seed_demo(NOW, &zone).await.unwrap() });
        }
        let filled = tasks.join_all().await;
        assert!(filled.contains(&true), "{}", database.name);
        let [store, _] = servers;
        let two_weeks = SlotFilter {
            limit: Some(200),
            ..SlotFilter::default()
        };
        let slots = store.slots(&two_weeks).await.unwrap();
        assert_eq!(
            (slots.total, slots.items.len()),
            (54, 54),
            "{}",
            database.name
        );
        assert!(slots.items[0].starts_at > NOW);
        let times: HashSet<i64> = slots.items.iter().map(|slot| slot.starts_at.0).collect();
        assert_eq!(times.len(), 54);
        assert_eq!(store.prices().await.unwrap().len(), 5);

        let later = UnixMs(NOW.0 + 40 * 24 * HOUR);
        assert!(!store.seed_demo(later, &zone).await.unwrap());
        assert_eq!(store.slots(&two_weeks).await.unwrap().total, 54);
    }
}
