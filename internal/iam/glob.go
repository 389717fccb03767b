package iam

import (
	"strings"
	"unicode/utf8"
)

// In a compiled pattern the wildcards are two bytes that never occur in UTF-8,
// so that a value substituted for a policy variable cannot become a wildcard.
const (
	anyRun = '\xff' // *
	anyOne = '\xfe' // ?
)

// workLimit bounds the comparisons of one decision. A decision over a real
// request needs some hundreds; a document made to be slow runs into the limit
// within some ten milliseconds and is denied.
const workLimit = 1 << 21

// work counts down; below zero every match fails and the decision is a denial.
type work int

func (w *work) spend(n int) bool {
	*w -= work(n)
	return *w >= 0
}

// glob reports whether value matches the compiled pattern. Greedy from left to
// right without backtracking over stars: what stands between two stars is
// taken at its first occurrence, which is always right.
func glob(pattern, value string, fold bool, w *work) bool {
	star := strings.IndexByte(pattern, anyRun)
	if star < 0 {
		n, ok := matchHere(pattern, value, fold, w)
		return ok && n == len(value)
	}
	n, ok := matchHere(pattern[:star], value, fold, w)
	if !ok {
		return false
	}
	value, pattern = value[n:], pattern[star+1:]
	for {
		star = strings.IndexByte(pattern, anyRun)
		if star < 0 {
			return matchEnd(pattern, value, fold, w)
		}
		end := find(pattern[:star], value, fold, w)
		if end < 0 {
			return false
		}
		value, pattern = value[end:], pattern[star+1:]
	}
}

// matchHere matches a pattern without stars at the start of value and returns
// how many bytes it took.
func matchHere(pattern, value string, fold bool, w *work) (int, bool) {
	n := 0
	for i := range len(pattern) {
		if n >= len(value) || !w.spend(1) {
			return 0, false
		}
		switch c := pattern[i]; {
		case c == anyOne:
			_, size := utf8.DecodeRuneInString(value[n:])
			n += size
		case c == value[n], fold && c == lower(value[n]):
			n++
		default:
			return 0, false
		}
	}
	return n, w.spend(1)
}

// matchEnd matches a pattern without stars at the end of value.
func matchEnd(pattern, value string, fold bool, w *work) bool {
	start := len(value)
	for range utf8.RuneCountInString(pattern) {
		if start == 0 || !w.spend(1) {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(value[:start])
		start -= size
	}
	n, ok := matchHere(pattern, value[start:], fold, w)
	return ok && start+n == len(value)
}

// find returns where the first occurrence of a pattern without stars ends.
func find(pattern, value string, fold bool, w *work) int {
	if !fold && strings.IndexByte(pattern, anyOne) < 0 {
		// strings.Index is linear, and much faster than a step of ours.
		i := strings.Index(value, pattern)
		if i < 0 {
			w.spend(1 + len(value)/16)
			return -1
		}
		if !w.spend(1 + (i+len(pattern))/16) {
			return -1
		}
		return i + len(pattern)
	}
	for i := 0; i <= len(value); {
		if n, ok := matchHere(pattern, value[i:], fold, w); ok {
			return i + n
		}
		if i == len(value) || *w < 0 {
			return -1
		}
		_, size := utf8.DecodeRuneInString(value[i:])
		i += size
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold compares ASCII letters without their case. Names of actions and
// keys are ASCII, and Unicode's folding would let a Kelvin sign pass for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// MatchLike reports whether value matches pattern as StringLike does, without
// policy variables. A pattern made to be slow does not match.
func MatchLike(pattern, value string) bool {
	w := work(workLimit)
	p := compilePattern(pattern, patternOptions{wildcards: true})
	return p.match(value, nil, &w) && w >= 0
}
