package provision

import (
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/printable"
)

const (
	// eventApply is recorded before AWS is asked to change anything, whoever caused
	// it: an administrator, or the first push.
	eventApply   = "repository.apply"
	eventApplied = "repository.applied" // and this when something was changed: what
	applyIn      = time.Minute
	// failedFor is how long a failure answers for further pushes: a herd of them is
	// not to become a herd of calls.
	failedFor = 5 * time.Second
	maxReason = 1000
)

// reason is kept and shown: our own sentences, never a wrapped library's.
func reason(err error) string {
	if pullpass.KindOf(err) == pullpass.Internal {
		return "internal error"
	}
	lines := strings.Split(pullpass.Explain(err), "\n")
	for i, line := range lines {
		_, text, _ := strings.Cut(line, ":")
		lines[i] = strings.TrimSpace(text)
	}
	text := strings.Join(lines, "; ")
	return printable.Line(text, maxReason)
}
