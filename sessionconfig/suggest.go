package sessionconfig

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean returns `; did you mean "…"?`, or "" if no known name is similar.
func didYouMean(name string, known []string) string {
	if s := nearest(name, known); s != "" {
		return fmt.Sprintf("; did you mean %q?", s)
	}
	return ""
}

// nearest returns the known name that name probably stands for: a synonym, or the known
// name at the smallest edit distance.
func nearest(name string, known []string) string {
	folded := fold(name)
	if folded == "" {
		return ""
	}
	if s := synonyms[folded]; s != "" && slices.Contains(known, s) {
		return s
	}
	best, fewest := "", 1+maxDistance(name)
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(folded, fold(k)); d < fewest {
			best, fewest = k, d
		}
	}
	return best
}

// maxDistance returns the largest edit distance at which two names count as similar: one
// for every five letters. Names of one or two letters are never similar to others.
func maxDistance(name string) int {
	if len(name) < 3 {
		return 0
	}
	return max(1, len(name)/5)
}

// nearestPath is like nearest for dotted paths. It compares them part by part, so that a
// similar path does not compensate for a different last name.
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
			if d > maxDistance(name) {
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

// fold removes what users often confuse: case, hyphens and underscores.
func fold(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

// distance returns the optimal string alignment distance: the number of insertions,
// deletions, substitutions and swaps of adjacent letters.
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
