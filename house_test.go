package pullpass_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// houseBounds is the ratchet on the shape of the code: each figure with the most
// that is allowed today and the value that it should reach. A change may lower a
// bound and never raise one; TestHouse says when a bound can be lowered.
// Test files and generated files are not counted. A tab is one column.
var houseBounds = []houseBound{
	{figure: "methods outside their type's file", unit: "%", limit: 37, goal: 15},
	{figure: "functions over 40 lines", unit: "%", limit: 3, goal: 2},
	{figure: "lines over 120 columns", unit: "%", limit: 2.3, goal: 0.5},
	{figure: "lines over 160 columns", limit: 450, goal: 0},
	{figure: "lines that are not comments", unit: "%", limit: 92.4, goal: 89},
	{figure: "files over 500 lines", limit: 0, goal: 0},
	{figure: "exported identifiers without a doc comment", unit: "%", limit: 1.5, goal: 5},
	{figure: "lines of cmd/pullpass", limit: 13000, goal: 4500},
}

// houseBound is one figure. All of them are better when they are smaller.
type houseBound struct {
	figure, unit string
	limit, goal  float64
}

// undocumented lists the places whose exported identifiers are not an interface
// that somebody reads: they serve tests and measurements.
var undocumented = []string{"bench", "e2e", "internal/parts", "internal/store/storetest", "internal/runner/drivertest",
	"internal/signin/signintest"}

// TestHouse counts what the house rules say about the shape of the code, and
// prints it: go test -run TestHouse -v .
func TestHouse(t *testing.T) {
	c, err := countHouse(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if c.files < 100 {
		t.Fatalf("counted %d files; this test would prove nothing", c.files)
	}
	figures := c.figures()
	for _, b := range houseBounds {
		got, ok := figures[b.figure]
		if !ok {
			t.Fatalf("the figure %q is not counted", b.figure)
		}
		t.Logf("%-45s %7.2f%-2s at most %7.2f, goal %g", b.figure, got, b.unit, b.limit, b.goal)
		if got > b.limit {
			t.Errorf("%s: %.2f%s, at most %.2f%s:%s", b.figure, got, b.unit, b.limit, b.unit, c.list(b.figure))
		}
		if slack := b.limit - max(got, b.goal); slack > max(0.5, b.limit/20) {
			t.Logf("%s: %.2f%s is below the bound of %.2f%s: lower the bound in houseBounds", b.figure, got, b.unit,
				b.limit, b.unit)
		}
	}
	if os.Getenv("HOUSE_LIST") != "" { // HOUSE_LIST=lines go test -run TestHouse -v .
		for figure := range c.found {
			if strings.Contains(figure, os.Getenv("HOUSE_LIST")) {
				t.Logf("%s:\n\t%s", figure, strings.Join(c.found[figure], "\n\t"))
			}
		}
	}
}

// houseCount is what was counted, with the places that a writer can mend.
type houseCount struct {
	files, lines, comments      int
	functions, methods, exports int
	mainLines                   int
	found                       map[string][]string // by figure
}

func (c *houseCount) note(figure, format string, args ...any) {
	c.found[figure] = append(c.found[figure], fmt.Sprintf(format, args...))
}

func (c *houseCount) figures() map[string]float64 {
	share := func(part, whole int) float64 { return 100 * float64(part) / float64(max(whole, 1)) }
	count := func(figure string) int { return len(c.found[figure]) }
	return map[string]float64{
		"methods outside their type's file": share(count("methods outside their type's file"), c.methods),
		"functions over 40 lines":           share(count("functions over 40 lines"), c.functions),
		"lines over 120 columns":            share(count("lines over 120 columns"), c.lines),
		"lines over 160 columns":            float64(count("lines over 160 columns")),
		"lines that are not comments":       share(c.lines-c.comments, c.lines),
		"files over 500 lines":              float64(count("files over 500 lines")),
		"exported identifiers without a doc comment": share(count("exported identifiers without a doc comment"),
			c.exports),
		"lines of cmd/pullpass": float64(c.mainLines),
	}
}

// list returns the first places of a figure, for a message.
func (c *houseCount) list(figure string) string {
	places := c.found[figure]
	if len(places) > 20 {
		return fmt.Sprintf("\n\t%s\n\tand %d more", strings.Join(places[:20], "\n\t"), len(places)-20)
	}
	return "\n\t" + strings.Join(places, "\n\t")
}

// countHouse counts the Go files of a tree by package.
func countHouse(tree fs.FS) (*houseCount, error) {
	c := &houseCount{found: map[string][]string{}}
	packages := map[string][]string{}
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") && name != "."):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for dir, paths := range packages {
		if err := c.addPackage(tree, dir, paths); err != nil {
			return nil, err
		}
	}
	for _, places := range c.found {
		slices.Sort(places)
	}
	return c, nil
}

