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

	// errors are the codes of this house's errors that mean this symptom.
	errors []string
	// said recognizes it in what other programs print.
	said *regexp.Regexp
}

// Symptoms lists the table, in the order of a pull.
func Symptoms() []Symptom { return slices.Clone(symptoms) }

// SymptomOf finds a line by its code.
func SymptomOf(code string) (Symptom, bool) {
	return first(func(s Symptom) bool { return s.Code == code })
}

// Recognize finds the symptom in what another program printed: docker, the AWS
// CLI, kubectl. The more telling lines are tried first.
func Recognize(text string) (Symptom, bool) {
	if lateSecret.MatchString(text) {
		return SymptomOf("pull_secret_late")
	}
	for _, code := range recognizeFirst {
		if s, ok := SymptomOf(code); ok && s.said.MatchString(text) {
			return s, true
		}
	}
	return first(func(s Symptom) bool { return s.said != nil && s.said.MatchString(text) })
}

// recognizeFirst are symptoms whose text holds another one's, too.
var recognizeFirst = []string{"denied_explicitly", "token_denied"}

// lateSecret is a Pod that was refused for want of any credential. A Pod that cannot
// pull for another reason (no such tag, a timeout) says ImagePullBackOff as well.
var lateSecret = saying(`unable to retrieve some image pull secrets|(?s:imagepullbackoff.*(?:no basic auth credentials|authentication required|pull access denied)|(?:no basic auth credentials|authentication required|pull access denied).*imagepullbackoff)`)

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
