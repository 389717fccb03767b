package clients

import (
	"fmt"
	"strings"
)

// Answer is what a client would use.
type Answer struct {
	Client   string `json:"client"`
	Versions string `json:"versions"`
	// Place and Entry are empty where it would go on without a credential.
	Place string `json:"place,omitempty"` // a file, or a variable
	Entry string `json:"entry,omitempty"` // credHelpers["ghcr.io"]
	// Helper is the program that it would run.
	Helper string `json:"helper,omitempty"`
	// Problem is why that would fail.
	Problem string   `json:"problem,omitempty"`
	Steps   []string `json:"steps"`
	Notes   []string `json:"notes,omitempty"`
	Source  string   `json:"source"`
}

// Text is the answer in a line.
func (a Answer) Text() string {
	switch {
	case a.Entry == "" && a.Problem != "":
		return "cannot tell: " + a.Problem
	case a.Entry == "":
		return "nothing: it goes on without a credential"
	}
	text := fmt.Sprintf("%s in %s", a.Entry, a.Place)
	if a.Helper != "" {
		text += ", which runs " + a.Helper
	}
	if a.Problem != "" {
		text += ": " + a.Problem
	}
	return text
}

func (a *Answer) step(format string, args ...any) {
	a.Steps = append(a.Steps, fmt.Sprintf(format, args...))
}

// found sets what is used.
func (a *Answer) found(place, entry string) {
	a.Place, a.Entry = place, entry
	a.step("%s: %s is used", place, entry)
}

// runs sets the helper that is run, and finds out whether it is there.
func (a *Answer) runs(w World, place, entry, helper string) {
	a.found(place, entry)
	a.Helper = "docker-credential-" + helper
	if strings.ContainsAny(helper, `/\`) {
		a.Problem = "the helper's name holds a slash, which clients refuse or look for in vain"
		return
	}
	if _, err := w.LookPath(a.Helper); err != nil {
		a.Problem = a.Helper + " is not on the PATH"
	}
}