func (c *houseCount) addPackage(tree fs.FS, dir string, paths []string) error {
	positions := token.NewFileSet()
	homes := map[string][]string{} // type to its files; build tags can give it several
	files := map[string]*ast.File{}
	for _, path := range paths {
		text, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(positions, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if ast.IsGenerated(file) {
			continue
		}
		files[path] = file
		c.addText(dir, path, string(text))
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				for _, spec := range g.Specs {
					name := spec.(*ast.TypeSpec).Name.Name
					homes[name] = append(homes[name], path)
				}
			}
		}
	}
	for path, file := range files {
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				c.addFunction(positions, path, d, homes)
			case *ast.GenDecl:
				c.addDeclaration(path, d)
			}
		}
	}
	return nil
}

func (c *houseCount) addText(dir, path, text string) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	c.files++
	c.lines += len(lines)
	if dir == "cmd/pullpass" {
		c.mainLines += len(lines)
	}
	if len(lines) > 500 {
		c.note("files over 500 lines", "%s: %d", path, len(lines))
	}
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "//") {
			c.comments++
		}
		width := utf8.RuneCountInString(line)
		if width > 120 {
			c.note("lines over 120 columns", "%s:%d: %d", path, i+1, width)
		}
		if width > 160 {
			c.note("lines over 160 columns", "%s:%d: %d", path, i+1, width)
		}
	}
}

func (c *houseCount) addFunction(positions *token.FileSet, path string, f *ast.FuncDecl, homes map[string][]string) {
	c.functions++
	receiver := receiverOf(f)
	name := strings.TrimPrefix(receiver+"."+f.Name.Name, ".")
	if n := positions.Position(f.End()).Line - positions.Position(f.Pos()).Line + 1; n > 40 {
		c.note("functions over 40 lines", "%s: %s: %d", path, name, n)
	}
	if receiver != "" {
		c.methods++
		if home := homes[receiver]; !slices.Contains(home, path) {
			c.note("methods outside their type's file", "%s: %s; its type is in %s", path, name, strings.Join(home, ", "))
		}
	}
	if ast.IsExported(f.Name.Name) && (receiver == "" || ast.IsExported(receiver)) {
		c.addExport(path, name, f.Doc != nil)
	}
}

func (c *houseCount) addDeclaration(path string, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() {
				c.addExport(path, s.Name.Name, s.Doc != nil || s.Comment != nil || d.Doc != nil)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() {
					// A comment on the group explains its members.
					c.addExport(path, name.Name, s.Doc != nil || s.Comment != nil || d.Doc != nil)
				}
			}
		}
	}
}

func (c *houseCount) addExport(path, name string, documented bool) {
	for _, place := range undocumented {
		if strings.HasPrefix(path, place+"/") {
			return
		}
	}
	c.exports++
	if !documented {
		c.note("exported identifiers without a doc comment", "%s: %s", path, name)
	}
}

func receiverOf(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	for t := f.Recv.List[0].Type; ; {
		switch inner := t.(type) {
		case *ast.StarExpr:
			t = inner.X
		case *ast.IndexExpr:
			t = inner.X
		case *ast.IndexListExpr:
			t = inner.X
		case *ast.Ident:
			return inner.Name
		default:
			return fmt.Sprintf("%T", t)
		}
	}
}
