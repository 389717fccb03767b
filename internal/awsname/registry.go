package awsname

import "strings"

// Registry is what the name of a private ECR registry says.
type Registry struct {
	Account   string
	Region    string
	FIPS      bool
	DualStack bool
}

// ParseRegistry takes a host apart by its labels. It accepts a name only if the
// name rebuilt from the parts is the same text.
func ParseRegistry(host string) (Registry, bool) {
	account, rest, _ := strings.Cut(host, ".")
	if !ValidAccount(account) {
		return Registry{}, false
	}
	for _, form := range registryForms {
		tail, ok := strings.CutPrefix(rest, form.start)
		if !ok {
			continue
		}
		region, _, _ := strings.Cut(tail, ".")
		r := Registry{Account: account, Region: region, FIPS: form.fips, DualStack: form.dualStack}
		rebuilt, ok := r.Host()
		return r, ok && rebuilt == host
	}
	return Registry{}, false
}

var registryForms = []struct {
	start           string
	fips, dualStack bool
}{
	{"dkr.ecr.", false, false},
	{"dkr.ecr-fips.", true, false},
	{"dkr-ecr.", false, true},
	{"dkr-ecr-fips.", true, true},
}

// ResemblesRegistry reports whether a name that ParseRegistry refused could be
// taken for an ECR registry by a person or by a careless pattern.
func ResemblesRegistry(host string) bool {
	for _, form := range registryForms {
		if strings.Contains(host, form.start) {
			return true
		}
	}
	return false
}

// Host returns the registry's own name, and false where the partition has no
// such name.
func (r Registry) Host() (string, bool) {
	p, ok := partitionOfRegion(r.Region)
	if !ok || !ValidAccount(r.Account) {
		return "", false
	}
	fips := ""
	if r.FIPS {
		fips = "-fips"
	}
	if !r.DualStack {
		return r.Account + ".dkr.ecr" + fips + "." + r.Region + "." + p.suffix, true
	}
	return r.Account + ".dkr-ecr" + fips + "." + r.Region + "." + p.dualHost, p.dualHost != ""
}

// Partition is the registry's partition, "" where the region is not a region.
func (r Registry) Partition() Partition {
	p, _ := partitionOfRegion(r.Region)
	return p.id
}

// RepositoryARN names one repository of the registry, or a pattern of several.
func (r Registry) RepositoryARN(repository string) string {
	return RepositoryARN(string(r.Partition()), r.Region, r.Account, repository)
}

// RepositoryARN names a repository, or a pattern of several: region may be "*",
// which is why the partition is asked for.
func RepositoryARN(partition, region, account, repository string) string {
	return ARN{
		Partition: partition, Service: "ecr", Region: region, Account: account, Resource: "repository/" + repository,
	}.String()
}

// ValidRepository follows ECR's grammar for names of repositories:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
func ValidRepository(name string) bool {
	if len(name) < 2 || len(name) > 256 {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if !validRepositoryPart(part) {
			return false
		}
	}
	return true
}

// validRepositoryPart accepts words of [a-z0-9] joined by single separators.
func validRepositoryPart(s string) bool {
	separator := true // a part may not start with one
	for i := range len(s) {
		ch := s[i]
		switch {
		case ch >= 'a' && ch <= 'z' || ch >= '0' && ch <= '9':
			separator = false
		case (ch == '.' || ch == '_' || ch == '-') && !separator:
			separator = true
		default:
			return false
		}
	}
	return !separator
}
