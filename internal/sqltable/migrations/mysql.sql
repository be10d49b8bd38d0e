-- The table of the session store, for MySQL 8.0.1 and MariaDB 10.6 and later.
-- dialect: mysql
--
-- Times are nanoseconds since 1970, in UTC: use FROM_UNIXTIME(expires_at / 1e9) to show one.
-- Show an ID with HEX(id).
--
-- The expiry changes with nearly every write, so an index on it would be written each
-- time too. The index is on the hour of the expiry, which rarely changes. The collation
-- is case-sensitive. MySQL has no partial indexes, so the index on the owner also
-- contains the sessions without an owner.

-- +goose Up
CREATE TABLE {{table}} (
	id            BINARY(16)   NOT NULL PRIMARY KEY,
	version       BIGINT       NOT NULL,
	owner         VARCHAR(255) NOT NULL,
	address       VARCHAR(64)  NOT NULL,
	user_agent    VARCHAR(500) NOT NULL,
	created_at    BIGINT       NOT NULL,
	last_activity BIGINT       NOT NULL,
	expires_at    BIGINT       NOT NULL,
	expires_hour  BIGINT       GENERATED ALWAYS AS (expires_at DIV 3600000000000) STORED,
	data          LONGBLOB     NOT NULL,
	KEY {{index:expires_hour}} (expires_hour),
	KEY {{index:owner}} (owner, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
-- This signs everybody out.
DROP TABLE IF EXISTS {{table}};
