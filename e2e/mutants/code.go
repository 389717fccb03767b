package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// code is one package, parsed and with its types.
type code struct {
	dir   string // internal/access
	set   *token.FileSet
	files map[string]*file // by path
	info  types.Info
}

type file struct {
	src  []byte
	tree *ast.File
}

// loadCode parses and checks the files that this platform's build of a package
// has; dependencies come from the compiler's export data.
func loadCode(ctx context.Context, dir string) (*code, error) {
	c := &code{dir: dir, set: token.NewFileSet(), files: map[string]*file{}}
	out, err := exec.CommandContext(ctx, "go", "list", "-f", `{{join .GoFiles "\n"}}`, "./"+dir).Output()
	if err != nil {
		return nil, fmt.Errorf("go list ./%s: %w", dir, err)
	}
	var trees []*ast.File
	for name := range strings.FieldsSeq(string(out)) {
		name = path.Join(dir, name)
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(c.set, name, src, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		c.files[name] = &file{src, tree}
		trees = append(trees, tree)
	}
	out, err = exec.CommandContext(ctx, "go", "list", "-export", "-deps",
		"-f", "{{.ImportPath}} {{.Export}}", "./"+dir).Output()
	if err != nil {
		return nil, fmt.Errorf("go list -export ./%s: %w", dir, err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, export, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[name] = export
	}
	lookup := func(name string) (io.ReadCloser, error) { return os.Open(exports[name]) }
	config := types.Config{Importer: importer.ForCompiler(c.set, "gc", lookup)}
	c.info.Types = map[ast.Expr]types.TypeAndValue{}
	if _, err := config.Check(dir, c.set, trees, &c.info); err != nil {
		return nil, fmt.Errorf("checking ./%s: %w", dir, err)
	}
	return c, nil
}

// locate finds the syntax of each mutant by the place of its token.
func (c *code) locate(mutants []*mutant) ([]*mutant, error) {
	type place struct {
		file         string
		line, column int
	}
	byPlace := map[place][]*mutant{}
	for _, m := range mutants {
		at := place{m.file, m.line, m.column}
		byPlace[at] = append(byPlace[at], m)
	}
	for name, f := range c.files {
		var stack []ast.Node
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			stack = append(stack, n)
			if pos, tok := operatorOf(n); pos.IsValid() {
				at := c.set.Position(pos)
				for _, m := range byPlace[place{name, at.Line, at.Column}] {
					m.node, m.token, m.parent = n, tok, stack[len(stack)-2]
					m.function, m.text = functionOf(stack), c.text(f, n)
					c.sort(m)
				}
			}
			return true
		})
	}
	for _, m := range mutants {
		if m.node == nil || replacements[m.operator][m.token] == token.ILLEGAL {
			return nil, fmt.Errorf("%s:%d:%d: no token for %s", m.file, m.line, m.column, m.operator)
		}
	}
	return mutants, nil
}

// sort says what can be known of a mutant before it is built: that strings have no
// minus, and that a constant expression cannot become a call.
func (c *code) sort(m *mutant) {
	e, ok := m.node.(ast.Expr)
	if !ok {
		return
	}
	tv := c.info.Types[e]
	basic, isBasic := tv.Type.Underlying().(*types.Basic)
	_, plain := tv.Type.(*types.Basic)
	switch {
	case m.operator == "ARITHMETIC_BASE" && isBasic && basic.Info()&types.IsString != 0:
		m.status = notViable
	case tv.Value != nil, m.operator != "ARITHMETIC_BASE" && !plain:
		m.apart = true
	}
}

// text returns the source of a node on one line.
func (c *code) text(f *file, n ast.Node) string {
	from, to := c.set.Position(n.Pos()).Offset, c.set.Position(n.End()).Offset
	text := strings.Join(strings.Fields(string(f.src[from:to])), " ")
	if len(text) > 100 {
		text = strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}

func operatorOf(n ast.Node) (token.Pos, token.Token) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return n.OpPos, n.Op
	case *ast.UnaryExpr:
		return n.OpPos, n.Op
	case *ast.IncDecStmt:
		return n.TokPos, n.Tok
	}
	return token.NoPos, token.ILLEGAL
}

// functionOf names the outermost declaration: (T).Method, Function or the first
// name that a var or const declaration gives.
func functionOf(stack []ast.Node) string {
	for _, n := range stack {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil || len(n.Recv.List) == 0 {
				return n.Name.Name
			}
			return "(" + receiver(n.Recv.List[0].Type) + ")." + n.Name.Name
		case *ast.ValueSpec:
			return n.Names[0].Name
		}
	}
	return "package"
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}
