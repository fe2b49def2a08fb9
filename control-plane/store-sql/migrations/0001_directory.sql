-- The directory of one network. Ids are 16 bytes, times Unix milliseconds, sealed columns AES-256-GCM.
-- Migrations only go forward: add a file, never change this one.

-- One row: which life of the store this is.
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    incarnation BLOB NOT NULL CHECK (length(incarnation) = 16)
) STRICT;

CREATE TABLE users (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    handle TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    user BLOB NOT NULL REFERENCES users (id),
    spki BLOB NOT NULL UNIQUE,
    thumbprint TEXT NOT NULL,
    certificate BLOB NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX devices_by_user ON devices (user, created_at, id);

CREATE TABLE sessions (
    device BLOB PRIMARY KEY REFERENCES devices (id),
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    refresh BLOB,
    started_at INTEGER NOT NULL,
    honoured_at INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    ended TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE flows (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    spki BLOB NOT NULL,
    thumbprint TEXT NOT NULL,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    -- Code flow
    state_hash BLOB UNIQUE,
    nonce TEXT,
    verifier BLOB,
    -- Device grant
    device_code BLOB,
    interval_ms INTEGER,
    ask_at INTEGER,
    -- How far it has come
    stage TEXT NOT NULL CHECK (stage IN ('Waiting', 'SignedIn', 'Done', 'Refused')),
    person_issuer TEXT,
    person_subject TEXT,
    person_username TEXT,
    refresh BLOB,
    device BLOB,
    refused_by TEXT,
    detail TEXT,
    expires_at INTEGER NOT NULL,
    CHECK ((state_hash IS NULL) <> (device_code IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX flows_by_end ON flows (expires_at);

CREATE TABLE providers (
    role TEXT PRIMARY KEY CHECK (role IN ('Active', 'Previous')),
    generation TEXT NOT NULL,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_secret BLOB NOT NULL,
    ca_bundle_pem TEXT,
    scopes TEXT NOT NULL,
    username_claim TEXT NOT NULL,
    refresh_grace_ms INTEGER NOT NULL,
    adopted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a number is never used again, not even when the newest row is gone.
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    user BLOB NOT NULL,
    device BLOB NOT NULL,
    session BLOB,
    at INTEGER NOT NULL
) STRICT;
