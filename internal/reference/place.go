package reference

import (
	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// ECRAt returns the host of an account's private registry in a region: what the
// operator has mapped to it, or its own name.
func (h *Hosts) ECRAt(account, region string) (Host, error) {
	for _, m := range h.Mappings() {
		host, err := h.Parse(m.Host)
		if err == nil && host.ECR != nil && host.ECR.Account == account && host.ECR.Region == region {
			return host, nil
		}
	}
	name, ok := awsname.Registry{Account: account, Region: region}.Host()
	if !ok {
		return Host{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "reference_invalid", What: "there is no such registry",
			Cause: "the account is not 12 digits, or AWS has no region of this name", Hint: "an account is 222222222222, a region eu-west-1"}
	}
	return h.Parse(name)
}
