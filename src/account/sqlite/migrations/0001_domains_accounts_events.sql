-- Times are FILETIME ticks. A *_key column is the name upper-cased as Windows does, so that SQLite needs no rule of its own.

CREATE TABLE domain (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  netbios_name TEXT    NOT NULL,
  netbios_key  TEXT    NOT NULL UNIQUE,
  dns_name     TEXT    NOT NULL,
  dns_key      TEXT    NOT NULL UNIQUE,
  realm        TEXT    NOT NULL,
  sid_a        INTEGER NOT NULL,
  sid_b        INTEGER NOT NULL,
  sid_c        INTEGER NOT NULL,
  next_rid     INTEGER NOT NULL CHECK (next_rid BETWEEN 1000 AND 1073741823),
  created      INTEGER NOT NULL,
  UNIQUE (sid_a, sid_b, sid_c)
) STRICT;

-- AUTOINCREMENT: an id that was used is never used again, because a sealed blob is bound to it.
CREATE TABLE account (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  domain_id       INTEGER NOT NULL REFERENCES domain (id),
  name            TEXT    NOT NULL,
  name_key        TEXT    NOT NULL,
  rid             INTEGER NOT NULL,
  kind            INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
  enabled         INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  must_change     INTEGER NOT NULL CHECK (must_change IN (0, 1)),
  expires_at      INTEGER,
  password_set_at INTEGER NOT NULL,
  created         INTEGER NOT NULL,
  key_version     INTEGER NOT NULL CHECK (key_version BETWEEN 1 AND 4294967295),
  UNIQUE (domain_id, name_key),
  UNIQUE (domain_id, rid)
) STRICT;

CREATE TABLE account_secret (
  account_id INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  key_id     INTEGER NOT NULL,
  nonce      BLOB    NOT NULL CHECK (length(nonce) = 12),
  sealed     BLOB    NOT NULL CHECK (length(sealed) > 16)
) STRICT;

CREATE TABLE account_group (
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  name_key   TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  PRIMARY KEY (account_id, name_key)
) STRICT, WITHOUT ROWID;

-- What logons write, apart from `account` so that a logon rewrites a small row.
CREATE TABLE logon_state (
  account_id         INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  counters_version   INTEGER NOT NULL,
  bad_password_count INTEGER NOT NULL CHECK (bad_password_count BETWEEN 0 AND 65535),
  last_bad_password  INTEGER,
  locked_at          INTEGER,
  last_logon         INTEGER
) STRICT;

-- The same work for accounts that do not exist: a fixed number of rows, whatever names an attacker invents.
CREATE TABLE unknown_logon_state (
  slot               INTEGER PRIMARY KEY,
  counters_version   INTEGER NOT NULL,
  bad_password_count INTEGER NOT NULL CHECK (bad_password_count BETWEEN 0 AND 65535),
  last_bad_password  INTEGER,
  locked_at          INTEGER,
  last_logon         INTEGER
) STRICT;
WITH RECURSIVE slots (slot) AS (SELECT 0 UNION ALL SELECT slot + 1 FROM slots WHERE slot < 255)
INSERT INTO unknown_logon_state (slot, counters_version, bad_password_count) SELECT slot, 0, 0 FROM slots;

-- `sequence` is the order of commits.
CREATE TABLE event (
  sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
  id          TEXT    NOT NULL UNIQUE,
  time        INTEGER NOT NULL,
  outcome     TEXT    NOT NULL,
  status      TEXT    NOT NULL,
  account     TEXT    NOT NULL,
  account_key TEXT    NOT NULL,
  server      TEXT    NOT NULL,
  server_key  TEXT    NOT NULL,
  version     TEXT    NOT NULL,
  json        TEXT    NOT NULL
) STRICT;
CREATE INDEX event_by_time ON event (time);
CREATE INDEX event_by_account ON event (account_key, sequence);

-- One blob that only the right key file opens.
CREATE TABLE key_check (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  key_id INTEGER NOT NULL,
  nonce  BLOB    NOT NULL CHECK (length(nonce) = 12),
  sealed BLOB    NOT NULL
) STRICT;
