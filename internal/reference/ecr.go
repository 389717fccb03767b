package reference

import "strings"

// ECR is what the name of a private ECR registry says.
type ECR struct {
	Account   string
	Region    string
	Partition Partition
	FIPS      bool
	DualStack bool

	api, sts string // from a Mapping; empty: the partition's own
}

// ECRPublicAPIEndpoint issues the tokens of ECR Public, in one region for all.
const ECRPublicAPIEndpoint = "https://api.ecr-public.us-east-1.amazonaws.com"

// ECRPublicRegion is where ECR Public's tokens come from.
const ECRPublicRegion = "us-east-1"

// parseECR takes a host apart by its labels. It accepts a name only if the
// name rebuilt from the parts is the same text.
func parseECR(host string) (*ECR, bool) {
	account, rest, _ := strings.Cut(host, ".")
	if !ValidAccount(account) {
		return nil, false
	}
	e := ECR{Account: account}
	for _, form := range []struct {
		start           string
		fips, dualStack bool
	}{
		{"dkr.ecr.", false, false},
		{"dkr.ecr-fips.", true, false},
		{"dkr-ecr.", false, true},
		{"dkr-ecr-fips.", true, true},
	} {
		tail, ok := strings.CutPrefix(rest, form.start)
		if !ok {
			continue
		}
		e.Region, _, _ = strings.Cut(tail, ".")
		e.FIPS, e.DualStack = form.fips, form.dualStack
		p, ok := partitionOfRegion(e.Region)
		if !ok {
			return nil, false
		}
		e.Partition = p.id
		rebuilt, ok := e.Host()
		return &e, ok && rebuilt == host
	}
	return nil, false
}

// Host returns the registry's own name, and false where the partition has no
// such name.
func (e ECR) Host() (string, bool) {
	p, ok := partitionOfRegion(e.Region)
	if !ok || !ValidAccount(e.Account) {
		return "", false
	}
	fips := ""
	if e.FIPS {
		fips = "-fips"
	}
	if !e.DualStack {
		return e.Account + ".dkr.ecr" + fips + "." + e.Region + "." + p.suffix, true
	}
	return e.Account + ".dkr-ecr" + fips + "." + e.Region + "." + p.dualHost, p.dualHost != ""
}

// APIEndpoint returns the ECR API that issues this registry's tokens. A FIPS or
// dual-stack host has a FIPS or dual-stack API: asking the ordinary one would
// leave the network that the host's user chose.
func (e ECR) APIEndpoint() string {
	if e.api != "" {
		return e.api
	}
	p, ok := partitionOfRegion(e.Region)
	if !ok {
		return ""
	}
	name := "api.ecr"
	switch {
	case e.FIPS && (e.DualStack || p.shortFIPS):
		name = "ecr-fips"
	case e.FIPS:
		name = "api.ecr-fips"
	case e.DualStack:
		name = "ecr"
	}
	return "https://" + name + "." + e.Region + "." + p.apiSuffix(e.DualStack)
}

// STSEndpoint returns the regional STS endpoint: the global one issues tokens
// that regions which have to be enabled first do not accept.
func (e ECR) STSEndpoint() string { return e.STSEndpointIn(e.Region) }

// STSEndpointIn returns the STS endpoint of another region in the way that the
// host is reached: mapped, FIPS, dual-stack.
func (e ECR) STSEndpointIn(region string) string {
	if e.sts != "" {
		return e.sts
	}
	p, ok := partitionOfRegion(region)
	if !ok {
		return ""
	}
	name := "sts"
	if e.FIPS && (e.DualStack || !p.stsIsFIPS) {
		name = "sts-fips"
	}
	return "https://" + name + "." + region + "." + p.apiSuffix(e.DualStack)
}

// STSEndpoint returns the ordinary regional STS endpoint of a region.
func STSEndpoint(region string) string { return ECR{}.STSEndpointIn(region) }

func (p partition) apiSuffix(dualStack bool) string {
	if dualStack {
		return p.dualAPI
	}
	return p.suffix
}

// RepositoryARN names one repository of the registry in policies.
func (e ECR) RepositoryARN(repository string) string {
	return "arn:" + string(e.Partition) + ":ecr:" + e.Region + ":" + e.Account + ":repository/" + repository
}

// resemblesECR reports whether a name that the grammar refused could be taken
// for an ECR registry by a person or by a careless pattern.
func resemblesECR(host string) bool {
	for _, part := range []string{"dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."} {
		if strings.Contains(host, part) {
			return true
		}
	}
	return false
}
