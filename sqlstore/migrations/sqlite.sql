-- The table of the session store, for SQLite 3.37 and later.
-- dialect: sqlite
--
-- Times are nanoseconds since 1970, in UTC. Show an ID with hex(id).
--
-- The expiry moves with nearly every write, so an index on it would be written with
-- every write too. What is indexed is the hour of the expiry, which rarely changes:
-- in SQLite that halves the cost of an update. The index on the owner holds only the
-- sessions that have one.

-- +goose Up
CREATE TABLE {{table}} (
	id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
	version       INTEGER NOT NULL,
	owner         TEXT    NOT NULL,
	address       TEXT    NOT NULL,
	user_agent    TEXT    NOT NULL,
	created_at    INTEGER NOT NULL,
	last_activity INTEGER NOT NULL,
	expires_at    INTEGER NOT NULL,
	expires_hour  INTEGER NOT NULL GENERATED ALWAYS AS (expires_at / 3600000000000) VIRTUAL,
	data          BLOB    NOT NULL
) STRICT;

CREATE INDEX {{index:expires_hour}} ON {{name}} (expires_hour);

CREATE INDEX {{index:owner}} ON {{name}} (owner, id) WHERE owner <> '';

-- +goose Down
-- Everybody is signed out by this.
DROP TABLE IF EXISTS {{table}};
