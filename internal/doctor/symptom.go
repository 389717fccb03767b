package doctor

import (
	"regexp"
	"slices"
)

// Symptom is one line of the table: what people see, what it comes from, what
// helps. The doctor's findings name a line by its code.
type Symptom struct {
	Code  string // stable, in JSON
	Seen  string // what Docker, AWS, a registry or Kubernetes says
	Cause string
	Fix   string

	// FromText marks a row that no pull of ours ends with: it is recognized only in
	// what other programs print.
	FromText bool

	// errors are the codes of Pullpass errors that mean this symptom.
	errors []string
}

// symptoms is the whole table. docs/doctor.md is made from it.
var symptoms = slices.Concat(pullSymptoms, clientSymptoms)

// Symptoms lists the table, in the order of a pull.
func Symptoms() []Symptom { return slices.Clone(symptoms) }

// SymptomOf finds a line by its code.
func SymptomOf(code string) (Symptom, bool) {
	return first(func(s Symptom) bool { return s.Code == code })
}

func symptomOfError(code string) (Symptom, bool) {
	return first(func(s Symptom) bool { return slices.Contains(s.errors, code) })
}

func first(match func(Symptom) bool) (Symptom, bool) {
	i := slices.IndexFunc(symptoms, match)
	if i < 0 {
		return Symptom{}, false
	}
	return symptoms[i], true
}

func codes(list ...string) []string { return list }

func saying(pattern string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + pattern) }
