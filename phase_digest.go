package pullpass

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Reported is the phase that a runner reported of one environment's start.
type Reported struct {
	Environment EnvironmentID
	Start       int64
	Phase       Phase
}

// DigestReported names a set of reports, in any order: runner and server compare
// what they hold by it.
func DigestReported(list []Reported) string {
	lines := make([]string, 0, len(list))
	for _, r := range list {
		lines = append(lines, fmt.Sprintf("%s %d %s\n", r.Environment, r.Start, r.Phase))
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, line := range lines {
		_, _ = h.Write([]byte(line)) // a hash takes everything
	}
	const enough = 16
	return hex.EncodeToString(h.Sum(nil)[:enough])
}
