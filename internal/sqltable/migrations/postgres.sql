-- The table of the session store, for PostgreSQL 12 and later.
-- dialect: postgres
--
-- Times are nanoseconds since 1970, in UTC: to_timestamp(expires_at / 1e9) shows one.
-- Show an ID with encode(id, 'hex'). A schema is not created here: that needs a right
-- which the application's own role should not have.
--
-- The expiry moves with nearly every write. An index on it would make every update
-- touch all indexes of the table (no heap-only tuples) and leave dead entries in each
-- for vacuum. What is indexed is the hour of the expiry, which rarely changes; with
-- the room that the fill factor leaves in each page, updates stay heap-only. The index
-- on the owner holds only the sessions that have one; the owner is compared byte by
-- byte, so that an upgrade of the system's collations cannot corrupt that index.

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
-- Everybody is signed out by this.
DROP TABLE IF EXISTS {{table}};
