package bench

import "slices"

// A Representation is the result of storing a session in a format.
type Representation struct {
	Name    string `json:"name"`
	Session string `json:"session"`
	Bytes   int    `json:"bytes"`

	ReadOne RepresentationCost `json:"read_one"` // load and read a key
	ReadTen RepresentationCost `json:"read_ten"` // load and read ten keys
	Write   RepresentationCost `json:"write"`    // load, read a key, set another and encode
}

// A RepresentationCost is the cost of an operation.
type RepresentationCost struct {
	Nanos  float64   `json:"nanos"`  // median of the passes
	Ratios []float64 `json:"ratios"` // to the first representation, one per pass
	Allocs float64   `json:"allocs"`
}

// Ratio returns the median of the ratios.
func (c RepresentationCost) Ratio() float64 {
	return middle(slices.Sorted(slices.Values(c.Ratios)))
}
