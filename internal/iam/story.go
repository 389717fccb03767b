package iam

// Status is how a step of a story went.
type Status string

// The statuses. Unknown means that a policy that decides could not be read, or that a
// condition asks for what only the real request shows.
const (
	StepOK      Status = "ok"
	StepDenied  Status = "denied"
	StepUnknown Status = "unknown"
	StepNote    Status = "note"
)

// Story tells how somebody got, or did not get, what they asked for.
type Story struct {
	Verb       Verb       `json:"verb"`
	Repository Repository `json:"repository"`
	Status     Status     `json:"status"` // denied if any step is, else unknown if any is
	Steps      []Step     `json:"steps"`
}

// Step is one call, or one thing to know.
type Step struct {
	Title    string `json:"title"`
	Status   Status `json:"status"`
	Action   string `json:"action,omitempty"`
	Resource string `json:"resource,omitempty"`
	Caller   string `json:"caller,omitempty"`
	// Cause says why the step is not ok, in order of importance.
	Cause []string `json:"cause,omitempty"`
	// Unknown names the condition keys that decide and are not known.
	Unknown []string `json:"unknown,omitempty"`
	// Fix says what to do; Additions are the statements that it speaks of.
	Fix       []string   `json:"fix,omitempty"`
	Additions []Addition `json:"additions,omitempty"`
	Claims    []Claim    `json:"claims,omitempty"`
	// Notes are true whether or not the step is ok.
	Notes []string `json:"notes,omitempty"`
}

// Claim lays what a trust policy asks of one key beside what the token says.
type Claim struct {
	Statement int      `json:"statement"` // in the trust policy, from 0
	Key       string   `json:"key"`
	Operator  string   `json:"operator"`
	Patterns  []string `json:"patterns"`
	Values    []string `json:"values"` // empty: the token has no such claim
	Matched   bool     `json:"matched"`
	Note      string   `json:"note,omitempty"`
}

func (s *Story) add(step Step) {
	s.Steps = append(s.Steps, step)
	switch {
	case step.Status == StepDenied:
		s.Status = StepDenied
	case step.Status == StepUnknown && s.Status != StepDenied:
		s.Status = StepUnknown
	}
}
