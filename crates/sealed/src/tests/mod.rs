//! The layer under crashes, damage and wrong keys.

mod crash;
mod damage;
mod disk;
mod keys;
mod vectors;

use std::collections::BTreeMap;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::MasterKey;

/// Small, so that pages are written and read back while a test runs.
const CACHE: usize = 64 * 1024;

const ROWS: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("rows");

type Rows = BTreeMap<u32, Vec<u8>>;

fn key() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

fn rows(database: &Database) -> Result<Rows, redb::Error> {
    let reading = database.begin_read()?;
    let table = match reading.open_table(ROWS) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Rows::new()),
        table => table?,
    };
    let mut rows = Rows::new();
    for row in table.iter()? {
        let (key, value) = row?;
        rows.insert(key.value(), value.value().to_vec());
    }
    Ok(rows)
}
