package api

import "github.com/pullpass/pullpass"

// AuditReport says whether an organization's audit chain is whole.
type AuditReport struct {
	Whole   bool   `json:"whole" doc:"Every record is there and unchanged."`
	Events  int64  `json:"events" doc:"How many records were checked."`
	Head    string `json:"head,omitempty" doc:"Hash of the last record: keep it elsewhere to prove that none was cut off."`
	Broken  int64  `json:"broken,omitempty" doc:"Sequence of the first record that does not fit."`
	Problem string `json:"problem,omitempty" doc:"What does not fit there."`
}

// Event is an audit record, as the root package writes it.
type Event = pullpass.Event
