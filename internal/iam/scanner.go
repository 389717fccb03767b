package iam

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner walks over the bytes of a JSON document once and knows at every
// step the line and column where it stands.
type scanner struct {
	data   string
	off    int
	pos    Position
	values int
}

func newScanner(data []byte) (*scanner, error) {
	start := Position{Line: 1, Column: 1}
	if len(data) > MaxSize {
		return nil, syntaxf(start, "", "the document is larger than %d bytes", MaxSize)
	}
	if bytes.HasPrefix(data, []byte("\uFEFF")) {
		return nil, syntaxf(start, "save the file as UTF-8 without one", "the document begins with a byte order mark")
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return nil, syntaxf(
			positionOf(data, i),
			"UTF-16 text has them: save the file as UTF-8",
			"the document holds a NUL byte",
		)
	}
	if i := invalidUTF8(data); i >= 0 {
		return nil, syntaxf(positionOf(data, i), "save the file as UTF-8", "the document is not valid UTF-8")
	}
	return &scanner{data: string(data), pos: start}, nil
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func positionOf(data []byte, off int) Position {
	before := data[:off]
	line := bytes.Count(before, []byte("\n"))
	return Position{
		Line:   line + 1,
		Column: utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1,
	}
}

func (s *scanner) more() bool { return s.off < len(s.data) }
func (s *scanner) peek() byte { return s.data[s.off] }

// skip goes over n bytes of one line.
func (s *scanner) skip(n int) {
	s.pos.Column += utf8.RuneCountInString(s.data[s.off : s.off+n])
	s.off += n
}

// step goes over one ASCII character other than a line break.
func (s *scanner) step() {
	s.pos.Column++
	s.off++
}

func (s *scanner) accept(c byte) bool {
	if !s.more() || s.peek() != c {
		return false
	}
	s.step()
	return true
}

func (s *scanner) literal(text string) bool {
	if !strings.HasPrefix(s.data[s.off:], text) {
		return false
	}
	s.skip(len(text))
	return true
}

func (s *scanner) space() {
	for s.more() {
		switch s.peek() {
		case ' ', '\t', '\r':
			s.step()
		case '\n':
			s.off++
			s.pos = Position{Line: s.pos.Line + 1, Column: 1}
		default:
			return
		}
	}
}

func (s *scanner) number() (string, error) {
	start, at := s.off, s.pos
	digits := func() int {
		n := 0
		for s.more() && '0' <= s.peek() && s.peek() <= '9' {
			s.step()
			n++
		}
		return n
	}
	s.accept('-')
	first := s.off
	whole := digits()
	bad := whole == 0 || whole > 1 && s.data[first] == '0'
	if s.accept('.') {
		bad = digits() == 0 || bad
	}
	if s.accept('e') || s.accept('E') {
		if !s.accept('+') {
			s.accept('-')
		}
		bad = digits() == 0 || bad
	}
	if bad {
		return "", syntaxf(at, "an account id is a string: put it in double quotes", "not a JSON number")
	}
	return s.data[start:s.off], nil
}

// str reads a string that begins here. Without escapes it is a slice of the
// document, so that reading stays linear and cheap.
func (s *scanner) str() (string, error) {
	at := s.pos
	s.step()
	start := s.off
	var decoded []byte
	escaped := false
	for s.more() {
		i, found := plainBytes(s.data[s.off:])
		if !found {
			break
		}
		if escaped {
			decoded = append(decoded, s.data[s.off:s.off+i]...)
		}
		s.skip(i)
		switch s.peek() {
		case '"':
			text := s.data[start:s.off]
			s.step()
			if escaped {
				text = string(decoded)
			}
			return text, nil
		case '\\':
			if !escaped {
				escaped, decoded = true, append(decoded, s.data[start:s.off]...)
			}
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			decoded = utf8.AppendRune(decoded, r)
		default:
			return "", syntaxf(
				s.pos,
				`write it as an escape: \n, \t, \u0001`,
				"a control character or line break inside a string",
			)
		}
	}
	return "", syntaxf(at, "", "a string that never ends")
}

// plainBytes counts the bytes before a quote, an escape or a control character.
// These are ASCII, so that no byte of a longer character looks like one.
func plainBytes(text string) (n int, found bool) {
	for n < len(text) {
		if c := text[n]; c == '"' || c == '\\' || c < ' ' {
			return n, true
		}
		n++
	}
	return n, false
}

const simpleEscapes = `"\/bfnrt`
const escapedBytes = "\"\\/\b\f\n\r\t"

func (s *scanner) escape() (rune, error) {
	at := s.pos
	s.skip(1)
	if !s.more() {
		return 0, syntaxf(at, "", "the document ends inside a string")
	}
	if i := strings.IndexByte(simpleEscapes, s.peek()); i >= 0 {
		s.skip(1)
		return rune(escapedBytes[i]), nil
	}
	if !s.accept('u') {
		return 0, syntaxf(at, `a backslash itself is written \\`, "not an escape of JSON")
	}
	r, ok := s.hex4()
	if ok && utf16.IsSurrogate(r) {
		var low rune
		if ok = s.literal(`\u`); ok {
			low, ok = s.hex4()
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			ok = false
		}
	}
	if !ok {
		return 0, syntaxf(at, "", `a \u escape that is not a character`)
	}
	if r == 0 {
		return 0, syntaxf(at, "", "a string holds a NUL character")
	}
	return r, nil
}

func (s *scanner) hex4() (rune, bool) {
	if len(s.data)-s.off < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		c := s.data[s.off+i]
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	s.skip(4)
	return r, true
}

func (s *scanner) value(depth int) (node, error) {
	s.space()
	at := s.pos
	if !s.more() {
		return node{}, syntaxf(at, "", "the document ends where a value is expected")
	}
	if s.values++; s.values > maxValues {
		return node{}, syntaxf(at, "", "more than %d values in one document", maxValues)
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth + 1)
	case c == '[':
		return s.array(depth + 1)
	case c == '"':
		text, err := s.str()
		return node{kind: stringNode, pos: at, text: text}, err
	case c == '-' || '0' <= c && c <= '9':
		text, err := s.number()
		return node{kind: numberNode, pos: at, text: text}, err
	}
	for _, literal := range [...]struct {
		text string
		kind nodeKind
	}{{"true", boolNode}, {"false", boolNode}, {"null", nullNode}} {
		if s.literal(literal.text) {
			return node{kind: literal.kind, pos: at, text: literal.text}, nil
		}
	}
	return node{}, syntaxf(at, "strings stand in double quotes; JSON has no comments", "not a JSON value")
}

