package audit

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pullpass/pullpass"
)

// Reader reads a chain in order of sequence; a page starts after the sequence in
// Page.After.
type Reader interface {
	Events(context.Context, pullpass.OrganizationID, pullpass.EventFilter, pullpass.Page) (pullpass.List[pullpass.Event], error)
	EventHead(context.Context, pullpass.OrganizationID) (Head, error)
}

// Report is what Verify found.
type Report struct {
	Organization pullpass.OrganizationID
	Checked      int64 // events that are as they were written
	Head         Head  // of the chain when the check began: keep it elsewhere, and compare
	Bad          *Bad  // nil: the chain is whole
}

// Whole reports whether nothing was found.
func (r Report) Whole() bool { return r.Bad == nil }

// Bad is the first record that is not as it was written.
type Bad struct {
	Sequence int64
	Problem  Problem
	Cause    string
}

// Problem is what is wrong with a record.
type Problem string

// The problems.
const (
	Changed   Problem = "changed"   // its content does not match its hash
	Unlinked  Problem = "unlinked"  // it does not follow the record before
	Missing   Problem = "missing"   // there is a gap
	Truncated Problem = "truncated" // the end of the chain is gone
	Appended  Problem = "appended"  // there are records that the head does not know
)

// Verify reads the chain of org from its beginning and reports the first record
// that was changed, moved or taken away. Events appended meanwhile are left to
// the next check. An error means that the chain could not be read.
func Verify(ctx context.Context, r Reader, org pullpass.OrganizationID) (Report, error) {
	head, err := r.EventHead(ctx, org)
	if err != nil {
		return Report{}, fmt.Errorf("verifying the audit chain: %w", err)
	}
	report := Report{Organization: org, Head: head}
	var last Head
	for last.Sequence < head.Sequence {
		page, err := r.Events(ctx, org, pullpass.EventFilter{}, pullpass.Page{
			After: strconv.FormatInt(last.Sequence, 10), Limit: pullpass.MaxPage,
		})
		if err != nil {
			return Report{}, fmt.Errorf("verifying the audit chain after event %d: %w", last.Sequence, err)
		}
		if len(page.Items) == 0 {
			break
		}
		for _, e := range page.Items {
			if e.Sequence > head.Sequence && last.Sequence == head.Sequence {
				break // appended since the check began
			}
			if report.Bad = check(last, e, org); report.Bad != nil {
				return report, nil
			}
			last = Head{Sequence: e.Sequence, Hash: e.Hash}
			report.Checked++
		}
	}
	report.Bad, err = checkEnd(ctx, r, org, last, head)
	return report, err
}

func check(last Head, e pullpass.Event, org pullpass.OrganizationID) *Bad {
	next := last.Sequence + 1
	switch {
	case e.Sequence != next:
		return &Bad{next, Missing, fmt.Sprintf("the next record there is has sequence %d", e.Sequence)}
	case e.Previous != last.Hash:
		return &Bad{next, Unlinked, "it does not carry the hash of the record before"}
	case e.Organization != org || e.Hash != Hash(e):
		return &Bad{next, Changed, "its content does not match its hash"}
	}
	return nil
}

func checkEnd(ctx context.Context, r Reader, org pullpass.OrganizationID, last, head Head) (*Bad, error) {
	switch {
	case last.Sequence < head.Sequence:
		return &Bad{last.Sequence + 1, Truncated, fmt.Sprintf("the chain ends at %d, its head says %d", last.Sequence, head.Sequence)}, nil
	case last.Hash != head.Hash:
		return &Bad{last.Sequence, Changed, "its hash is not the one that the head of the chain keeps"}, nil
	case head.Sequence > 0:
		return nil, nil
	}
	page, err := r.Events(ctx, org, pullpass.EventFilter{}, pullpass.Page{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("verifying the audit chain: %w", err)
	}
	now, err := r.EventHead(ctx, org)
	if err != nil {
		return nil, fmt.Errorf("verifying the audit chain: %w", err)
	}
	if len(page.Items) > 0 && now.Sequence == 0 {
		return &Bad{page.Items[0].Sequence, Appended, "there are records, and the head of the chain knows none"}, nil
	}
	return nil, nil
}
