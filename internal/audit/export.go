package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/pullpass/pullpass"
)

// maxLine is the longest line of an export: MaxEventSize and what JSON adds.
const maxLine = 8 * MaxEventSize

// VerifyExport checks an export, one JSON record a line, without the server: each
// record is as its hash says and follows the one before. An export may begin after
// any record. What it proves alone is that nothing was changed by somebody who did
// not recompute the hashes; with a checkpoint, opened with the organization's
// verifier key, that the records up to it are those that the server signed.
func VerifyExport(r io.Reader, checkpoint *Checkpoint) (Report, error) {
	var report Report
	var last Head
	found := checkpoint == nil
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var e pullpass.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Sequence < 1 {
			return report, &pullpass.Error{
				Kind: pullpass.Invalid, Code: "audit_export", What: "cannot verify the export",
				Cause: fmt.Sprintf("line %d is not an audit record", n), Hint: "export without filters: pullpass audit export",
			}
		}
		if report.Organization == "" {
			report.Organization = e.Organization
			report.From = Head{Sequence: e.Sequence - 1, Hash: e.Previous}
			last = report.From
		}
		if report.Bad = check(last, e, report.Organization); report.Bad != nil {
			return report, nil
		}
		last = Head{Sequence: e.Sequence, Hash: e.Hash}
		report.Checked++
		report.Head = last
		if checkpoint != nil && e.Sequence == checkpoint.Head.Sequence {
			found = true
			if last != checkpoint.Head || e.Organization != checkpoint.Organization {
				report.Bad = &Bad{e.Sequence, Changed, "its hash is not the one that the checkpoint signs"}
				return report, nil
			}
		}
	}
	if err := lines.Err(); err != nil {
		return report, fmt.Errorf("reading the export: %w", err)
	}
	if !found {
		report.Bad = &Bad{
			last.Sequence + 1,
			Truncated,
			fmt.Sprintf("the checkpoint signs record %d, which is not in the export", checkpoint.Head.Sequence),
		}
	}
	return report, nil
}