func (s *scanner) object(depth int) (node, error) {
	n := node{kind: objectNode, pos: s.pos}
	if depth > MaxDepth {
		return n, syntaxf(n.pos, "", "nested deeper than %d levels", MaxDepth)
	}
	s.step()
	var seen names
	for {
		s.space()
		if len(n.members) == 0 && s.accept('}') {
			return n, nil
		}
		at := s.pos
		if !s.more() || s.peek() != '"' {
			return n, syntaxf(at, "a trailing comma is not JSON", "a member's name in double quotes is expected")
		}
		key, err := s.str()
		if err != nil {
			return n, err
		}
		if seen.twice(n.members, key) {
			return n, syntaxf(
				at,
				"merge the two: parsers disagree about which one counts",
				"duplicate key %s in one object",
				quote(key),
			)
		}
		s.space()
		if !s.accept(':') {
			return n, syntaxf(s.pos, "", "a colon is expected after %s", quote(key))
		}
		value, err := s.value(depth)
		if err != nil {
			return n, err
		}
		if n.members == nil {
			n.members = make([]member, 0, 4) // as many as a statement has
		}
		n.members = append(n.members, member{key: key, pos: at, value: value})
		s.space()
		if s.accept('}') {
			return n, nil
		}
		if !s.accept(',') {
			return n, syntaxf(s.pos, "", "a comma or } is expected")
		}
	}
}

func (s *scanner) array(depth int) (node, error) {
	n := node{kind: arrayNode, pos: s.pos}
	if depth > MaxDepth {
		return n, syntaxf(n.pos, "", "nested deeper than %d levels", MaxDepth)
	}
	s.step()
	s.space()
	if s.accept(']') {
		return n, nil
	}
	for {
		item, err := s.value(depth)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
		s.space()
		if s.accept(']') {
			return n, nil
		}
		if !s.accept(',') {
			return n, syntaxf(s.pos, "", "a comma or ] is expected")
		}
	}
}
