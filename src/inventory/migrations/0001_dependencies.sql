-- Where rows come from: this store itself (row 1), and stores that were merged into it. `generation` counts an origin's changes, so
-- that of two copies of one origin the newer is known.
CREATE TABLE origin (
  id         INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL UNIQUE,
  generation INTEGER NOT NULL
) STRICT;

-- The ledger: of each stream of batches the ranges of numbers that are in. Neighbours are joined, so it grows with the streams.
CREATE TABLE ledger (
  origin INTEGER NOT NULL REFERENCES origin (id) ON DELETE CASCADE,
  stream TEXT    NOT NULL,
  first  INTEGER NOT NULL,
  last   INTEGER NOT NULL,
  PRIMARY KEY (origin, stream, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_stream ON ledger (stream);

-- Vocabularies are kept as the words of docs/inventory.md; '' is unknown. Times are 100-nanosecond ticks since 1601.
CREATE TABLE dependency (
  id                INTEGER PRIMARY KEY,
  origin            INTEGER NOT NULL REFERENCES origin (id) ON DELETE CASCADE,
  digest            BLOB    NOT NULL,
  other             INTEGER NOT NULL,
  client            TEXT    NOT NULL,
  account_kind      TEXT    NOT NULL,
  account           TEXT    NOT NULL,
  server            TEXT    NOT NULL,
  service           TEXT    NOT NULL,
  package           TEXT    NOT NULL,
  version           TEXT    NOT NULL,
  mic               TEXT    NOT NULL,
  bindings          TEXT    NOT NULL,
  spn               TEXT    NOT NULL,
  signing           TEXT    NOT NULL,
  tls               TEXT    NOT NULL,
  events            INTEGER NOT NULL,
  succeeded         INTEGER NOT NULL,
  failed            INTEGER NOT NULL,
  blocked           INTEGER NOT NULL,
  first_seen        INTEGER,
  last_seen         INTEGER,
  reason_id         INTEGER,
  reason_name       TEXT,
  reason_confidence TEXT,
  reason_evidence   TEXT,
  reason_time       INTEGER,
  has_reason        INTEGER NOT NULL,
  finding_id        TEXT,
  finding_severity  TEXT,
  finding_text      TEXT,
  finding_evidence  TEXT,
  example           TEXT    NOT NULL,
  example_time      INTEGER,
  UNIQUE (origin, digest)
) STRICT;

CREATE TABLE day (
  dependency INTEGER NOT NULL REFERENCES dependency (id) ON DELETE CASCADE,
  day        INTEGER NOT NULL,
  events     INTEGER NOT NULL,
  PRIMARY KEY (dependency, day)
) STRICT, WITHOUT ROWID;
