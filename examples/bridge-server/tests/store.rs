//! What the database keeps, on SQLite and on PostgreSQL.

#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/records.rs"]
mod records;

use std::time::{Duration, Instant};

use postgres::{Postgres, databases, postgres};
use records::*;
use serde_json::json;
use trunkline_bridge_server::{
    agent::PhoneNumber,
    record::{CallAnalytics, Record, RecordingStatus, Turn},
    store::{
        AnalyticsFilter, CallDetail, CallFilter, CallStatus, FilterError, Interval, Sentiment,
        Store, StoreError,
    },
    time::UnixMs,
};

/// A store on each database, for bodies that run on both.
async fn stores() -> Vec<(postgres::Database, Store)> {
    let mut stores = Vec::new();
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        stores.push((database, store));
    }
    stores
}

async fn detail(store: &Store, id: &str) -> CallDetail {
    store.call(id).await.unwrap().expect("the call is there")
}

/// Names of the events, in order, and their calls.
async fn events(store: &Store) -> Vec<(String, Option<String>)> {
    let events = store.events_after(0, 10_000).await.unwrap();
    assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id));
    events
        .into_iter()
        .map(|event| (event.event, event.call_id))
        .collect()
}

#[tokio::test]
async fn a_new_database_gets_its_tables_and_an_old_one_keeps_them() {
    for (database, store) in stores().await {
        store
            .apply("a", &numbered(1, vec![answered("c", "CA", NOON)]))
            .await
            .unwrap();
        let store = Store::open(&database.url).await.unwrap();
        detail(&store, "c").await;
    }
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    for url in ["sqlite::memory:", "sqlite://x?mode=memory"] {
        let error = Store::open(url).await.unwrap_err();
        assert!(error.to_string().contains("name a file"), "{error}");
    }
}

#[tokio::test]
async fn a_call_is_told_as_it_went() {
    for (database, store) in stores().await {
        let Record::Turn(said) = turn("t2", "c", "Hello\0 Zoë", NOON + 2000) else {
            unreachable!()
        };
        let said = Turn {
            confidence: Some(0.25),
            generated_text: Some("Hello Zoë, how are you?".to_owned()),
            interrupted: true,
            ..said
        };
        let analytics = CallAnalytics {
            sentiment: Some(-0.5),
            caller_talk_ms: 1000,
            agent_talk_ms: 2000,
            interruptions: 1,
            response_latencies_ms: (0..250).collect(),
            total_tokens: 99,
        };
        let told = vec![
            answered("c", "CA1", NOON),
            streaming("c", NOON + 500),
            turn("t1", "c", "first", NOON + 1000),
            Record::Turn(said.clone()),
            tool_call("call_1", "c", NOON + 3000),
            Record::BargeIn {
                call_id: "c".to_owned(),
                item_id: "item".to_owned(),
                heard_ms: u64::MAX,
                at: UnixMs(NOON + 3500),
            },
            Record::Session {
                call_id: "c".to_owned(),
                event: "rotated".to_owned(),
                at: UnixMs(NOON + 3600),
            },
            recording("r", "c", RecordingStatus::InProgress, 0),
            recording("r", "c", RecordingStatus::InProgress, 64_000),
            recording("r", "c", RecordingStatus::Completed, 128_000),
            Record::TwilioRecording {
                call_sid: "CA1".to_owned(),
                recording_sid: "RE1".to_owned(),
                status: "completed".to_owned(),
                url: Some("https://api.twilio.com/RE1".to_owned()),
                duration_ms: Some(4000),
                at: UnixMs(NOON + 9000),
            },
            ended("c", NOON + 5500, analytics.clone()),
            status("CA1", "completed", NOON + 6000),
        ];
        store.apply("a", &numbered(1, told.clone())).await.unwrap();

        let call = detail(&store, "c").await;
        assert_eq!(call.call.status, CallStatus::Completed, "{}", database.name);
        assert_eq!(call.call.end_reason.as_deref(), Some("stopped"));
        assert_eq!(call.call.duration_ms, Some(5000));
        assert_eq!(call.call.sentiment, Some(Sentiment::Negative));
        assert_eq!(call.transcripts.len(), 2);
        assert_eq!(
            call.transcripts[1],
            Turn {
                text: "Hello\u{FFFD} Zoë".to_owned(),
                ..said
            }
        );
        assert_eq!(call.tool_calls.len(), 1);
        assert_eq!(call.recordings.len(), 1);
        assert_eq!(call.recordings[0].bytes, 128_000);
        assert_eq!(call.twilio_recordings[0].duration_ms, Some(4000));
        assert_eq!(call.analytics, Some(analytics));
        assert_eq!(
            call.metadata,
            object(json!({ "country": "US", "lostPackets": 3 }))
        );
        assert_eq!(call.twilio_status.as_deref(), Some("completed"));
        assert_eq!(call.twilio_duration_s, Some(7));

        let names: Vec<String> = events(&store)
            .await
            .into_iter()
            .map(|event| event.0)
            .collect();
        let expected = "call_started call_status transcript transcript tool_call barge_in session \
                        recording recording recording call_ended call_status";
        assert_eq!(names.join(" "), expected, "{}", database.name);

        // The same under other numbers: everything has its own id, so nothing changes and nobody is told again.
        let before = (detail(&store, "c").await, events(&store).await);
        store.apply("a", &numbered(100, told)).await.unwrap();
        assert_eq!((detail(&store, "c").await, events(&store).await), before);
    }
}

