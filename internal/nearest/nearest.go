// Package nearest finds the word that somebody most likely meant.
//
// The one idea: a suggestion is offered only when it is close enough to be what was
// meant; a far one costs its reader more than none.
//
//	nearest.Word("pordanized", []string{"prod", "staging"}) // ""
//	nearest.Word("stagin", []string{"prod", "staging"})     // "staging"
package nearest

import "strings"

// Word returns the candidate that word was most likely meant to be, or ""
// when none is near: a different letter case, or an edit distance of at most a
// third of the word.
func Word(word string, candidates []string) string {
	const longest = 128 // no name is longer: bounds the work
	if len(word) > longest {
		return ""
	}
	best, bestDistance := "", len(word)/3+1
	lower := strings.ToLower(word)
	for _, c := range candidates {
		if len(c) > longest {
			continue
		}
		if d := editDistance(lower, strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbors, byte by byte: the names are ASCII.
func editDistance(a, b string) int {
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
