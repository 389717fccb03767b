package main

import (
	"fmt"
	"go/ast"
	"go/token"
)

// status is what became of a mutant; the words are gremlins'.
type status string

const (
	killed     status = "KILLED"      // a test failed
	lived      status = "LIVED"       // every test that reaches it passed
	notCovered status = "NOT COVERED" // no test reaches it
	timedOut   status = "TIMED OUT"   // the tests did not end
	notViable  status = "NOT VIABLE"  // it does not compile
)

// mutant is one operator of one file, replaced.
type mutant struct {
	id       int
	file     string // internal/access/check.go
	operator string // CONDITIONALS_NEGATION
	line     int
	column   int

	function string // (Table).May, or the declaration's name
	text     string // the expression or statement, on one line
	number   int    // which one of the same function, operator and text, from 1

	node   ast.Node
	parent ast.Node
	token  token.Token

	apart  bool // in a binary of its own
	status status
}

// key names the mutant where lines move.
func (m *mutant) key() string {
	key := fmt.Sprintf("%s %s %s: %s", m.file, m.function, m.operator, m.text)
	if m.number > 1 {
		key += fmt.Sprintf(" #%d", m.number)
	}
	return key
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s %s:%d:%d %s in %s: %s", m.status, m.file, m.line, m.column, m.operator, m.function, m.text)
}

// replacements say what each operator makes of a token, as gremlins does it.
var replacements = map[string]map[token.Token]token.Token{
	"ARITHMETIC_BASE": {
		token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
	},
	"CONDITIONALS_BOUNDARY": {
		token.GEQ: token.GTR, token.GTR: token.GEQ, token.LEQ: token.LSS, token.LSS: token.LEQ,
	},
	"CONDITIONALS_NEGATION": {
		token.EQL: token.NEQ, token.NEQ: token.EQL, token.GEQ: token.LSS, token.LSS: token.GEQ,
		token.GTR: token.LEQ, token.LEQ: token.GTR,
	},
	"INCREMENT_DECREMENT": {token.INC: token.DEC, token.DEC: token.INC},
}