#[tokio::test]
async fn records_up_to_the_journals_place_are_passed_over() {
    for (_database, store) in stores().await {
        let told: Vec<_> = (1..=9)
            .map(|n| (n, turn(&format!("t{n}"), "c", "x", NOON)))
            .collect();
        store.apply("a", &told[..5]).await.unwrap();
        assert_eq!(store.applied("a").await.unwrap(), 5);
        store.apply("a", &told[..3]).await.unwrap();
        assert_eq!(store.applied("a").await.unwrap(), 5, "never back");
        store.apply("a", &told[2..]).await.unwrap();
        assert_eq!(store.applied("a").await.unwrap(), 9);
        assert_eq!(store.applied("b").await.unwrap(), 0);
        assert_eq!(events(&store).await.len(), 9);
    }
}

#[tokio::test]
async fn callbacks_have_one_effect_in_any_order_however_often_and_at_once() {
    for (database, store) in stores().await {
        let words = [
            "queued",
            "initiated",
            "ringing",
            "in-progress",
            "completed",
            "completed",
        ];
        let mut nodes = Vec::new();
        for node in 0..4_usize {
            let store = store.clone();
            nodes.push(tokio::spawn(async move {
                // Each server has its own order.
                let shuffled = (0..50).map(|n| words[(n * (2 * node + 1) + node) % words.len()]);
                let told = shuffled.map(|word| status("CA1", word, NOON)).collect();
                store
                    .apply(&format!("node{node}"), &numbered(1, told))
                    .await
                    .unwrap();
            }));
        }
        for node in nodes {
            node.await.unwrap();
        }
        // Only now it becomes known that it is a call of ours.
        store
            .apply("a", &numbered(1, vec![answered("c", "CA1", NOON)]))
            .await
            .unwrap();
        let call = detail(&store, "c").await;
        assert_eq!(call.twilio_status.as_deref(), Some("completed"));
        assert_eq!(call.twilio_duration_s, Some(7));
        assert_eq!(call.call.status, CallStatus::Failed, "no audio has flowed");
        let told = events(&store).await;
        let changes = told.iter().filter(|event| event.0 == "call_status").count();
        assert!((1..=5).contains(&changes), "{}: {changes}", database.name);
    }
}

