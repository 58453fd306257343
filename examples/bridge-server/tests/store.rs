//! What the database keeps, on SQLite and on PostgreSQL.

#[path = "common/postgres.rs"]
mod postgres;

use postgres::{Postgres, databases};
use trunkline_bridge_server::store::Store;

#[tokio::test]
async fn a_new_database_gets_its_tables_and_an_old_one_keeps_them() {
    for database in databases() {
        let store = Store::open(&database.url).await.unwrap();
        store.ping().await.unwrap();
        Store::open(&database.url).await.unwrap();
    }
}

#[tokio::test]
async fn a_stopped_database_is_noticed() {
    let server = Postgres::start_new();
    let database = server.database();
    let store = Store::open(&database.url).await.unwrap();
    server.stop();
    assert!(store.ping().await.is_err());
    server.start();
    store.ping().await.unwrap();
}
