package api

import "github.com/pullpass/pullpass"

// Problem is every error answer: RFC 9457, with the three parts that a person
// needs. It never repeats what was sent.
type Problem struct {
	Type   string          `json:"type" format:"uri-reference" doc:"Names the kind of problem; about:blank means that status and kind say it all." example:"about:blank"`
	Title  string          `json:"title" doc:"The status in words." example:"Conflict"`
	Status int             `json:"status" doc:"The HTTP status." example:"409"`
	Detail string          `json:"detail" doc:"What failed." example:"cannot add the registry payments"`
	Kind   pullpass.Kind   `json:"kind" enum:"internal,invalid,unauthenticated,denied,not_found,conflict,limited,unavailable" doc:"What the problem means to the caller."`
	Code   string          `json:"code,omitempty" doc:"Stable, for programs." example:"registry_tie"`
	Cause  string          `json:"cause,omitempty" doc:"Why it failed."`
	Hint   string          `json:"hint,omitempty" doc:"What to do about it."`
	Errors []ProblemDetail `json:"errors,omitempty" nullable:"false" doc:"What is wrong with the request, field by field."`
	// Instance names this one answer in the server's log.
	Instance string `json:"instance,omitempty" doc:"Find it in the server's log."`
}

// ProblemDetail is one thing wrong with a request.
type ProblemDetail struct {
	Location string `json:"location,omitempty" doc:"Where, never what was there." example:"body.host"`
	Message  string `json:"message" doc:"What is wrong there." example:"required"`
}
