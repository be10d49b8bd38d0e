package sessiontest

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// A raceStep runs one request up to a point.
type raceStep struct {
	request int
	point   RacePoint
}

// Orders yields the names of all orders.
func (r Race) Orders() iter.Seq[string] {
	hold := r.Hold
	if hold == nil {
		hold = []RacePoint{RaceLoads}
	}
	var points []RacePoint // in the order in which a request reaches them
	for _, p := range racePoints {
		if p == RaceCommits || slices.Contains(hold, p) {
			points = append(points, p)
		}
	}
	return func(yield func(string) bool) {
		next := make([]int, len(r.Requests)) // the number of points that each request has reached
		var extend func(words []string) bool
		extend = func(words []string) bool {
			if len(words) == len(next)*len(points) {
				return yield(strings.Join(words, ", "))
			}
			for i, n := range next {
				if n == len(points) {
					continue
				}
				next[i]++
				more := extend(append(words, r.name(i)+" "+string(points[n])))
				next[i]--
				if !more {
					return false
				}
			}
			return true
		}
		extend(nil)
	}
}

func (r Race) name(i int) string {
	if n := r.Requests[i].Name; n != "" {
		return n
	}
	return strconv.Itoa(i + 1)
}

// parse parses the name of an order. Every request must reach its points in order, and
// commit.
func (r Race) parse(order string) ([]raceStep, error) {
	var steps []raceStep
	reached := make([]int, len(r.Requests))
	for _, word := range strings.Split(order, ", ") {
		cut := strings.LastIndexByte(word, ' ')
		point := slices.Index(racePoints, RacePoint(word[cut+1:]))
		request := -1
		for i := range r.Requests {
			if cut > 0 && r.name(i) == word[:cut] {
				request = i
			}
		}
		if request < 0 || point < 0 {
			return nil, fmt.Errorf("%q is not the name of a request followed by one of the points %q", word, racePoints)
		}
		if point+1 <= reached[request] {
			return nil, fmt.Errorf("%q comes after a later point of the same request", word)
		}
		reached[request] = point + 1
		steps = append(steps, raceStep{request, racePoints[point]})
	}
	if i := slices.IndexFunc(reached, func(n int) bool { return n < len(racePoints) }); i >= 0 {
		return nil, errors.New("request " + r.name(i) + " never commits")
	}
	return steps, nil
}
