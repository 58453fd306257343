-- Times are milliseconds since 1970, flags 0 or 1, ids text. What differs from PostgreSQL: types of the counting
-- keys, and the full-text search.

CREATE TABLE agents (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    -- Everything that can be set, as JSON.
    settings TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

CREATE TABLE phone_numbers (
    number TEXT PRIMARY KEY NOT NULL,
    agent_id TEXT NOT NULL REFERENCES agents (id),
    label TEXT,
    enabled BIGINT NOT NULL
);
CREATE INDEX phone_numbers_agent ON phone_numbers (agent_id);

-- Counts changes, so that whoever keeps a copy knows when to read again.
CREATE TABLE versions (
    name TEXT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL
);
INSERT INTO versions (name, version) VALUES ('agents', 0);

CREATE TABLE calls (
    id TEXT PRIMARY KEY NOT NULL,
    -- Whose journal the call is in.
    node TEXT NOT NULL,
    -- NULL for a call of which the beginning is not known.
    call_sid TEXT UNIQUE,
    caller TEXT NOT NULL,
    called TEXT NOT NULL,
    agent_id TEXT,
    status TEXT NOT NULL,
    -- How far the call has got; only rises.
    progress BIGINT NOT NULL,
    end_reason TEXT,
    started_ms BIGINT NOT NULL,
    stream_sid TEXT,
    stream_started_ms BIGINT,
    ended_ms BIGINT,
    duration_ms BIGINT,
    -- VADER's compound score.
    sentiment DOUBLE PRECISION,
    caller_talk_ms BIGINT,
    agent_talk_ms BIGINT,
    interruptions BIGINT,
    total_tokens BIGINT,
    -- JSON.
    metadata TEXT NOT NULL
);
CREATE INDEX calls_started ON calls (started_ms, id);
CREATE INDEX calls_caller ON calls (caller, started_ms);
CREATE INDEX calls_agent ON calls (agent_id, started_ms);
CREATE INDEX calls_open ON calls (node, progress) WHERE progress < 3;

-- Ids that were given to a call which had one already: its webhook came to two servers.
CREATE TABLE call_aliases (
    alias TEXT PRIMARY KEY NOT NULL,
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE
);
CREATE INDEX call_aliases_call ON call_aliases (call_id);

-- Twilio's callbacks, which may come before the call is known, or to another server.
CREATE TABLE call_statuses (
    call_sid TEXT PRIMARY KEY NOT NULL,
    status TEXT NOT NULL,
    -- How far the call has got; only rises.
    progress BIGINT NOT NULL,
    duration_s BIGINT,
    at_ms BIGINT NOT NULL
);
CREATE TABLE twilio_recordings (
    recording_sid TEXT PRIMARY KEY NOT NULL,
    call_sid TEXT NOT NULL,
    status TEXT NOT NULL,
    progress BIGINT NOT NULL,
    url TEXT,
    duration_ms BIGINT,
    at_ms BIGINT NOT NULL
);
CREATE INDEX twilio_recordings_call ON twilio_recordings (call_sid);

CREATE TABLE turns (
    -- The index needs a number that stays when the file is compacted.
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    item_id TEXT NOT NULL,
    speaker TEXT NOT NULL,
    text TEXT NOT NULL,
    generated_text TEXT,
    interrupted BIGINT NOT NULL,
    confidence DOUBLE PRECISION,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT NOT NULL,
    -- `text` in lower case, with nothing but spaces between the words.
    words TEXT NOT NULL
);
CREATE INDEX turns_call ON turns (call_id, started_ms);

CREATE VIRTUAL TABLE turn_words USING fts5 (
    words, content = 'turns', content_rowid = 'seq', tokenize = 'unicode61 remove_diacritics 0'
);
CREATE TRIGGER turns_inserted AFTER INSERT ON turns BEGIN
    INSERT INTO turn_words (rowid, words) VALUES (new.seq, new.words);
END;
CREATE TRIGGER turns_deleted AFTER DELETE ON turns BEGIN
    INSERT INTO turn_words (turn_words, rowid, words) VALUES ('delete', old.seq, old.words);
END;
CREATE TRIGGER turns_updated AFTER UPDATE OF words ON turns BEGIN
    INSERT INTO turn_words (turn_words, rowid, words) VALUES ('delete', old.seq, old.words);
    INSERT INTO turn_words (rowid, words) VALUES (new.seq, new.words);
END;

CREATE TABLE tool_calls (
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    -- The model's, which makes no promise over several calls.
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    arguments TEXT NOT NULL,
    output TEXT NOT NULL,
    failed BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT NOT NULL,
    PRIMARY KEY (call_id, id)
);

CREATE TABLE barge_ins (
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    item_id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    heard_ms BIGINT NOT NULL,
    PRIMARY KEY (call_id, at_ms, item_id)
);

CREATE TABLE sessions (
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (call_id, at_ms, event)
);

CREATE TABLE recordings (
    id TEXT PRIMARY KEY NOT NULL,
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    file TEXT NOT NULL,
    format TEXT NOT NULL,
    status TEXT NOT NULL,
    progress BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    started_ms BIGINT NOT NULL
);
CREATE INDEX recordings_call ON recordings (call_id);
CREATE INDEX recordings_started ON recordings (started_ms);

CREATE TABLE response_latencies (
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    -- Which answer of the call, from 0.
    answer BIGINT NOT NULL,
    latency_ms BIGINT NOT NULL,
    PRIMARY KEY (call_id, answer)
);

CREATE TABLE notes (
    id TEXT PRIMARY KEY NOT NULL,
    call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    author TEXT,
    created_ms BIGINT NOT NULL
);
CREATE INDEX notes_call ON notes (call_id);

CREATE TABLE status_events (
    -- Never used again, even after the last event was purged.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    call_id TEXT,
    at_ms BIGINT NOT NULL,
    -- JSON.
    data TEXT NOT NULL
);

-- Up to where each server's journal has been applied.
CREATE TABLE journal_positions (
    node TEXT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL
);
