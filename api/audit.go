package api

import (
	"time"

	"github.com/pullpass/pullpass"
)

// AuditReport says whether an organization's audit chain is whole.
type AuditReport struct {
	Whole   bool   `json:"whole" doc:"Every record is there and unchanged."`
	Events  int64  `json:"events" doc:"How many records were checked."`
	Head    string `json:"head,omitempty" doc:"Sequence and hash of the last record: keep it elsewhere, and give it back as since."`
	From    int64  `json:"from,omitempty" doc:"The check began after this record: the cut of a prune, or what since names."`
	Pruned  int64  `json:"pruned,omitempty" doc:"Records up to this one were pruned; the cut carries the signature of this organization's audit key."`
	Broken  int64  `json:"broken,omitempty" doc:"Sequence of the first record that does not fit."`
	Problem string `json:"problem,omitempty" doc:"What does not fit there."`
}

// AuditCheckpoint is a signed statement about the audit log, to be kept or
// published where nobody who can write the database can change it.
type AuditCheckpoint struct {
	Sequence   int64  `json:"sequence" doc:"The last record."`
	Hash       string `json:"hash" doc:"Its hash."`
	Checkpoint string `json:"checkpoint" doc:"A signed note in the form of C2SP tlog-checkpoint."`
	Key        string `json:"key" doc:"The verifier key of the note: keep it from the beginning."`
}

// AuditPrune removes old audit records.
type AuditPrune struct {
	Before time.Time `json:"before" doc:"Records of before this time go, but for the newest and what the webhook has not delivered."`
}

// AuditPruned is what a prune did.
type AuditPruned struct {
	Cut     int64  `json:"cut" doc:"Records up to this one are gone; 0: none."`
	Hash    string `json:"hash,omitempty" doc:"Hash of the last record that went."`
	Removed int64  `json:"removed" doc:"How many records went now."`
}

// Event is an audit record, as the root package writes it.
type Event = pullpass.Event
