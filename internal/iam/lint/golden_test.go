package lint

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/pullpass/pullpass/internal/sarif"
)

var update = flag.Bool("update", false, "write the golden files and docs/policy-lint.md anew")

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run the test with -update; got:\n%s", path, got)
	}
}

func TestMarkdown(t *testing.T) {
	golden(t, "../../../docs/policy-lint.md", Markdown())
}

// report lints a file of testdata.
func report(t *testing.T, path string, kind Kind, facts Facts) File {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Document(data, kind, facts)
	if err != nil {
		t.Fatal(err)
	}
	return File{path, r}
}

func outputs(t *testing.T) []File {
	return []File{
		report(t, "testdata/seed-trust.json", Unknown, Facts{Account: "222222222222"}),
		report(t, "testdata/mistakes.json", Unknown, Facts{}),
		report(t, "testdata/clean.json", Identity, Facts{}),
	}
}

func TestJSON(t *testing.T) {
	got, err := JSON(outputs(t))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/findings.json", got)
}

func TestText(t *testing.T) {
	golden(t, "testdata/findings.txt", Text(outputs(t)))
}

func TestSARIF(t *testing.T) {
	got, err := SARIF(outputs(t), "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/findings.sarif", got)

	var log sarif.Log
	if err := json.Unmarshal(got, &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Results) == 0 {
		t.Error("no results")
	}
	for _, r := range run.Results {
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("result %s has the index of %s", r.RuleID, run.Tool.Driver.Rules[r.RuleIndex].ID)
		}
		for _, l := range r.Locations {
			if at := l.Physical.Region; at.StartLine < 1 || at.StartColumn < 1 || at.EndLine < at.StartLine {
				t.Errorf("result %s has region %+v", r.RuleID, at)
			}
		}
	}
}

func TestFixGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/mistakes.json")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := Fix(data, Unknown, Facts{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/mistakes.fixed.json", got)
}
