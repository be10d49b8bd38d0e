package bench

import "slices"

// A Representation is a way to store the values of a session, with one session in it.
type Representation struct {
	Name    string `json:"name"`
	Session string `json:"session"`
	Bytes   int    `json:"bytes"`

	ReadOne RepresentationCost `json:"read_one"` // load, read a key
	ReadTen RepresentationCost `json:"read_ten"` // load, read ten keys
	Write   RepresentationCost `json:"write"`    // load, read a key, set another, encode
}

// A RepresentationCost is of one operation.
type RepresentationCost struct {
	Nanos  float64   `json:"nanos"`  // the median of the passes
	Ratios []float64 `json:"ratios"` // to the first representation, pass by pass
	Allocs float64   `json:"allocs"`
}

// Ratio is the median of the ratios.
func (c RepresentationCost) Ratio() float64 {
	return middle(slices.Sorted(slices.Values(c.Ratios)))
}
