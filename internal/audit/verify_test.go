package audit_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

// kept is a chain in memory, in pages of four, which fails as it is told.
type kept struct {
	events []pullpass.Event
	seals  []audit.Seals // one for each time that they are read, the last for good
	fail   map[string]error
	read   int
}

var errDisk = errors.New("the disk is gone")

func (k *kept) Events(_ context.Context, _ pullpass.OrganizationID, _ pullpass.EventFilter, p pullpass.Page) (pullpass.List[pullpass.Event], error) {
	k.read++
	if err := k.fail["events"]; err != nil || k.read > 50 {
		return pullpass.List[pullpass.Event]{}, errors.Join(err, errors.New("read again and again"))
	}
	after, _ := strconv.ParseInt(p.After, 10, 64)
	var l pullpass.List[pullpass.Event]
	for _, e := range k.events {
		if e.Sequence > after && len(l.Items) < min(4, p.Limit) {
			l.Items = append(l.Items, e)
		}
	}
	return l, nil
}

func (k *kept) AuditSeals(context.Context, pullpass.OrganizationID) (audit.Seals, error) {
	s := k.seals[0]
	if len(k.seals) > 1 {
		k.seals = k.seals[1:]
	} else if err := k.fail["seals again"]; err != nil {
		return s, err
	}
	return s, k.fail["seals"]
}

// sealed is a whole chain of n records, of which the first cut were pruned.
func sealed(t *testing.T, n, cut int) *kept {
	t.Helper()
	s := signer(t, 7)
	events := chain(n)
	k := &kept{events: slices.Clone(events[cut:]), fail: map[string]error{}}
	seals := audit.Seals{Signer: s}
	if n > 0 {
		seals.Head = headOf(events[n-1])
		seals.HeadSignature, seals.Highest = s.Sign(seals.Head, audit.PurposeHead), seals.Head
	}
	if cut > 0 {
		seals.Cut = headOf(events[cut-1])
		seals.CutSignature = s.Sign(seals.Cut, audit.PurposeCut)
	}
	k.seals = []audit.Seals{seals}
	return k
}

