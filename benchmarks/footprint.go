package bench

// A Footprint is what sessions and calls of a store cost in bytes, statements and processor
// time. Unlike elapsed time, these hardly depend on what else the machine does.
type Footprint struct {
	Engine   string  `json:"engine"`
	Sessions int     `json:"sessions"` // in the store during the measurement
	Data     int     `json:"data"`     // bytes of Record.Data in each
	Stored   float64 `json:"stored"`   // bytes for each session, with indexes

	Load   Cost `json:"load"`
	Update Cost `json:"update"` // without the load before it
	Touch  Cost `json:"touch"`
	Create Cost `json:"create"`
	List   Cost `json:"list"` // for each session of an owner with 1000

	Reads  Work `json:"reads"`  // of a request that reads a key
	Writes Work `json:"writes"` // of a request that reads a key and sets another
}

// A Cost is the cost of a store call on the network and in the log that makes a write durable.
type Cost struct {
	Trips    float64 `json:"trips"`    // to the server and back
	Sent     float64 `json:"sent"`     // bytes to the server, without the headers of TCP
	Received float64 `json:"received"` // bytes from the server

	LogFirst float64 `json:"log_first"` // bytes of log, of the first write of a page after a checkpoint
	LogLater float64 `json:"log_later"` // bytes of log, if the page has been written since the checkpoint
}

// A Work is the processor time of requests, in nanoseconds, pass by pass.
type Work struct {
	Client []float64 `json:"client"` // of the application: middleware, store and driver, without net/http
	Server []float64 `json:"server"` // of all processes of the database server
}
