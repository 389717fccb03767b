package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Is reports whether a person sees r as a character and nothing else happens:
// letters, marks, digits, punctuation, symbols and spaces. C0 and C1 controls,
// bidirectional and other format characters, line separators, private use and
// what Unicode has not assigned are not.
func Is(r rune) bool { return r != utf8.RuneError && unicode.IsGraphic(r) }

// Only reports whether s is valid UTF-8 that Is holds for throughout.
func Only(s string) bool { return clean(s, false) }

func clean(s string, text bool) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf { // the rare rest, rune by rune
			return strings.IndexFunc(s[i:], func(r rune) bool { return !keep(r, text) }) < 0
		} else if (c < ' ' && (!text || (c != '\n' && c != '\t'))) || c == 0x7f {
			return false
		}
	}
	return true
}

func keep(r rune, text bool) bool { return Is(r) || (text && (r == '\n' || r == '\t')) }

// Line makes one line of s: what is not printable goes, line breaks and tabs
// become a space. It has limit bytes at most and ends with … where it was cut; limit
// 0 is no bound.
func Line(s string, limit int) string {
	if !clean(s, false) {
		s = strings.Map(func(r rune) rune {
			switch {
			case r == '\n' || r == '\t':
				return ' '
			case !Is(r):
				return -1
			}
			return r
		}, s)
	}
	return bounded(s, limit)
}

// Text is Line for a text of several lines: line breaks and tabs stay.
func Text(s string, limit int) string {
	if !clean(s, true) {
		s = strings.Map(func(r rune) rune {
			if !keep(r, true) {
				return -1
			}
			return r
		}, s)
	}
	return bounded(s, limit)
}

func bounded(s string, limit int) string {
	if limit <= 0 {
		return s
	}
	return Truncate(s, limit)
}

// Truncate cuts s to limit bytes, between characters, and says so with ….
func Truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// Escape shows on one line what is not printable: \u001b, \u202e, \xff for a byte
// that is no character; line breaks and tabs become a space.
func Escape(s string) string {
	if clean(s, false) {
		return s
	}
	return escape(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(s), false)
}

// EscapeText is Escape for a text of several lines: line breaks and tabs stay.
func EscapeText(s string) string {
	if clean(s, true) {
		return s
	}
	return escape(s, true)
}

func escape(s string, text bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case keep(r, text):
			b.WriteString(s[i : i+size])
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}
