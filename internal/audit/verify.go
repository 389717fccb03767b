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
	Events(
		context.Context,
		pullpass.OrganizationID,
		pullpass.EventFilter,
		pullpass.Page,
	) (pullpass.List[pullpass.Event], error)
	AuditSeals(context.Context, pullpass.OrganizationID) (Seals, error)
}

// Report is what Verify found.
type Report struct {
	Organization pullpass.OrganizationID
	Checked      int64 // events that are as they were written
	From         Head  // after which the check began: the cut, or what was kept
	Pruned       int64 // records up to this one were removed by a prune, under a signature
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
	Unsigned  Problem = "unsigned"  // head or cut do not carry this server's signature
	Broken    Problem = "broken"    // a server found another end than the one that it knew
)

// Verify reads the chain of org and reports the first record that was changed,
// moved or taken away. It begins after the head since, which somebody has kept
// and which must still be there, or without one at the beginning: after the cut,
// where records were pruned. Events appended meanwhile are left to the next check.
// An error means that the chain could not be read.
func Verify(ctx context.Context, r Reader, org pullpass.OrganizationID, since Head) (Report, error) {
	seals, err := r.AuditSeals(ctx, org)
	if err != nil {
		return Report{}, fmt.Errorf("verifying the audit chain: %w", err)
	}
	report := Report{Organization: org, Head: seals.Head, Pruned: seals.Cut.Sequence, From: seals.Cut}
	if report.Bad, err = checkStart(ctx, r, org, seals, since); report.Bad != nil || err != nil {
		return report, err
	}
	if since.Sequence > 0 {
		report.From = since
	}
	last := report.From
	for last.Sequence < seals.Head.Sequence {
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
			if e.Sequence > seals.Head.Sequence && last.Sequence == seals.Head.Sequence {
				break // appended since the check began
			}
			if report.Bad = check(last, e, org); report.Bad != nil {
				return report, nil
			}
			last = Head{Sequence: e.Sequence, Hash: e.Hash}
			report.Checked++
		}
	}
	report.Bad, err = checkEnd(ctx, r, org, last, seals)
	return report, err
}

// checkStart checks the cut, and that the head which somebody has kept is there.
func checkStart(ctx context.Context, r Reader, org pullpass.OrganizationID, s Seals, since Head) (*Bad, error) {
	switch {
	case s.Cut.Sequence > 0 && (s.Signer == nil || !s.Signer.Verifies(s.Cut, PurposeCut, s.CutSignature)):
		return &Bad{
			s.Cut.Sequence,
			Unsigned,
			"records up to it are gone, and their cut does not carry this server's signature",
		}, nil
	case since.Sequence == 0:
		return nil, nil
	case since.Sequence < s.Cut.Sequence:
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "audit_pruned", What: fmt.Sprintf("cannot verify since record %d", since.Sequence),
			Cause: fmt.Sprintf(
				"records up to %d were pruned",
				s.Cut.Sequence,
			), Hint: "give a later head, or none: pullpass audit verify",
		}
	case since.Sequence == s.Cut.Sequence && since.Hash == s.Cut.Hash:
		return nil, nil
	case since.Sequence > s.Head.Sequence:
		return &Bad{
			s.Head.Sequence + 1,
			Truncated,
			fmt.Sprintf("the chain ends at %d, and it once had record %d", s.Head.Sequence, since.Sequence),
		}, nil
	}
	page, err := r.Events(
		ctx,
		org,
		pullpass.EventFilter{},
		pullpass.Page{After: strconv.FormatInt(since.Sequence-1, 10), Limit: 1},
	)
	if err != nil {
		return nil, fmt.Errorf("verifying the audit chain: %w", err)
	}
	if len(page.Items) == 0 || page.Items[0].Sequence != since.Sequence {
		return &Bad{since.Sequence, Missing, "the record whose hash was kept is gone"}, nil
	}
	if e := page.Items[0]; e.Hash != since.Hash || Hash(e) != since.Hash {
		return &Bad{since.Sequence, Changed, "its hash is not the one that was kept"}, nil
	}
	return nil, nil
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
	case e.Action == ActionBreak:
		return &Bad{next, Broken, "a server found that " + e.Reason}
	}
	return nil
}

func checkEnd(ctx context.Context, r Reader, org pullpass.OrganizationID, last Head, s Seals) (*Bad, error) {
	head := s.Head
	switch {
	case last.Sequence < head.Sequence:
		return &Bad{
			last.Sequence + 1,
			Truncated,
			fmt.Sprintf("the chain ends at %d, its head says %d", last.Sequence, head.Sequence),
		}, nil
	case last.Hash != head.Hash:
		return &Bad{last.Sequence, Changed, "its hash is not the one that the head of the chain keeps"}, nil
	case s.Highest.Sequence > head.Sequence:
		return &Bad{head.Sequence + 1, Truncated, s.Problem()}, nil
	case s.Problem() != "":
		return &Bad{head.Sequence, Unsigned, s.Problem()}, nil
	case head.Sequence > 0:
		return nil, nil
	}
	page, err := r.Events(ctx, org, pullpass.EventFilter{}, pullpass.Page{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("verifying the audit chain: %w", err)
	}
	now, err := r.AuditSeals(ctx, org)
	if err != nil {
		return nil, fmt.Errorf("verifying the audit chain: %w", err)
	}
	if len(page.Items) > 0 && now.Head.Sequence == 0 {
		return &Bad{page.Items[0].Sequence, Appended, "there are records, and the head of the chain knows none"}, nil
	}
	return nil, nil
}
