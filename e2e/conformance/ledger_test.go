package main

import (
	"strings"
	"testing"
)

const report = `<testsuites><testsuite name="s">
<testcase name="a/pull" status="passed"></testcase>
<testcase name="sha512/push" status="failure"><system-out>400</system-out></testcase>
<testcase name="a/blob-delete" status="skipped"></testcase>
</testsuite></testsuites>`

func TestDifferences(t *testing.T) {
	const expected = "# reason\nfailure 1 sha512\n\n# reason\nskipped 1 /blob-delete$\n"
	for _, test := range []struct{ name, known, report, want string }{
		{"as known", expected, report, ""},
		{"a new failure", expected, strings.Replace(report, `"passed"`, `"failure"`, 1), "a/pull: failure"},
		{"an unexpected success", expected, strings.Replace(report, `"failure"`, `"passed"`, 1), "0 cases of sha512 are failure, not 1"},
		{"a failure that was a skip", expected, strings.Replace(report, `"skipped"`, `"failure"`, 1), "a/blob-delete: failure"},
		{"more of them", strings.Replace(expected, "failure 1", "failure 2", 1), report, "1 cases of sha512 are failure, not 2"},
		{"nothing ran", expected, "<testsuites></testsuites>", "ran no case"},
	} {
		list, err := parseKnown(test.known)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		cases, err := parseReport([]byte(test.report))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		got := strings.Join(differences(cases, list), "\n")
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: differences %q, want %q", test.name, got, test.want)
		}
	}
}

func TestKnownListHasReasons(t *testing.T) {
	if list, err := parseKnown(knownText); err != nil || len(list) == 0 {
		t.Errorf("known.txt: %d groups, %v", len(list), err)
	}
	for _, text := range []string{"failure 1 x", "# reason\nfailure x x", "# reason\nfailure 1 (", "# reason\n\nfailure 1 x", "# r\nfailure 0 x"} {
		if _, err := parseKnown(text); err == nil {
			t.Errorf("parseKnown(%q) takes it", text)
		}
	}
}
