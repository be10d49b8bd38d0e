package sessionconfig

import (
	"time"

	"github.com/expanse-go/session/sqlstore"
)

// storeOptions are defaults for the pool of the store, over those of the dialect. MySQL's
// driver gives up by itself within them, and before the time of a request ends; so the
// store need not watch it (see [sqlstore.Config].DriverTimeout). They are not for the
// pool of migrations, whose statements may take minutes.
//
// Reading has the larger part: it is what waits for the server, and for a row's lock.
func (c *connection) storeOptions(storeTimeout time.Duration) map[string]string {
	if c.dialect() != sqlstore.MySQL || c.settings.given("dsn") || storeTimeout <= 0 {
		return nil
	}
	return map[string]string{"readTimeout": (storeTimeout / 2).String(), "writeTimeout": (storeTimeout / 5).String()}
}

// driverTimeout is the time within which the driver gives up if it is opened with
// these defaults, as the options of the connection have it; 0 if it never does.
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
