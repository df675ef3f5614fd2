-- What `postern events` filters by, so that it stays fast in a large table.

ALTER TABLE event ADD COLUMN client TEXT NOT NULL DEFAULT '';
UPDATE event SET client = coalesce(json_extract(json, '$.client.address'), '');
CREATE INDEX event_by_client ON event (client, sequence);
CREATE INDEX event_by_server ON event (server_key, sequence);

-- What few events have, so that those that have it are found without reading the others: findings, settings that did not just
-- allow, outcomes other than success, versions other than NTLMv2.
CREATE TABLE event_tag (
  tag      TEXT    NOT NULL,
  sequence INTEGER NOT NULL REFERENCES event (sequence) ON DELETE CASCADE,
  PRIMARY KEY (tag, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_tag_by_sequence ON event_tag (sequence);

INSERT OR IGNORE INTO event_tag SELECT 'finding:' || json_extract(f.value, '$.id'), e.sequence
  FROM event e, json_each(e.json, '$.findings') f;
INSERT OR IGNORE INTO event_tag SELECT 'setting:' || json_extract(p.value, '$.setting'), e.sequence
  FROM event e, json_each(e.json, '$.policy') p WHERE json_extract(p.value, '$.decision') <> 'allow';
INSERT OR IGNORE INTO event_tag SELECT 'outcome:' || outcome, sequence FROM event WHERE outcome NOT IN ('success', '');
INSERT OR IGNORE INTO event_tag SELECT 'version:' || version, sequence FROM event WHERE version NOT IN ('NTLMv2', '');