#[tokio::test]
async fn a_call_only_goes_forward() {
    for (_database, store) in stores().await {
        let mut seq = 0;
        let mut then = async |record: Record| {
            seq += 1;
            store.apply("a", &[(seq, record)]).await.unwrap();
            detail(&store, "c").await.call.status
        };
        assert_eq!(then(refused("c", "CA1", NOON)).await, CallStatus::Refused);
        let was_full = then(answered("d", "CA1", NOON)).await;
        assert_eq!(was_full, CallStatus::Answered, "another server takes it");
        let again = then(refused("e", "CA1", NOON)).await;
        assert_eq!(again, CallStatus::Answered);
        let flowing = then(streaming("d", NOON)).await;
        assert_eq!(flowing, CallStatus::InProgress);
        let over = then(status("CA1", "completed", NOON)).await;
        assert_eq!(over, CallStatus::InProgress, "its server tells the end");
        let ended_call = then(ended("d", NOON + 10, CallAnalytics::default())).await;
        assert_eq!(ended_call, CallStatus::Completed);
        for late in [
            streaming("c", NOON),
            answered("c", "CA1", NOON),
            status("CA1", "failed", NOON),
            ended("c", NOON + 99, CallAnalytics::default()),
        ] {
            assert_eq!(then(late).await, CallStatus::Completed);
        }
        assert_eq!(
            detail(&store, "d").await.call.id,
            "c",
            "both ids name the one call"
        );
        let all = store.calls(&CallFilter::default()).await.unwrap();
        assert_eq!(all.total, 1);
    }
}

#[tokio::test]
async fn what_is_known_of_an_unknown_call_is_kept() {
    for (_database, store) in stores().await {
        let told = vec![
            turn("t", "c", "hello", NOON),
            status("CA1", "ringing", NOON),
            Record::TwilioRecording {
                call_sid: "CA1".to_owned(),
                recording_sid: "RE1".to_owned(),
                status: "in-progress".to_owned(),
                url: None,
                duration_ms: None,
                at: UnixMs(NOON),
            },
        ];
        store.apply("a", &numbered(1, told)).await.unwrap();
        assert_eq!(detail(&store, "c").await.call.call_sid, "");
        store
            .apply("b", &numbered(1, vec![answered("c", "CA1", NOON - 5)]))
            .await
            .unwrap();
        let call = detail(&store, "c").await;
        assert_eq!(call.call.call_sid, "CA1");
        assert_eq!(call.call.started_at, UnixMs(NOON - 5));
        assert_eq!(call.transcripts.len(), 1);
        assert_eq!(call.twilio_status.as_deref(), Some("ringing"));
        assert_eq!(call.twilio_recordings.len(), 1);
    }
}

