-- The table of the session store, for PostgreSQL 12 and later.
-- dialect: postgres
--
-- Times are nanoseconds since 1970, in UTC: use to_timestamp(expires_at / 1e9) to show one.
-- Show an ID with encode(id, 'hex'). This file does not create a schema: that needs a
-- privilege that the role of the application should not have.
--
-- The expiry changes with nearly every write. An index on it would make every update
-- write all indexes of the table (no heap-only tuples) and leave dead entries in each
-- for vacuum. The index is on the hour of the expiry, which rarely changes; with the
-- room that the fill factor leaves in each page, updates stay heap-only. The index on
-- the owner contains only the sessions with an owner. Owners are compared byte by byte,
-- so that an upgrade of the system's collations cannot corrupt that index.

-- +goose Up
CREATE TABLE {{table}} (
	id            BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
	version       BIGINT NOT NULL,
	owner         TEXT   COLLATE "C" NOT NULL,
	address       TEXT   NOT NULL,
	user_agent    TEXT   NOT NULL,
	created_at    BIGINT NOT NULL,
	last_activity BIGINT NOT NULL,
	expires_at    BIGINT NOT NULL,
	expires_hour  BIGINT NOT NULL GENERATED ALWAYS AS (expires_at / 3600000000000) STORED,
	data          BYTEA  NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX {{index:expires_hour}} ON {{table}} (expires_hour);

CREATE INDEX {{index:owner}} ON {{table}} (owner, id) WHERE owner <> '';

-- +goose Down
-- This signs everybody out.
DROP TABLE IF EXISTS {{table}};
