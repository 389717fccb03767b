package main

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed ledger.txt
var ledgerText string

// ledger says of survivors why they may live.
type ledger map[string]entry

// entry is one line: equivalent mutants behave as the program does, and are left
// out of the ratio; untested ones count against it.
type entry struct {
	equivalent bool
	reason     string
}

// parseLedger reads paragraphs: a reason in lines that begin with #, then lines of
// "equivalent KEY" or "untested KEY".
func parseLedger(text string) (ledger, error) {
	l := ledger{}
	reason, open := "", false
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			reason, open = "", false
		case strings.HasPrefix(line, "#"):
			if !open {
				reason = ""
			}
			reason, open = strings.TrimSpace(reason+" "+strings.TrimSpace(strings.TrimLeft(line, "#"))), true
		default:
			open = false
			word, key, _ := strings.Cut(line, " ")
			if reason == "" {
				return nil, fmt.Errorf("line %d has no reason above it", n+1)
			}
			if word != "equivalent" && word != "untested" || !strings.HasPrefix(key, "internal/") {
				return nil, fmt.Errorf("line %d is not equivalent or untested and a mutant's key", n+1)
			}
			if _, ok := l[key]; ok {
				return nil, fmt.Errorf("line %d: duplicate key %s", n+1, key)
			}
			l[key] = entry{word == "equivalent", reason}
		}
	}
	return l, nil
}
