package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// support is the file that each changed package gets: the mutant whose number is
// in MUTANT is on; with MUTANT_REACHED, each place writes the numbers of its
// mutants to that file when it is first reached.
const support = `package %s

import (
	"cmp"
	"os"
	"strconv"
	"sync/atomic"
)

type mutantNumber interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~float32 | ~float64
}

type mutantInteger interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

var (
	mutantActive, _ = strconv.Atoi(os.Getenv("MUTANT"))
	mutantFile      = os.Getenv("MUTANT_REACHED")
	mutantSeen      [%d]atomic.Bool
)

func mutantOn(id int) bool {
	if mutantFile != "" && id != 0 && !mutantSeen[id].Swap(true) {
		f, err := os.OpenFile(mutantFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err == nil {
			_, _ = f.WriteString(strconv.Itoa(id) + "\n")
			_ = f.Close()
		}
	}
	return id != 0 && id == mutantActive
}

func mutantLss[T cmp.Ordered](id int, a, b T) bool { return a < b || mutantOn(id) && a == b }
func mutantGtr[T cmp.Ordered](id int, a, b T) bool { return a > b || mutantOn(id) && a == b }
func mutantLeq[T cmp.Ordered](id int, a, b T) bool { return !mutantOn(id) && a == b || a < b }
func mutantGeq[T cmp.Ordered](id int, a, b T) bool { return !mutantOn(id) && a == b || a > b }

func mutantAdd[T mutantNumber](id int, a, b T) T {
	if mutantOn(id) {
		return a - b
	}
	return a + b
}

func mutantSub[T mutantNumber](id int, a, b T) T {
	if mutantOn(id) {
		return a + b
	}
	return a - b
}

func mutantMul[T mutantNumber](id int, a, b T) T {
	if mutantOn(id) {
		return a / b
	}
	return a * b
}

func mutantQuo[T mutantNumber](id int, a, b T) T {
	if mutantOn(id) {
		return a * b
	}
	return a / b
}

func mutantRem[T mutantInteger](id int, a, b T) T {
	if mutantOn(id) {
		return a * b
	}
	return a %% b
}

func mutantNeg[T mutantNumber](id int, a T) T {
	if mutantOn(id) {
		return a
	}
	return -a
}

func mutantStep[T mutantNumber](id int, p *T, up bool) {
	if mutantOn(id) != up {
		*p++
	} else {
		*p--
	}
}
`

// calls are the functions of support that stand for a token.
var calls = map[token.Token]string{
	token.LSS: "mutantLss", token.GTR: "mutantGtr", token.LEQ: "mutantLeq", token.GEQ: "mutantGeq",
	token.ADD: "mutantAdd", token.SUB: "mutantSub", token.MUL: "mutantMul", token.QUO: "mutantQuo", token.REM: "mutantRem",
}

// edits collects what changes in a file: insertions and replaced tokens by offset.
// Lines stay where they are.
type edits struct {
	before, after map[int]string
	replaced      map[int][2]string
}

// instrument returns a file with all its mutants in it, each of them off.
func (c *code) instrument(name string, mutants []*mutant) []byte {
	byNode := map[ast.Node][]*mutant{}
	var nodes []ast.Node
	for _, m := range mutants {
		if byNode[m.node] == nil {
			nodes = append(nodes, m.node)
		}
		byNode[m.node] = append(byNode[m.node], m)
	}
	// Outer nodes first: their text goes around that of inner ones.
	slices.SortFunc(nodes, func(a, b ast.Node) int {
		if a.Pos() != b.Pos() {
			return int(a.Pos() - b.Pos())
		}
		return int(b.End() - a.End())
	})
	e := edits{map[int]string{}, map[int]string{}, map[int][2]string{}}
	for _, n := range nodes {
		e.around(c, n, byNode[n])
	}
	return e.apply(c.files[name].src)
}

func (e *edits) around(c *code, n ast.Node, mutants []*mutant) {
	ids := map[string]int{}
	for _, m := range mutants {
		ids[m.operator] = m.id
	}
	offset := func(p token.Pos) int { return c.set.Position(p).Offset }
	pos, tok := operatorOf(n)
	var prefix, suffix string
	switch n := n.(type) {
	case *ast.IncDecStmt:
		// A statement everywhere, also after the second semicolon of a for.
		prefix, suffix = fmt.Sprintf("mutantStep(%d, &", ids["INCREMENT_DECREMENT"]), fmt.Sprintf(", %t)", tok == token.INC)
		e.replaced[offset(pos)] = [2]string{tok.String(), ""}
	case *ast.UnaryExpr:
		prefix, suffix = fmt.Sprintf("mutantNeg(%d, ", ids["ARITHMETIC_BASE"]), ")"
		e.replaced[offset(pos)] = [2]string{"-", ""}
		// The minus stands before the operand, where the prefix goes.
		e.before[offset(n.Pos())] += prefix
		e.after[offset(n.End())] = suffix + e.after[offset(n.End())]
		return
	case *ast.BinaryExpr:
		switch tok {
		case token.EQL, token.NEQ:
			prefix, suffix = "((", fmt.Sprintf(") != mutantOn(%d))", ids["CONDITIONALS_NEGATION"])
		case token.LSS, token.LEQ, token.GTR, token.GEQ:
			prefix = fmt.Sprintf("((%s(%d, ", calls[tok], ids["CONDITIONALS_BOUNDARY"])
			suffix = fmt.Sprintf(")) != mutantOn(%d))", ids["CONDITIONALS_NEGATION"])
			e.replaced[offset(pos)] = [2]string{tok.String(), ","}
		default:
			prefix, suffix = fmt.Sprintf("%s(%d, ", calls[tok], ids["ARITHMETIC_BASE"]), ")"
			e.replaced[offset(pos)] = [2]string{tok.String(), ","}
		}
	}
	e.before[offset(n.Pos())] += prefix
	e.after[offset(n.End())] = suffix + e.after[offset(n.End())]
}

func (e *edits) apply(src []byte) []byte {
	var out strings.Builder
	for i := 0; i <= len(src); i++ {
		out.WriteString(e.after[i])
		out.WriteString(e.before[i])
		if r, ok := e.replaced[i]; ok {
			out.WriteString(r[1])
			i += len(r[0]) - 1
			continue
		}
		if i < len(src) {
			out.WriteByte(src[i])
		}
	}
	return []byte(out.String())
}

// alone returns the file of one mutant, changed for good.
func (c *code) alone(m *mutant) []byte {
	src := c.files[m.file].src
	pos, tok := operatorOf(m.node)
	at := c.set.Position(pos).Offset
	return slices.Concat(src[:at], []byte(replacements[m.operator][tok].String()), src[at+len(tok.String()):])
}
