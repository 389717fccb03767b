package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

func signer(t *testing.T, fill byte) *audit.Signer {
	t.Helper()
	s, err := audit.NewSigner("org_1", bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// chain makes n linked records.
func chain(n int) (events []pullpass.Event) {
	previous := ""
	for i := range n {
		e := sample()
		e.Sequence, e.Previous = int64(i+1), previous
		e.Hash = audit.Hash(e)
		previous = e.Hash
		events = append(events, e)
	}
	return events
}

func headOf(e pullpass.Event) audit.Head { return audit.Head{Sequence: e.Sequence, Hash: e.Hash} }

func exported(t *testing.T, events []pullpass.Event) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	for _, e := range events {
		if err := json.NewEncoder(&b).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	return &b
}

// TestCheckpointForm pins what is published: others keep it, and other tools read
// it. The key's id and the signature were checked with golang.org/x/mod/sumdb/note.
func TestCheckpointForm(t *testing.T) {
	s := signer(t, 7)
	head := headOf(chain(1)[0])
	note := s.Checkpoint(head)
	lines := strings.Split(note, "\n")
	if len(lines) != 6 || lines[0] != "pullpass/audit/org_1" || lines[1] != "1" || lines[3] != "" || !strings.HasPrefix(lines[4], "— pullpass/audit/org_1 ") {
		t.Errorf("the checkpoint reads\n%s", note)
	}
	c, err := audit.OpenCheckpoint(note, s.Key())
	if err != nil || c.Head != head || c.Organization != "org_1" {
		t.Errorf("OpenCheckpoint = %+v, %v, want %s", c, err, head)
	}
}

// TestCheckpointAttacks changes every byte, exchanges keys and names, and uses a
// signature for another purpose.
func TestCheckpointAttacks(t *testing.T) {
	s := signer(t, 7)
	head := headOf(chain(3)[2])
	note := s.Checkpoint(head)
	for i := range len(note) - 1 { // the last line break is not signed
		forged := []byte(note)
		forged[i] ^= 1
		if c, err := audit.OpenCheckpoint(string(forged), s.Key()); err == nil && c.Head != head {
			t.Errorf("with byte %d changed it opens as %+v", i, c)
		}
	}
	for name, forged := range map[string]string{
		"another key":      signer(t, 8).Checkpoint(head),
		"no signature":     strings.SplitAfter(note, "\n\n")[0],
		"another sequence": strings.Replace(note, "\n3\n", "\n2\n", 1),
		"zero in front":    strings.Replace(note, "\n3\n", "\n03\n", 1),
		"nothing":          "",
	} {
		if c, err := audit.OpenCheckpoint(forged, s.Key()); err == nil {
			t.Errorf("%s: it opens as %+v", name, c)
		}
	}
	for _, key := range []string{"", "x", signer(t, 8).Key(), strings.Replace(s.Key(), "org_1", "org_2", 1), s.Key()[:40]} {
		if c, err := audit.OpenCheckpoint(note, key); err == nil {
			t.Errorf("with the key %q it opens as %+v", key, c)
		}
	}
	if signature := s.Sign(head, audit.PurposeHead); !s.Verifies(head, audit.PurposeHead, signature) || s.Verifies(head, audit.PurposeCut, signature) {
		t.Error("a head's signature is one for a cut")
	}
	other, err := audit.NewSigner("org_2", bytes.Repeat([]byte{7}, 32))
	if err != nil || other.Verifies(head, audit.PurposeHead, s.Sign(head, audit.PurposeHead)) {
		t.Errorf("another organization's signature verifies (%v)", err)
	}
}

func TestVerifyExport(t *testing.T) {
	events := chain(5)
	checkpoint := &audit.Checkpoint{Organization: "org_1", Head: headOf(events[4])}
	for name, c := range map[string]struct {
		change     func([]pullpass.Event) []pullpass.Event
		checkpoint *audit.Checkpoint
		bad        int64 // 0: whole
	}{
		"whole":                {nil, checkpoint, 0},
		"whole, no checkpoint": {nil, nil, 0},
		"a later beginning":    {func(e []pullpass.Event) []pullpass.Event { return e[2:] }, checkpoint, 0},
		"one gone":             {func(e []pullpass.Event) []pullpass.Event { return append(e[:2], e[3:]...) }, nil, 3},
		"changed":              {func(e []pullpass.Event) []pullpass.Event { e[1].Caller.Name = "x"; return e }, nil, 2},
		"the end gone":         {func(e []pullpass.Event) []pullpass.Event { return e[:4] }, checkpoint, 5},
		"rewritten, no notice": {rewritten, nil, 0}, // without a checkpoint nobody can know
		"rewritten":            {rewritten, checkpoint, 5},
		"of another's":         {nil, &audit.Checkpoint{Organization: "org_2", Head: headOf(events[4])}, 5},
		"another's record in it": {func(e []pullpass.Event) []pullpass.Event {
			e[3].Organization = "org_2"
			e[3].Hash = audit.Hash(e[3])
			return e
		}, nil, 4},
		"a break on record": {broken, nil, 5},
		"one replaced that fits in itself": {func(e []pullpass.Event) []pullpass.Event {
			e[2].Caller.Name = "somebody else"
			e[2].Hash = audit.Hash(e[2])
			return e
		}, checkpoint, 4},
	} {
		list := chain(5)
		if c.change != nil {
			list = c.change(list)
		}
		r, err := audit.VerifyExport(exported(t, list), c.checkpoint)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.bad == 0 && !r.Whole():
			t.Errorf("%s: %+v, want it whole", name, r.Bad)
		case c.bad != 0 && (r.Whole() || r.Bad.Sequence != c.bad):
			t.Errorf("%s: %+v, want record %d", name, r, c.bad)
		}
	}
	if _, err := audit.VerifyExport(strings.NewReader("{}\n"), nil); !pullpass.IsKind(err, pullpass.Invalid) {
		t.Errorf("VerifyExport of something else: %v", err)
	}
}

func rewritten(events []pullpass.Event) []pullpass.Event {
	events[2].Caller.Name = "somebody else"
	for i := range events {
		if i > 0 {
			events[i].Previous = events[i-1].Hash
		}
		events[i].Hash = audit.Hash(events[i])
	}
	return events
}

func broken(events []pullpass.Event) []pullpass.Event {
	events[4].Action = audit.ActionBreak
	events[4].Hash = audit.Hash(events[4])
	return events
}

func TestParseHead(t *testing.T) {
	head := headOf(chain(2)[1])
	if got, err := audit.ParseHead(head.String()); err != nil || got != head {
		t.Errorf("ParseHead(%s) = %v, %v", head, got, err)
	}
	for _, bad := range []string{"x", "0:v1:aa", "-1:v1:aa", "7", "7:", ":v1:aa"} {
		if got, err := audit.ParseHead(bad); !pullpass.IsKind(err, pullpass.Invalid) {
			t.Errorf("ParseHead(%q) = %v, %v, want invalid", bad, got, err)
		}
	}
}
