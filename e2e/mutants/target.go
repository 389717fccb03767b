package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is a package whose tests have to notice faults.
type target struct {
	name  string
	code  []string // directories below internal whose files are changed
	tests []string // directories below internal whose tests are run
	large bool     // of its mutants a sample is tried, and its survivors are not all listed
}

// targets are the packages that security and correctness rest on. store's own
// tests are those of store/sqlite: one suite for both databases.
var targets = []target{
	one("access"), one("seal"), one("signin"), one("agent"), one("audit"), one("identity"), one("egress"),
	one("reference"), one("helper"), one("broker"), one("oci"), one("aws"),
	{"iam", []string{"iam", "iam/lint"}, []string{"iam", "iam/lint"}, true},
	{"store", []string{"store", "store/sqlite"}, []string{"store/sqlite"}, true},
}

func one(name string) target { return target{name, []string{name}, []string{name}, false} }

// choose returns the targets with these names, all if there are none.
func choose(names string) ([]target, error) {
	if names == "" {
		return targets, nil
	}
	var chosen []target
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(targets, func(t target) bool { return t.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no target %q", name)
		}
		chosen = append(chosen, targets[i])
	}
	return chosen, nil
}
