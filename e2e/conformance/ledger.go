package main

import (
	_ "embed"
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

//go:embed known.txt
var knownText string

// known is a group of cases that do not pass, and how many of them there are.
// Reasons stand above them in known.txt.
type known struct {
	status  string
	count   int
	pattern *regexp.Regexp
}

// parseKnown reads lines of "STATUS COUNT PATTERN"; what begins with # is a reason.
func parseKnown(text string) ([]known, error) {
	var list []known
	reason := false
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			reason = false
			continue
		}
		if strings.HasPrefix(line, "#") {
			reason = true
			continue
		}
		if !reason {
			return nil, fmt.Errorf("line %d has no reason above it", n+1)
		}
		status, rest, _ := strings.Cut(line, " ")
		number, expression, _ := strings.Cut(rest, " ")
		count, err := strconv.Atoi(number)
		if err != nil || count < 1 {
			return nil, fmt.Errorf("line %d is not STATUS COUNT PATTERN", n+1)
		}
		pattern, err := regexp.Compile(expression)
		if err != nil || expression == "" {
			return nil, fmt.Errorf("line %d: the pattern is not a regular expression", n+1)
		}
		list = append(list, known{status, count, pattern})
	}
	return list, nil
}

// testcase is one line of the suite's report.
type testcase struct {
	Name   string `xml:"name,attr"`
	Status string `xml:"status,attr"`
	Detail string `xml:"system-out"`
}

func parseReport(report []byte) ([]testcase, error) {
	var doc struct {
		Cases []testcase `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(report, &doc); err != nil {
		return nil, fmt.Errorf("reading the suite's report: %w", err)
	}
	return doc.Cases, nil
}

// differences compares a report with what is known: it names every case that does
// not pass and is not known, and every group that has more or fewer cases than
// known, because some of them pass by now.
func differences(cases []testcase, list []known) []string {
	var found []string
	counts := make([]int, len(list))
	for _, c := range cases {
		if c.Status == "passed" {
			continue
		}
		group := -1
		for i, k := range list {
			if k.status == c.Status && k.pattern.MatchString(c.Name) {
				group = i
				break
			}
		}
		if group < 0 {
			found = append(found, fmt.Sprintf("%s: %s: %s", c.Name, c.Status, strings.TrimSpace(c.Detail)))
			continue
		}
		counts[group]++
	}
	for i, k := range list {
		if counts[i] != k.count {
			found = append(found, fmt.Sprintf("known.txt: %d cases of %s are %s, not %d: correct the list, or the sandbox",
				counts[i], k.pattern, k.status, k.count))
		}
	}
	if len(cases) == 0 {
		found = append(found, "the suite ran no case")
	}
	return found
}
