package broker

import (
	"errors"

	"github.com/pullpass/pullpass"
)

// CodePolicyTooLarge is a Minter's word that AWS finds the session policy too
// large: its packed size counts session tags as well, and cannot be told before.
const CodePolicyTooLarge = "session_policy_too_large"

func tooLarge(err error) bool {
	var e *pullpass.Error
	return errors.As(err, &e) && e.Code == CodePolicyTooLarge
}
