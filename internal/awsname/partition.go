package awsname

import (
	"slices"
	"strings"
)

// Partition is a part of AWS with its own accounts, names and endpoints.
type Partition string

// The partitions that code outside of the table names.
const (
	AWS   Partition = "aws"
	China Partition = "aws-cn"
)

// partition is what the names of one partition are made of.
type partition struct {
	id        Partition
	regions   []string // what its regions start with
	home      string   // the region of its global services, IAM first
	suffix    string   // of classic names
	dualHost  string   // of dual-stack registry hosts; empty: not published
	dualAPI   string   // of dual-stack API endpoints
	iam       string   // the host of its IAM, without the suffix
	shortFIPS bool     // the FIPS endpoint is ecr-fips.…, elsewhere api.ecr-fips.…
	stsIsFIPS bool     // the ordinary STS endpoint is the FIPS one
}

// partitions is the table behind every name, in the order in which a region is
// looked up: GovCloud and the isolated regions begin like commercial ones.
// The endpoints are those of the AWS SDK's rules (partitions.json, endpoints.json).
var partitions = []partition{
	{id: "aws-us-gov", regions: []string{"us-gov-"}, home: "us-gov-west-1", suffix: "amazonaws.com",
		dualHost: "on.aws", dualAPI: "api.aws", iam: "iam.us-gov", shortFIPS: true, stsIsFIPS: true},
	{id: "aws-iso", regions: []string{"us-iso-"}, home: "us-iso-east-1", suffix: "c2s.ic.gov",
		dualAPI: "api.aws.ic.gov", iam: "iam.us-iso-east-1"},
	{id: "aws-iso-b", regions: []string{"us-isob-"}, home: "us-isob-east-1", suffix: "sc2s.sgov.gov",
		dualAPI: "api.aws.scloud", iam: "iam.us-isob-east-1"},
	{id: "aws-iso-e", regions: []string{"eu-isoe-"}, home: "eu-isoe-west-1", suffix: "cloud.adc-e.uk",
		dualAPI: "api.cloud-aws.adc-e.uk", iam: "iam.eu-isoe-west-1"},
	{id: "aws-iso-f", regions: []string{"us-isof-"}, home: "us-isof-south-1", suffix: "csp.hci.ic.gov",
		dualAPI: "api.aws.hci.ic.gov", iam: "iam.us-isof-south-1"},
	{id: "aws-eusc", regions: []string{"eusc-de-"}, home: "eusc-de-east-1", suffix: "amazonaws.eu",
		dualAPI: "api.amazonwebservices.eu", iam: "iam.eusc-de-east-1"},
	{id: China, regions: []string{"cn-"}, home: "cn-north-1", suffix: "amazonaws.com.cn",
		dualHost: "on.amazonwebservices.com.cn", dualAPI: "api.amazonwebservices.com.cn", iam: "iam.cn-north-1"},
	{id: AWS, regions: []string{"us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-"},
		home: "us-east-1", suffix: "amazonaws.com",
		dualHost: "on.aws", dualAPI: "api.aws", iam: "iam", shortFIPS: true},
}

// Partitions lists every partition.
func Partitions() []Partition {
	list := make([]Partition, 0, len(partitions))
	for _, p := range partitions {
		list = append(list, p.id)
	}
	return list
}

// ValidPartition reports whether AWS has a partition of this name.
func ValidPartition(name string) bool {
	_, ok := partitionNamed(Partition(name))
	return ok
}

// PartitionOf returns the partition of a region, and whether the text can be a
// region at all.
func PartitionOf(region string) (Partition, bool) {
	p, ok := partitionOfRegion(region)
	return p.id, ok
}

// ValidRegion reports whether the text can be a region of some partition. New
// regions come every year: the grammar decides, not a list.
func ValidRegion(region string) bool {
	_, ok := partitionOfRegion(region)
	return ok
}

// HomeRegion is the region in which the partition's global services live.
func (p Partition) HomeRegion() string {
	row, _ := partitionNamed(p)
	return row.home
}

// Domains lists the domains below which all of AWS's hosts lie.
func Domains() []string {
	var list []string
	seen := map[string]bool{"": true}
	for _, p := range partitions {
		for _, d := range []string{p.suffix, p.dualHost, p.dualAPI} {
			if !seen[d] {
				seen[d] = true
				list = append(list, d)
			}
		}
	}
	return append(list, publicDomain)
}

func partitionNamed(name Partition) (partition, bool) {
	for _, p := range partitions {
		if p.id == name {
			return p, true
		}
	}
	return partition{}, false
}

// partitionOfRegion finds the partition that a region belongs to.
func partitionOfRegion(region string) (partition, bool) {
	for _, p := range partitions {
		for _, prefix := range p.regions {
			if rest, ok := strings.CutPrefix(region, prefix); ok && validRegionEnd(rest) {
				return p, true
			}
		}
	}
	return partition{}, false
}

// validRegionEnd reads what follows the prefix: "west-1", "northeast-12".
func validRegionEnd(s string) bool {
	word, number, ok := strings.Cut(s, "-")
	if !ok || len(number) < 1 || len(number) > 2 || number[0] == '0' {
		return false
	}
	return slices.Contains(directions, word) && digitsOnly(number)
}

// directions are the words by which AWS tells the regions of an area apart. A word
// that is not among them is a misspelled one: eu-wst-1.
var directions = []string{
	"north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest",
}

func (p partition) apiSuffix(dualStack bool) string {
	if dualStack {
		return p.dualAPI
	}
	return p.suffix
}
