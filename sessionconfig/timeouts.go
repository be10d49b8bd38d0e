package sessionconfig

import (
	"time"

	"github.com/expanse-go/session/sqlstore"
)

// storeOptions returns default options for the store's connection pool, which override
// those of the dialect. They make the MySQL driver time out before the request does, so
// that the store need not watch the context (see [sqlstore.Config].DriverTimeout). They do
// not apply to the pool for migrations, whose statements may take minutes.
//
// The read timeout is the larger one, because reads wait for the server and for row locks.
func (c *connection) storeOptions(storeTimeout time.Duration) map[string]string {
	if c.dialect() != sqlstore.MySQL || c.settings.given("dsn") || storeTimeout <= 0 {
		return nil
	}
	return map[string]string{"readTimeout": (storeTimeout / 2).String(), "writeTimeout": (storeTimeout / 5).String()}
}

// driverTimeout returns the time after which the driver gives up, given these defaults and
// the options of the connection; 0 if it never does.
func (c *connection) driverTimeout(defaults map[string]string) time.Duration {
	if defaults == nil {
		return 0
	}
	all := c.optionsOver(defaults)
	read, err := time.ParseDuration(all["readTimeout"])
	if err != nil || read <= 0 {
		return 0
	}
	write, err := time.ParseDuration(all["writeTimeout"])
	if err != nil || write <= 0 {
		return 0
	}
	return read + write
}
