package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The files say what they have to: every survivor has a reason, every fault its test.
func TestLedgerAndFaultsAreReadable(t *testing.T) {
	l, err := parseLedger(ledgerText)
	if err != nil {
		t.Fatalf("ledger.txt: %v", err)
	}
	for key, e := range l {
		if len(e.reason) < 20 {
			t.Errorf("%s: %q is no reason", key, e.reason)
		}
		if !slices.ContainsFunc(targets, func(x target) bool { return belongs(key, x.name) }) {
			t.Errorf("%s is in none of the targets", key)
		}
	}
	faults, err := parseFaults(faultsText)
	if err != nil || len(faults) < 46 {
		t.Fatalf("faults.txt: %d faults, %v", len(faults), err)
	}
	for _, f := range faults {
		src, err := os.ReadFile(filepath.Join("..", "..", f.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(src), f.was); n != 1 || f.was == f.now {
			t.Errorf("%s: what it changes is %d times in %s", f.name, n, f.file)
		}
	}
}

func TestParseLedger(t *testing.T) {
	l, err := parseLedger("# why\n# it is so\nequivalent internal/a/b.go F X: a < b\nuntested internal/a/b.go F X: a < c\n\n# other\nuntested internal/a/b.go G X: a\n")
	if err != nil || len(l) != 3 || l["internal/a/b.go F X: a < b"] != (entry{true, "why it is so"}) || l["internal/a/b.go G X: a"] != (entry{false, "other"}) {
		t.Errorf("parseLedger = %v, %v", l, err)
	}
	for _, text := range []string{
		"equivalent internal/a F X: a", "# why\n\nequivalent internal/a F X: a", "# why\nlived internal/a F X: a", "# why\nequivalent a F X: a",
		"# why\nequivalent internal/a F X: a\nuntested internal/a F X: a",
	} {
		if l, err := parseLedger(text); err == nil {
			t.Errorf("parseLedger(%q) = %v", text, l)
		}
	}
}

func TestParseFaults(t *testing.T) {
	list, err := parseFaults("# about\n\nfault one\nfile a.go\nwas x\n\ty\nnow z\ntest a/b T|U\n")
	if err != nil || len(list) != 1 || list[0] != (fault{"one", "a.go", "x\n\ty", "z", "a/b", "T|U"}) {
		t.Errorf("parseFaults = %+v, %v", list, err)
	}
	for _, text := range []string{"fault one", "fault one\nfile a.go\nwas x\nnow y\ntest a"} {
		if list, err := parseFaults(text); err == nil {
			t.Errorf("parseFaults(%q) = %+v", text, list)
		}
	}
}

// What lived counts against the tests unless the ledger calls it equivalent; what
// the ledger does not know, and what it knows and does not live, is a failure.
func TestJudge(t *testing.T) {
	mutants := func(statuses ...status) (list []*mutant) {
		for i, s := range statuses {
			list = append(list, &mutant{file: "internal/a/b.go", function: "F", operator: "X", text: "a", number: i + 1, status: s})
		}
		return list
	}
	known := ledger{"internal/a/b.go F X: a #2": {equivalent: true}, "internal/a/b.go F X: a #3": {}}
	for _, test := range []struct {
		name     string
		tried    []*mutant
		complete bool
		efficacy float64
		failures string // what the first says, or nothing
	}{
		{"known survivors", mutants(killed, lived, lived, killed), true, 100 * 2.0 / 3, "efficacy 66.7 % is below 90 %"},
		{"all killed but what is equivalent", mutants(append(slices.Repeat([]status{killed}, 1), lived, lived, killed, killed, killed, killed, killed, killed, killed, killed)...), true, 90, ""},
		{"not covered and unknown", mutants(killed, lived, lived, notCovered), false, 50, "NOT COVERED"},
		{"timeouts and what does not compile are in neither number", mutants(killed, lived, lived, timedOut, notViable), false, 50, ""},
		{"the ledger is stale", mutants(killed, killed, lived), false, 100 * 2.0 / 3, "the ledger says it lives"},
		{"an unknown survivor", mutants(lived), false, 0, "LIVED internal/a/b.go"},
		{"not there any more", mutants(killed), true, 100, "not there any more"},
	} {
		s := judge("a", test.tried, len(test.tried), test.complete, known)
		s.again = !test.complete
		if d := s.efficacy() - test.efficacy; d > 0.01 || d < -0.01 {
			t.Errorf("%s: efficacy %v, want %v", test.name, s.efficacy(), test.efficacy)
		}
		found := append(s.failures(90), "")
		if (found[0] == "") != (test.failures == "") || !strings.Contains(found[0], test.failures) {
			t.Errorf("%s: %q, want %q", test.name, found, test.failures)
		}
	}
}

const sample = `package sample

const limit = 3 * 4

type answer bool

type duration int64

func f(a, b int, s string, d duration) (bool, int) {
	n := 0
	for i := 0; i < a; i++ {
		n--
	}
	if a < b && s != "x"+s || a-b*2 >= -b%3 {
		n += a / b
	}
	_ = answer(a > b)
	return a == b == (b <= limit), n + int(2*d)
}
`

// Every operator is found where it is, all mutants together compile, and without
// one that is on the code does what it did.
func TestInstrument(t *testing.T) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, "sample.go", sample, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	c := &code{dir: ".", set: set, files: map[string]*file{"sample.go": {[]byte(sample), tree}}}
	c.info.Types = map[ast.Expr]types.TypeAndValue{}
	if _, err := (&types.Config{}).Check("sample", set, []*ast.File{tree}, &c.info); err != nil {
		t.Fatal(err)
	}
	var mutants []*mutant
	ast.Inspect(tree, func(n ast.Node) bool {
		if pos, tok := operatorOf(n); pos.IsValid() {
			for operator, made := range replacements {
				if _, ok := made[tok]; ok {
					at := set.Position(pos)
					mutants = append(mutants, &mutant{file: "sample.go", operator: operator, line: at.Line, column: at.Column})
				}
			}
		}
		return true
	})
	if mutants, err = c.locate(mutants); err != nil {
		t.Fatal(err)
	}
	number(mutants)
	var together []*mutant
	status := map[string]string{}
	for _, m := range mutants {
		switch {
		case m.status == notViable:
			status[m.text] = "strings"
		case m.apart:
			status[m.text] = "apart"
		default:
			together = append(together, m)
		}
	}
	if status[`"x"+s`] != "strings" || status["3 * 4"] != "apart" || len(together) < 20 {
		t.Errorf("%d mutants together, and %v", len(together), status)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module sample\n\ngo 1.26\n", "sample.go": string(c.instrument("sample.go", together)),
		"support.go": strings.NewReplacer("%s", "sample", "%d", "100", "%%", "%").Replace(support),
		"sample_test.go": `package sample

import "testing"

func TestSample(t *testing.T) {
	if ok, n := f(7, 3, "s", 5); ok || n != 5 {
		t.Error(ok, n)
	}
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(env string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", ".")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env)
		output, err := cmd.CombinedOutput()
		return string(output), err
	}
	if output, err := run("MUTANT="); err != nil {
		t.Fatalf("without a mutant: %v\n%s", err, output)
	}
	reached := filepath.Join(dir, "reached")
	if output, err := run("MUTANT_REACHED=" + reached); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	text, err := os.ReadFile(reached)
	if err != nil || !slices.Contains(strings.Fields(string(text)), "2") {
		t.Errorf("what was reached reads %q, %v", text, err)
	}
	if output, err := run("MUTANT=" + decrement(together)); err == nil {
		t.Errorf("a decrement turned round is not noticed:\n%s", output)
	}
	for _, m := range mutants {
		changed := string(c.alone(m))
		if changed == sample {
			t.Errorf("%s changes nothing", m)
		}
	}
}

// decrement returns the number of the mutant of n--.
func decrement(mutants []*mutant) string {
	for _, m := range mutants {
		if m.text == "n--" {
			return strconv.Itoa(m.id)
		}
	}
	return ""
}
