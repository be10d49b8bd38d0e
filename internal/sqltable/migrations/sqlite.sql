-- The table of the session store, for SQLite 3.37 and later.
-- dialect: sqlite
--
-- Times are nanoseconds since 1970, in UTC. Show an ID with hex(id).
--
-- The expiry changes with nearly every write, so an index on it would be written each
-- time too. The index is on an hour before which the session does not expire. Updates
-- that extend the session leave that hour alone, and pruning corrects it once it has
-- passed. So an update writes one page instead of two or three. The index on the owner
-- contains only the sessions with an owner.

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
	expires_hour  INTEGER NOT NULL DEFAULT 0,
	data          BLOB    NOT NULL
) STRICT;

CREATE INDEX {{index:expires_hour}} ON {{name}} (expires_hour);

CREATE INDEX {{index:owner}} ON {{name}} (owner, id) WHERE owner <> '';

-- +goose Down
-- This signs everybody out.
DROP TABLE IF EXISTS {{table}};
