package iam

import (
	"github.com/pullpass/pullpass/internal/awsname"
)

// ARN is an Amazon resource name taken apart.
type ARN = awsname.ARN

// ParseARN takes an ARN apart; see awsname.ParseARN.
func ParseARN(text string) (ARN, bool) { return awsname.ParseARN(text) }

// IsAccountID reports whether text is an AWS account id: twelve digits.
func IsAccountID(text string) bool { return awsname.ValidAccount(text) }
