package sessionconfig

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean gives `; did you mean "…"?`, or "" if nothing is near.
func didYouMean(name string, known []string) string {
	if s := nearest(name, known); s != "" {
		return fmt.Sprintf("; did you mean %q?", s)
	}
	return ""
}

// nearest is the known name that a misspelt one probably means: a synonym, or the
// one with the fewest typing errors.
func nearest(name string, known []string) string {
	folded := fold(name)
	if folded == "" {
		return ""
	}
	if s := synonyms[folded]; s != "" && slices.Contains(known, s) {
		return s
	}
	best, fewest := "", 1+slips(name)
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(folded, fold(k)); d < fewest {
			best, fewest = k, d
		}
	}
	return best
}

// slips is how many typing errors are likely in a name: one for every five letters.
// Of one or two letters, any other name would be near.
func slips(name string) int {
	if len(name) < 3 {
		return 0
	}
	return max(1, len(name)/5)
}

// nearestPath compares paths name by name, so that a long path does not make up for
// a short name that is unlike.
func nearestPath(path string, known []string) string {
	names := strings.Split(path, ".")
	best, fewest := "", len(path)
	for _, k := range known {
		others := strings.Split(k, ".")
		if len(others) != len(names) {
			continue
		}
		sum := 0
		for i, name := range names {
			d := distance(fold(name), fold(others[i]))
			if d > slips(name) {
				sum = len(path)
			}
			sum += d
		}
		if sum < fewest {
			best, fewest = k, sum
		}
	}
	return best
}

// fold drops what people mix up: case, hyphens and underscores.
func fold(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

// distance counts typing errors: a letter too many, missing, wrong, or swapped with
// its neighbour (optimal string alignment).
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
