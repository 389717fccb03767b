package awsname

import "strings"

const (
	publicDomain = "ecr.aws"

	// PublicRegistry is the host of ECR Public, one for all regions.
	PublicRegistry = "public." + publicDomain
	// PublicRegion is where ECR Public's tokens come from.
	PublicRegion = "us-east-1"
	// PublicAPI is the host that issues the tokens of ECR Public.
	PublicAPI = "api.ecr-public." + PublicRegion + ".amazonaws.com"
)

// Endpoint is the host of an AWS API.
type Endpoint struct {
	Service   string // ecr, ecr-public, sts, iam
	Region    string // "" for the global endpoints
	Partition Partition
	FIPS      bool
	DualStack bool
}

// APIHost returns the host of the ECR API that issues this registry's tokens. A
// FIPS or dual-stack host has a FIPS or dual-stack API: asking the ordinary one
// would leave the network that the host's user chose.
func (r Registry) APIHost() string {
	p, ok := partitionOfRegion(r.Region)
	if !ok {
		return ""
	}
	name := "api.ecr"
	switch {
	case r.FIPS && (r.DualStack || p.shortFIPS):
		name = "ecr-fips"
	case r.FIPS:
		name = "api.ecr-fips"
	case r.DualStack:
		name = "ecr"
	}
	return name + "." + r.Region + "." + p.apiSuffix(r.DualStack)
}

// STSHost returns the regional STS endpoint's host: the global one issues tokens
// that regions which have to be enabled first do not accept.
func STSHost(region string, fips, dualStack bool) string {
	p, ok := partitionOfRegion(region)
	if !ok {
		return ""
	}
	name := "sts"
	if fips && (dualStack || !p.stsIsFIPS) {
		name = "sts-fips"
	}
	return name + "." + region + "." + p.apiSuffix(dualStack)
}

// IAMHost returns the host of the partition's IAM.
func (p Partition) IAMHost() string {
	row, ok := partitionNamed(p)
	if !ok {
		return ""
	}
	return row.iam + "." + row.suffix
}

// LayerHost returns the host of the S3 bucket that an ECR registry redirects
// layer downloads to.
func LayerHost(region string) string {
	p, ok := partitionOfRegion(region)
	if !ok {
		return ""
	}
	return "prod-" + region + "-starport-layer-bucket.s3." + region + "." + p.suffix
}

// LayerRegion is the region of a host that LayerHost builds.
func LayerRegion(host string) (region string, ok bool) {
	rest, ok := strings.CutPrefix(host, "prod-")
	region, _, found := strings.Cut(rest, "-starport-layer-bucket.")
	return region, ok && found && LayerHost(region) == host
}

// ParseEndpoint finds the API that a host name belongs to. It accepts a name
// only if the name rebuilt from the parts is the same text.
func ParseEndpoint(host string) (Endpoint, bool) {
	if host == PublicAPI {
		return Endpoint{Service: "ecr-public", Region: PublicRegion, Partition: AWS}, true
	}
	for _, p := range partitions {
		if host == p.id.IAMHost() {
			return Endpoint{Service: "iam", Partition: p.id}, true
		}
	}
	if host == "sts.amazonaws.com" {
		return Endpoint{Service: "sts", Partition: AWS}, true
	}
	for _, form := range []struct{ start, service string }{
		{"api.ecr.", "ecr"}, {"api.ecr-fips.", "ecr"}, {"ecr.", "ecr"}, {"ecr-fips.", "ecr"},
		{"sts.", "sts"}, {"sts-fips.", "sts"},
	} {
		rest, ok := strings.CutPrefix(host, form.start)
		if !ok {
			continue
		}
		region, _, _ := strings.Cut(rest, ".")
		for _, variant := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
			e := Endpoint{Service: form.service, Region: region, FIPS: variant[0], DualStack: variant[1]}
			if built := e.host(); built != "" && built == host {
				e.Partition, _ = PartitionOf(region)
				return e, true
			}
		}
	}
	return Endpoint{}, false
}

func (e Endpoint) host() string {
	if e.Service == "sts" {
		return STSHost(e.Region, e.FIPS, e.DualStack)
	}
	return Registry{Region: e.Region, FIPS: e.FIPS, DualStack: e.DualStack}.APIHost()
}
