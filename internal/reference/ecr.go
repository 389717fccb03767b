package reference

import "github.com/pullpass/pullpass/internal/awsname"

// ECR is a private ECR registry, and how it is reached.
type ECR struct {
	awsname.Registry

	api, sts string // from a Mapping; empty: the partition's own
}

// ECRPublicAPIEndpoint issues the tokens of ECR Public, in one region for all.
const ECRPublicAPIEndpoint = "https://" + awsname.PublicAPI

// ECRPublicRegion is where ECR Public's tokens come from.
const ECRPublicRegion = awsname.PublicRegion

func parseECR(host string) (*ECR, bool) {
	r, ok := awsname.ParseRegistry(host)
	if !ok {
		return nil, false
	}
	return &ECR{Registry: r}, true
}

// APIEndpoint returns the ECR API that issues this registry's tokens.
func (e ECR) APIEndpoint() string {
	if e.api != "" {
		return e.api
	}
	return httpsURL(e.APIHost())
}

// STSEndpoint returns the regional STS endpoint.
func (e ECR) STSEndpoint() string { return e.STSEndpointIn(e.Region) }

// STSEndpointIn returns the STS endpoint of another region in the way that the
// host is reached: mapped, FIPS, dual-stack.
func (e ECR) STSEndpointIn(region string) string {
	if e.sts != "" {
		return e.sts
	}
	return httpsURL(awsname.STSHost(region, e.FIPS, e.DualStack))
}

// STSEndpoint returns the ordinary regional STS endpoint of a region.
func STSEndpoint(region string) string { return ECR{}.STSEndpointIn(region) }

func httpsURL(host string) string {
	if host == "" {
		return ""
	}
	return "https://" + host
}