// What somebody with the database in hand can do to a chain of nine records, and
// what Verify says of it: which record, and what is wrong with it.
func TestVerifyFinds(t *testing.T) {
	whole := chain(12)
	for _, test := range []struct {
		name     string
		n, cut   int
		since    audit.Head
		change   func(*kept)
		sequence int64 // 0: whole
		problem  audit.Problem
		checked  int64
	}{
		{"whole", 9, 0, audit.Head{}, nil, 0, "", 9},
		{"one record", 1, 0, audit.Head{}, nil, 0, "", 1},
		{"nothing", 0, 0, audit.Head{}, nil, 0, "", 0},
		{"nothing, and no key yet", 0, 0, audit.Head{}, func(k *kept) { k.seals[0].Signer = nil }, 0, "", 0},
		{"pruned", 9, 4, audit.Head{}, nil, 0, "", 5},
		{"since a record", 9, 0, headOf(whole[5]), nil, 0, "", 3},
		{"since the last", 9, 0, headOf(whole[8]), nil, 0, "", 0},
		{"since the cut", 9, 4, headOf(whole[3]), nil, 0, "", 5},
		{"records are appended meanwhile", 9, 0, audit.Head{}, func(k *kept) { k.events = slices.Clone(whole) }, 0, "", 9},

		{"a record is changed", 9, 0, audit.Head{}, func(k *kept) { k.events[6].Caller.Name = "x" }, 7, audit.Changed, 6},
		{"a record is taken away", 9, 0, audit.Head{}, func(k *kept) { k.events = slices.Delete(k.events, 4, 5) }, 5, audit.Missing, 4},
		{"the first record is taken away", 9, 0, audit.Head{}, func(k *kept) { k.events = k.events[1:] }, 1, audit.Missing, 0},
		{"the last record is taken away", 9, 0, audit.Head{}, func(k *kept) { k.events = k.events[:8] }, 9, audit.Truncated, 8},
		{"the last, and more come", 9, 0, audit.Head{}, func(k *kept) { k.events = slices.Delete(slices.Clone(whole), 8, 9) }, 9, audit.Missing, 8},
		{"the last record stands twice", 9, 0, audit.Head{}, func(k *kept) { k.events = append(k.events, k.events[8]) }, 10, audit.Missing, 9},
		{"all of it is taken away", 9, 0, audit.Head{}, func(k *kept) { k.events = nil }, 1, audit.Truncated, 0},
		{"a record is unlinked", 9, 0, audit.Head{}, func(k *kept) {
			k.events[3].Previous = ""
			k.events[3].Hash = audit.Hash(k.events[3])
		}, 4, audit.Unlinked, 3},
		{"of another organization", 9, 0, audit.Head{}, func(k *kept) {
			k.events[0].Organization = "org_2"
			k.events[0].Hash = audit.Hash(k.events[0])
		}, 1, audit.Changed, 0},
		{"the chain is made anew", 9, 0, audit.Head{}, func(k *kept) { k.events = rewritten(k.events) }, 9, audit.Changed, 9},
		{"the chain is made anew, with its head", 9, 0, audit.Head{}, func(k *kept) {
			k.events = rewritten(k.events)
			k.seals[0].Head = headOf(k.events[8])
			k.seals[0].Highest = audit.Head{}
		}, 9, audit.Unsigned, 9},
		{"the end goes, with its head", 9, 0, audit.Head{}, func(k *kept) {
			k.events = k.events[:5]
			k.seals[0].Head = headOf(k.events[4])
			k.seals[0].HeadSignature = k.seals[0].Signer.Sign(k.seals[0].Head, audit.PurposeHead)
		}, 6, audit.Truncated, 5},
		{"a server found a break", 9, 0, audit.Head{}, func(k *kept) { k.events = broken(k.events) }, 5, audit.Broken, 4},
		{"everything goes, with its head", 9, 0, audit.Head{}, func(k *kept) {
			k.events, k.seals[0].Head, k.seals[0].HeadSignature = nil, audit.Head{}, ""
		}, 1, audit.Truncated, 0},
		{"there are records, and the head knows none", 0, 0, audit.Head{}, func(k *kept) { k.events = chain(2) }, 1, audit.Appended, 0},
		{"the first is appended meanwhile", 0, 0, audit.Head{}, func(k *kept) {
			k.events = chain(1)
			k.seals = append(k.seals, audit.Seals{Head: headOf(k.events[0])})
		}, 0, "", 0},

		{"the cut is not signed", 9, 4, audit.Head{}, func(k *kept) { k.seals[0].CutSignature = "" }, 4, audit.Unsigned, 0},
		{"the cut is signed as a head", 9, 4, audit.Head{}, func(k *kept) {
			k.seals[0].CutSignature = k.seals[0].Signer.Sign(k.seals[0].Cut, audit.PurposeHead)
		}, 4, audit.Unsigned, 0},
		{"a cut without a key", 9, 4, audit.Head{}, func(k *kept) { k.seals[0].Signer = nil }, 4, audit.Unsigned, 0},

		{"what was kept is changed", 9, 0, headOf(whole[5]), func(k *kept) { k.events[5].Target = "x" }, 6, audit.Changed, 0},
		{"what was kept has another hash", 9, 0, audit.Head{Sequence: 6, Hash: "v1:00"}, nil, 6, audit.Changed, 0},
		{"what was kept is gone", 9, 0, headOf(whole[5]), func(k *kept) { k.events = slices.Delete(k.events, 5, 6) }, 6, audit.Missing, 0},
		{"what was kept, and all behind it, is gone", 9, 0, headOf(whole[8]), func(k *kept) { k.events = k.events[:8] }, 9, audit.Missing, 0},
		{"what was kept lies behind the end", 9, 0, headOf(whole[10]), nil, 10, audit.Truncated, 0},
		{"the cut that was kept is another", 9, 4, audit.Head{Sequence: 4, Hash: "v1:00"}, nil, 4, audit.Missing, 0},
	} {
		k := sealed(t, test.n, test.cut)
		if test.change != nil {
			test.change(k)
		}
		report, err := audit.Verify(t.Context(), k, "org_1", test.since)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if report.Whole() != (test.sequence == 0) || !report.Whole() && (report.Bad.Sequence != test.sequence || report.Bad.Problem != test.problem) {
			t.Errorf("%s: %+v, want %d %s", test.name, report.Bad, test.sequence, test.problem)
		}
		if report.Checked != test.checked || report.Organization != "org_1" || report.Pruned != int64(test.cut) {
			t.Errorf("%s: %+v, want %d checked and %d pruned", test.name, report, test.checked, test.cut)
		}
		from := test.since
		if from == (audit.Head{}) && test.cut > 0 {
			from = headOf(whole[test.cut-1])
		}
		if report.Whole() && report.From != from {
			t.Errorf("%s: checked from %v, want %v", test.name, report.From, from)
		}
	}
}

