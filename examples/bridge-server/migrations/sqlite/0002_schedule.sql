-- What the model books and tells prices from. Times are milliseconds since 1970 in UTC.
CREATE TABLE slots (
    id TEXT NOT NULL PRIMARY KEY,
    starts_at_ms BIGINT NOT NULL,
    ends_at_ms BIGINT NOT NULL,
    resource TEXT,
    -- NULL: free.
    booked_at_ms BIGINT,
    booked_call_id TEXT,
    booked_tool_call_id TEXT,
    booked_name TEXT,
    booked_phone TEXT,
    booked_note TEXT,
    CHECK (ends_at_ms > starts_at_ms),
    CHECK ((booked_at_ms IS NULL) = (booked_name IS NULL))
);

CREATE INDEX slots_by_start ON slots (starts_at_ms, id);

-- One call of the function takes one appointment, however often it is delivered.
CREATE UNIQUE INDEX slots_by_tool_call ON slots (booked_call_id, booked_tool_call_id);

CREATE TABLE prices (
    id TEXT NOT NULL PRIMARY KEY,
    service TEXT NOT NULL,
    amount_cents BIGINT NOT NULL,
    currency TEXT NOT NULL,
    description TEXT
);