#[tokio::test]
async fn calls_of_a_server_that_was_killed_are_ended_with_the_last_word() {
    for (_database, store) in stores().await {
        let mine = vec![
            answered("c", "CA1", NOON),
            streaming("c", NOON + 100),
            turn("t", "c", "help", NOON + 1000),
            answered("d", "CA2", NOON),
            ended("d", NOON + 1, CallAnalytics::default()),
        ];
        store.apply("a", &numbered(1, mine)).await.unwrap();
        let others = vec![answered("e", "CA3", NOON), streaming("e", NOON)];
        store.apply("b", &numbered(1, others)).await.unwrap();
        assert_eq!(store.end_lost_calls("a").await.unwrap(), 1);
        assert_eq!(store.end_lost_calls("a").await.unwrap(), 0);
        let call = detail(&store, "c").await.call;
        assert_eq!(call.status, CallStatus::Failed);
        assert_eq!(call.end_reason.as_deref(), Some("server_lost"));
        assert_eq!(call.ended_at, Some(UnixMs(NOON + 2000)));
        assert_eq!(call.duration_ms, Some(1900));
        let status = detail(&store, "e").await.call.status;
        assert_eq!(status, CallStatus::InProgress);
        assert_eq!(store.end_forgotten_calls(UnixMs(NOON)).await.unwrap(), 0);
        assert_eq!(
            store.end_forgotten_calls(UnixMs(NOON + 1)).await.unwrap(),
            1
        );
    }
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    for (database, store) in stores().await {
        let mut told = Vec::new();
        for n in 0..10 {
            let call = format!("c{n}");
            let at = NOON + n * 86_400_000;
            told.push(answered(&call, &format!("CA{n}"), at));
            if n % 2 == 0 {
                told.push(streaming(&call, at));
                let sentiment = Some([0.05, 0.0, -0.05, 0.04, 1.0][n as usize / 2]);
                told.push(ended(
                    &call,
                    at + 1000,
                    CallAnalytics {
                        sentiment,
                        ..CallAnalytics::default()
                    },
                ));
            }
        }
        told.push(refused("r", "CAr", NOON));
        store.apply("a", &numbered(1, told)).await.unwrap();
        let found = async |filter: CallFilter| {
            let page = store.calls(&filter).await.unwrap();
            let ids: Vec<String> = page.items.into_iter().map(|call| call.id).collect();
            (ids.join(" "), page.total)
        };
        let any = CallFilter::default;
        let is = |ids: &str, total| (ids.to_owned(), total);
        let page = found(CallFilter {
            limit: Some(3),
            offset: Some(1),
            ..any()
        });
        assert_eq!(page.await, is("c8 c7 c6", 11), "{}", database.name);
        let beyond = found(CallFilter {
            offset: Some(i64::MAX),
            ..any()
        });
        assert_eq!(beyond.await, is("", 11));
        for (sentiment, ids, total) in [
            (Sentiment::Positive, "c8 c0", 2),
            (Sentiment::Neutral, "c6 c2", 2),
            (Sentiment::Negative, "c4", 1),
        ] {
            let chosen = found(CallFilter {
                sentiment: Some(sentiment),
                ..any()
            });
            assert_eq!(chosen.await, is(ids, total));
        }
        let chosen = found(CallFilter {
            status: Some(CallStatus::Refused),
            ..any()
        });
        assert_eq!(chosen.await, is("r", 1));
        let days = found(CallFilter {
            start_date: Some("2026-11-29".to_owned()),
            end_date: Some("2026-11-30".to_owned()),
            caller: Some("+15550100".to_owned()),
            agent: Some("agent".to_owned()),
            ..any()
        });
        assert_eq!(days.await, is("c2 c1", 2));
        let nobody = found(CallFilter {
            caller: Some("' OR 1=1 --\0".to_owned()),
            ..any()
        });
        assert_eq!(nobody.await, is("", 0));
        for (filter, expected) in [
            (
                CallFilter {
                    start_date: Some("soon".to_owned()),
                    ..any()
                },
                FilterError::StartDate,
            ),
            (
                CallFilter {
                    limit: Some(0),
                    ..any()
                },
                FilterError::Limit(200),
            ),
        ] {
            match store.calls(&filter).await {
                Err(StoreError::Filter(error)) => assert_eq!(error, expected),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_search_finds_calls_in_which_all_words_were_said() {
    for (database, store) in stores().await {
        let told = vec![
            turn(
                "1",
                "a",
                "My e-mail is zoë.miller@example.com, and...",
                NOON,
            ),
            turn("2", "a", "Tuesday at 3pm costs 12.50, doesn't it?", NOON),
            turn("3", "b", "tuesday. NEAR the AND gate", NOON),
            turn("4", "c", "", NOON),
        ];
        store.apply("n", &numbered(1, told)).await.unwrap();
        let found = async |q: &str| {
            let filter = CallFilter {
                q: Some(q.to_owned()),
                ..CallFilter::default()
            };
            let page = store.calls(&filter).await.unwrap();
            let mut ids: Vec<String> = page.items.into_iter().map(|call| call.id).collect();
            ids.sort();
            ids.join("")
        };
        for (q, calls) in [
            ("TUESDAY", "ab"),
            ("tuesday miller", "a"),
            ("example.com", "a"),
            ("ZOË", "a"),
            ("zoe", ""),
            ("3pm 50", "a"),
            ("doesn't", "a"),
            ("tues", ""),
            ("near AND gate", "b"),
            ("tuesday NOT gate", ""),
            ("\"tuesday", "ab"),
            ("tuesday*", "ab"),
            ("words:tuesday", ""),
            ("tuesday) OR (miller", ""),
            ("tuesday\0", "ab"),
            ("' OR ''='", ""),
            ("!& | :* <-> \\", "abc"),
            ("", "abc"),
        ] {
            assert_eq!(found(q).await, calls, "{q:?} on {}", database.name);
        }
        // What was corrected is found as it is now.
        store
            .apply("n", &[(9, turn("3", "b", "wednesday", NOON))])
            .await
            .unwrap();
        assert_eq!(found("tuesday").await, "a", "{}", database.name);
        assert_eq!(found("wednesday").await, "b", "{}", database.name);
    }
}

#[tokio::test]
async fn figures_have_every_step_and_percentiles_by_nearest_rank() {
    for (database, store) in stores().await {
        let mut told = vec![
            // Before the time that is asked for.
            answered("x", "CAx", NOON - 86_400_000),
            refused("r", "CAr", NOON),
            // Under way.
            answered("u", "CAu", NOON),
        ];
        // 100 latencies, 1 to 100 ms, on two days: 1–50 and 51–100.
        for (n, latencies) in [(0, 1..=50), (2, 51..=100)] {
            let (call, at) = (format!("c{n}"), NOON + n * 86_400_000);
            told.push(answered(&call, &format!("CA{n}"), at));
            told.push(streaming(&call, at));
            told.push(ended(
                &call,
                at + 1000 * (n + 1),
                CallAnalytics {
                    sentiment: Some(0.5),
                    caller_talk_ms: 100,
                    agent_talk_ms: 200,
                    interruptions: 1,
                    response_latencies_ms: latencies.rev().collect(),
                    total_tokens: 10,
                },
            ));
        }
        store.apply("a", &numbered(1, told)).await.unwrap();
        let filter = AnalyticsFilter {
            start_date: Some("2026-11-28".to_owned()),
            end_date: Some("2026-12-01".to_owned()),
            interval: None,
        };
        let figures = store.analytics(&filter).await.unwrap();
        let totals = &figures.totals;
        assert_eq!(
            (
                totals.calls,
                totals.completed,
                totals.failed,
                totals.refused
            ),
            (3, 2, 0, 1),
            "{}",
            database.name
        );
        assert_eq!(totals.mean_duration_ms, Some(2000.0));
        assert_eq!(totals.mean_sentiment, Some(0.5));
        assert_eq!(
            (totals.positive, totals.neutral, totals.negative),
            (2, 0, 0)
        );
        assert_eq!((totals.caller_talk_ms, totals.agent_talk_ms), (200, 400));
        assert_eq!((totals.interruptions, totals.total_tokens), (2, 20));
        let percentiles = |f: &trunkline_bridge_server::store::Figures| {
            [f.latency_p50_ms, f.latency_p95_ms, f.latency_p99_ms].map(Option::unwrap_or_default)
        };
        assert_eq!(percentiles(totals), [50, 95, 99]);
        let steps: Vec<_> = figures
            .series
            .iter()
            .map(|step| (step.start.0, step.figures.calls, percentiles(&step.figures)))
            .collect();
        let midnight = NOON - 43_200_000;
        let day = 86_400_000;
        assert_eq!(
            steps,
            [
                (midnight, 2, [25, 48, 50]),
                (midnight + day, 0, [0, 0, 0]),
                (midnight + 2 * day, 1, [75, 98, 100]),
                (midnight + 3 * day, 0, [0, 0, 0]),
            ]
        );
        let by_week = AnalyticsFilter {
            interval: Some(Interval::Week),
            ..filter.clone()
        };
        let weeks = store.analytics(&by_week).await.unwrap().series;
        let calls: Vec<i64> = weeks.iter().map(|step| step.figures.calls).collect();
        assert_eq!(calls, [2, 1], "Monday lies between");
        assert_eq!(weeks[0].start, UnixMs(midnight - 5 * day));
        let by_hour = AnalyticsFilter {
            interval: Some(Interval::Hour),
            ..filter
        };
        let hours = store.analytics(&by_hour).await.unwrap().series;
        assert_eq!(hours.len(), 96);
        assert_eq!(hours[12].figures.calls, 2);
        let long_ago = AnalyticsFilter {
            start_date: Some("2020-01-01".to_owned()),
            end_date: Some("2020-01-01".to_owned()),
            interval: None,
        };
        let empty = store.analytics(&long_ago).await.unwrap();
        assert_eq!((empty.totals.calls, empty.series.len()), (0, 1));
    }
}

#[tokio::test]
async fn agents_and_numbers_belong_together() {
    for (database, store) in stores().await {
        let version = store.agents_version().await.unwrap();
        let agent = store.create_agent(settings("Zoë")).await.unwrap();
        assert_eq!(agent.settings, settings("Zoë"), "NUL and all");
        assert_eq!(
            store.agent(&agent.id).await.unwrap().as_ref(),
            Some(&agent),
            "{}",
            database.name
        );
        let number = PhoneNumber {
            number: "+15550199".to_owned(),
            agent_id: agent.id.clone(),
            label: None,
            enabled: false,
        };
        store.put_number(number.clone()).await.unwrap();
        store.put_number(number.clone()).await.unwrap();
        assert_eq!(
            store.numbers().await.unwrap(),
            std::slice::from_ref(&number)
        );
        assert_eq!(
            store.number("+15550199").await.unwrap().as_ref(),
            Some(&number)
        );
        let nobodys = store
            .put_number(PhoneNumber {
                agent_id: "nobody".to_owned(),
                ..number
            })
            .await;
        assert!(matches!(nobodys, Err(StoreError::UnknownAgent)));
        match store.delete_agent(&agent.id).await {
            Err(StoreError::AgentInUse { numbers: 1 }) => {}
            other => panic!("{other:?}"),
        }
        let renamed = store
            .update_agent(&agent.id, settings("Ann"))
            .await
            .unwrap();
        assert_eq!(renamed.unwrap().settings.name, "Ann");
        let nobody = store.update_agent("nobody", settings("Ann")).await.unwrap();
        assert_eq!(nobody, None);
        assert_eq!(store.agents_version().await.unwrap(), version + 4);
        assert!(store.delete_number("+15550199").await.unwrap());
        assert!(!store.delete_number("+15550199").await.unwrap());
        assert!(store.delete_agent(&agent.id).await.unwrap());
        assert!(!store.delete_agent(&agent.id).await.unwrap());
        assert_eq!(store.agents().await.unwrap(), []);
        assert_eq!(store.agents_version().await.unwrap(), version + 6);
    }
}

#[tokio::test]
async fn notes_are_added_to_calls_that_are_there() {
    for (_database, store) in stores().await {
        store
            .apply("a", &numbered(1, vec![answered("c", "CA", NOON)]))
            .await
            .unwrap();
        let first = store
            .add_note("c", "call back\0", Some("Ann"))
            .await
            .unwrap();
        let second = store.add_note("c", "done", None).await.unwrap();
        assert_eq!(store.add_note("x\0", "?", None).await.unwrap(), None);
        let notes = detail(&store, "c").await.notes;
        assert_eq!(notes, [first.unwrap(), second.unwrap()]);
        assert_eq!(notes[0].text, "call back\u{FFFD}");
    }
}

#[tokio::test]
async fn a_purged_recording_stays_purged() {
    for (_database, store) in stores().await {
        let told = vec![
            answered("c", "CA", NOON),
            recording("r", "c", RecordingStatus::Completed, 64_000),
        ];
        store.apply("a", &numbered(1, told)).await.unwrap();
        assert!(
            store
                .recordings_before(UnixMs(NOON))
                .await
                .unwrap()
                .is_empty()
        );
        let old = store.recordings_before(UnixMs(NOON + 1)).await.unwrap();
        assert_eq!(old[0].file, "r.wav");
        assert_eq!(
            store.recording_of("c").await.unwrap().as_ref(),
            Some(&old[0])
        );
        store.mark_purged("r").await.unwrap();
        let late = recording("r", "c", RecordingStatus::Completed, 99_000);
        store.apply("a", &[(9, late)]).await.unwrap();
        assert_eq!(store.recording_of("c").await.unwrap(), None);
        assert!(
            store
                .recordings_before(UnixMs(NOON + 1))
                .await
                .unwrap()
                .is_empty()
        );
        let status = detail(&store, "c").await.recordings[0].status;
        assert_eq!(status, RecordingStatus::Purged);
    }
}

#[tokio::test]
async fn old_events_go_and_new_ones_get_new_ids() {
    for (_database, store) in stores().await {
        let told = |first: u64| -> Vec<_> {
            (first..first + 10)
                .map(|n| (n, turn(&format!("t{n}"), "c", "x", NOON + n as i64 * 1000)))
                .collect()
        };
        store.apply("a", &told(1)).await.unwrap();
        let last = store.last_event_id().await.unwrap();
        assert_eq!(
            store.purge_events(UnixMs(NOON + 4500), 100).await.unwrap(),
            3
        );
        assert_eq!(store.purge_events(UnixMs(0), 2).await.unwrap(), 5);
        assert_eq!(store.purge_events(UnixMs(i64::MAX), 2).await.unwrap(), 2);
        assert_eq!(store.last_event_id().await.unwrap(), 0);
        store.apply("a", &told(11)).await.unwrap();
        let events = store.events_after(last, 3).await.unwrap();
        assert_eq!(events.len(), 3);
        assert_eq!(events[0].id, last + 1);
    }
}

#[tokio::test]
async fn whoever_follows_events_while_many_servers_write_misses_none() {
    let database = postgres();
    let store = Store::open(&database.url).await.unwrap();
    let mut writers = Vec::new();
    for node in 0..4 {
        let store = Store::open(&database.url).await.unwrap();
        writers.push(tokio::spawn(async move {
            for n in 0..25_u64 {
                let id = format!("{node}-{n}");
                let told = [
                    (2 * n + 1, turn(&id, &format!("c{node}"), "x", NOON)),
                    (2 * n + 2, tool_call(&id, &format!("c{node}"), NOON)),
                ];
                store.apply(&format!("node{node}"), &told).await.unwrap();
            }
        }));
    }
    let mut followed = Vec::new();
    while followed.len() < 200 {
        let last = followed.last().copied().unwrap_or(0);
        let news = store.events_after(last, 7).await.unwrap();
        followed.extend(news.into_iter().map(|event| event.id));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let all = store.events_after(0, 1000).await.unwrap();
    assert_eq!(
        followed,
        all.iter().map(|event| event.id).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_stopped_database_is_noticed_soon_and_used_again_when_it_is_back() {
    let server = Postgres::start_new();
    let database = server.database();
    let store = Store::open(&database.url).await.unwrap();
    server.stop();
    let began = Instant::now();
    let error = store.ping().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let told = numbered(1, vec![answered("c", "CA", NOON)]);
    assert!(store.apply("a", &told).await.unwrap_err().is_transient());
    assert!(began.elapsed() < Duration::from_secs(20));
    server.start();
    store.apply("a", &told).await.unwrap();
    detail(&store, "c").await;
}
