package iam

import "strings"

// pattern is a string of a policy, ready to be compared: a literal, a string
// with wildcards, or pieces between policy variables.
type pattern struct {
	shape  patternShape
	text   string // literal, or with anyRun and anyOne
	pieces []piece
}

type patternShape uint8

const (
	literalPattern patternShape = iota
	anyPattern
	globPattern
	variablePattern
)

// piece is a run of text (with wildcards) and then, except in the last piece,
// a variable.
type piece struct {
	text        string
	variable    string
	fallback    string
	hasFallback bool
	isVariable  bool
}

type patternOptions struct{ wildcards, variables, fold bool }

// compilePattern never fails: a variable that is not well formed is one that
// no request can resolve.
func compilePattern(text string, o patternOptions) pattern {
	var b []byte
	var pieces []piece
	wild := false
	for i := 0; i < len(text); {
		if o.variables && strings.HasPrefix(text[i:], "${") {
			v, size := compileVariable(text[i:])
			i += size
			if !v.isVariable { // ${*}, ${?}, ${$}
				b = append(b, v.text...)
				continue
			}
			v.text, b = string(b), nil
			pieces = append(pieces, v)
			continue
		}
		c := text[i]
		i++
		switch {
		case o.wildcards && c == '*':
			wild = true
			if len(b) == 0 || b[len(b)-1] != anyRun {
				b = append(b, anyRun)
			}
		case o.wildcards && c == '?':
			wild = true
			b = append(b, anyOne)
		case o.fold:
			b = append(b, lower(c))
		default:
			b = append(b, c)
		}
	}
	p := pattern{text: string(b)}
	switch {
	case pieces != nil:
		p.shape, p.pieces = variablePattern, append(pieces, piece{text: p.text})
	case p.text == string([]byte{anyRun}):
		p.shape = anyPattern
	case wild:
		p.shape = globPattern
	}
	return p
}

// compileVariable reads a variable at the start of text and returns its length
// in the text. The escapes come back as plain text.
func compileVariable(text string) (piece, int) {
	end := strings.IndexByte(text, '}')
	name := ""
	if end > 0 {
		name = text[2:end]
	}
	switch name {
	case "*", "?", "$":
		return piece{text: name}, end + 1
	}
	v := piece{isVariable: true}
	key, _, hasDefault := strings.Cut(name, ",")
	if hasDefault {
		// The default may hold a closing brace: read on to its end quote.
		quoted := strings.TrimLeft(text[2+len(key)+1:], " ")
		start := len(text) - len(quoted)
		if !strings.HasPrefix(quoted, "'") {
			return v, end + 1
		}
		closing := strings.Index(quoted[1:], "'}")
		if closing < 0 {
			return v, len(text)
		}
		v.fallback, v.hasFallback = quoted[1:1+closing], true
		end = start + 1 + closing + 1
	}
	if end < 0 {
		return v, len(text)
	}
	v.variable = strings.TrimSpace(key)
	return v, end + 1
}

// match compares value with the pattern; ev resolves variables and may be nil
// for a pattern that has none.
func (p *pattern) match(value string, ev *evaluation, w *work) bool {
	return p.compare(value, ev, w, false)
}

func (p *pattern) compare(value string, ev *evaluation, w *work, fold bool) bool {
	switch p.shape {
	case anyPattern:
		return w.spend(1)
	case literalPattern:
		if fold {
			return w.spend(1+len(value)) && strings.EqualFold(p.text, value)
		}
		return w.spend(1) && p.text == value
	case globPattern:
		return glob(p.text, value, fold, w)
	}
	text, ok := p.expand(ev, w)
	if !ok {
		return false
	}
	if fold {
		return strings.EqualFold(text, value)
	}
	return glob(text, value, false, w)
}

// expand puts the request's values in the place of the variables.
func (p *pattern) expand(ev *evaluation, w *work) (string, bool) {
	var b strings.Builder
	for i := range p.pieces {
		part := &p.pieces[i]
		if !w.spend(1 + len(part.text)/4) {
			return "", false
		}
		b.WriteString(part.text)
		if !part.isVariable {
			continue
		}
		value, ok := "", false
		if ev != nil && part.variable != "" {
			// A key with several values names none of them.
			if values := ev.lookup(part.variable); values.len() == 1 {
				value, ok = values.at(0), true
			}
		}
		if !ok && part.hasFallback {
			value, ok = part.fallback, true
		}
		if !ok || strings.IndexByte(value, anyRun) >= 0 || strings.IndexByte(value, anyOne) >= 0 {
			if ev != nil {
				ev.unresolved = true
			}
			return "", false
		}
		if !w.spend(1 + len(value)) {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}