// A chain that cannot be read is an error, and never a whole one.
func TestVerifyCannotRead(t *testing.T) {
	for name, k := range map[string]*kept{
		"the seals":  {seals: []audit.Seals{{}}, fail: map[string]error{"seals": errDisk}},
		"the events": sealed(t, 3, 0), "the events of an empty chain": sealed(t, 0, 0),
	} {
		if k.fail["seals"] == nil {
			k.fail["events"] = errDisk
		}
		for _, since := range []audit.Head{{}, headOf(chain(2)[1])} {
			if k.seals[0].Head.Sequence == 0 && since.Sequence > 0 && k.fail["seals"] == nil {
				continue // the head alone tells
			}
			if report, err := audit.Verify(t.Context(), k, "org_1", since); !errors.Is(err, errDisk) {
				t.Errorf("without %s, since %v: %+v, %v, want the disk's error", name, since, report, err)
			}
		}
	}
	again := sealed(t, 0, 0)
	again.fail["seals again"] = nil
	again.seals = append(again.seals, again.seals[0])
	again.fail["seals again"] = errDisk
	if _, err := audit.Verify(t.Context(), again, "org_1", audit.Head{}); !errors.Is(err, errDisk) {
		t.Errorf("without the seals at the end: %v, want the disk's error", err)
	}
	if _, err := audit.Verify(t.Context(), sealed(t, 9, 4), "org_1", headOf(chain(3)[2])); !pullpass.IsKind(err, pullpass.Invalid) {
		t.Errorf("since a record that was pruned: %v, want invalid", err)
	}
}

func TestSealsProblem(t *testing.T) {
	s, other := signer(t, 7), signer(t, 8)
	head, later := audit.Head{Sequence: 4, Hash: "v1:04"}, audit.Head{Sequence: 5, Hash: "v1:05"}
	for name, test := range map[string]struct {
		seals audit.Seals
		fine  bool
	}{
		"empty":                     {audit.Seals{}, true},
		"empty, with a key":         {audit.Seals{Signer: s}, true},
		"signed":                    {audit.Seals{Head: head, HeadSignature: s.Sign(head, audit.PurposeHead), Signer: s}, true},
		"signed, and seen":          {audit.Seals{Head: head, HeadSignature: s.Sign(head, audit.PurposeHead), Signer: s, Highest: head}, true},
		"further than seen":         {audit.Seals{Head: later, HeadSignature: s.Sign(later, audit.PurposeHead), Signer: s, Highest: head}, true},
		"gone back":                 {audit.Seals{Head: head, HeadSignature: s.Sign(head, audit.PurposeHead), Signer: s, Highest: later}, false},
		"replaced":                  {audit.Seals{Head: head, HeadSignature: s.Sign(head, audit.PurposeHead), Signer: s, Highest: audit.Head{Sequence: 4, Hash: "v1:x"}}, false},
		"without a key":             {audit.Seals{Head: head, HeadSignature: s.Sign(head, audit.PurposeHead)}, false},
		"not signed":                {audit.Seals{Head: head, Signer: s}, false},
		"another's":                 {audit.Seals{Head: head, HeadSignature: other.Sign(head, audit.PurposeHead), Signer: s}, false},
		"empty, and signed, no key": {audit.Seals{HeadSignature: s.Sign(head, audit.PurposeHead)}, false},
		"empty, with another's":     {audit.Seals{HeadSignature: s.Sign(head, audit.PurposeHead), Signer: s}, false},
		"empty, and signed as such": {audit.Seals{HeadSignature: s.Sign(audit.Head{}, audit.PurposeHead), Signer: s}, true},
	} {
		if got := test.seals.Problem(); (got == "") != test.fine {
			t.Errorf("%s: %q, fine %v", name, got, test.fine)
		}
	}
}

// The checkpoint of an empty log is one; a signed note of another form is not a checkpoint.
func TestCheckpointOfNothing(t *testing.T) {
	s := signer(t, 7)
	if c, err := audit.OpenCheckpoint(s.Checkpoint(audit.Head{}), s.Key()); err != nil || c.Head != (audit.Head{}) || c.Organization != "org_1" {
		t.Errorf("OpenCheckpoint of an empty log's = %+v, %v", c, err)
	}
	for _, note := range []string{"\n\n", "a\n\n", "\n\n— pullpass/audit/org_1 AAAA\n", "pullpass/audit/org_1\n-1\n\n\n"} {
		if c, err := audit.OpenCheckpoint(note, s.Key()); err == nil {
			t.Errorf("OpenCheckpoint(%q) = %+v", note, c)
		}
	}
}

// Whoever reads the report can trust its numbers.
func TestExportIsCounted(t *testing.T) {
	events := chain(5)
	report, err := audit.VerifyExport(exported(t, events), nil)
	if err != nil || report.Checked != 5 || report.Head != headOf(events[4]) {
		t.Errorf("VerifyExport = %+v, %v, want 5 records", report, err)
	}
	b := exported(t, events[:2])
	b.WriteString("\nnonsense\n")
	_, err = audit.VerifyExport(b, nil)
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Cause != "line 4 is not an audit record" {
		t.Errorf("VerifyExport = %v, want it to name line 4", err)
	}
}
