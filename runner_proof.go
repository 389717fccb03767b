package pullpass

import (
	"crypto/sha256"
	"encoding/hex"
)

// ChallengeHeader is the header of a request to STS that carries the server's
// challenge. It is signed with the rest, so the request is of no use elsewhere.
const ChallengeHeader = "X-Pullpass-Challenge"

// IdentityProof is a request for sts:GetCallerIdentity that a runner has signed
// and not sent. The server puts it together again from these parts, sends it, and
// believes what AWS answers. Whoever reads it learns who the runner is, and can do
// nothing else with it.
type IdentityProof struct {
	Challenge  string // the server's, for this runner
	Host       string // the STS endpoint that it is signed for
	Credential string // the scope: key id, day, region, service
	Date       string // 20260102T150405Z
	Signature  string
	Token      Secret // of the session; empty for a user's own key
}

// Empty reports whether there is no proof.
func (p IdentityProof) Empty() bool { return p.Signature == "" }

// Bind is the value of ChallengeHeader: the challenge, and the runner as the
// signer knows it. A challenge that was made for another runner does not fit.
func Bind(org OrganizationID, runner RunnerID, challenge string) string {
	sum := sha256.Sum256([]byte("pullpass-runner\n" + string(org) + "\n" + string(runner) + "\n" + challenge))
	return hex.EncodeToString(sum[:])
}
