package reference

import "strings"

// Partition is a part of AWS with its own accounts, names and endpoints.
type Partition string

// The partitions that have ECR.
const (
	PartitionAWS   Partition = "aws"
	PartitionChina Partition = "aws-cn"
	PartitionGov   Partition = "aws-us-gov"
	PartitionEUSC  Partition = "aws-eusc"
	PartitionISO   Partition = "aws-iso"
	PartitionISOB  Partition = "aws-iso-b"
	PartitionISOE  Partition = "aws-iso-e"
	PartitionISOF  Partition = "aws-iso-f"
)

// partition is what the names of one partition are made of.
type partition struct {
	id        Partition
	regions   []string // what its regions start with
	suffix    string   // of classic names
	dualHost  string   // of dual-stack registry hosts; empty: not published
	dualAPI   string   // of dual-stack API endpoints
	shortFIPS bool     // the FIPS endpoint is ecr-fips.…, elsewhere api.ecr-fips.…
	stsIsFIPS bool     // the ordinary STS endpoint is the FIPS one
}

// partitions is the table behind every name, in the order in which a region is
// looked up: GovCloud and the isolated regions begin like commercial ones.
// The endpoints are those of the AWS SDK's rules (partitions.json).
var partitions = []partition{
	{id: PartitionGov, regions: []string{"us-gov-"}, suffix: "amazonaws.com", dualHost: "on.aws", dualAPI: "api.aws", shortFIPS: true, stsIsFIPS: true},
	{id: PartitionISO, regions: []string{"us-iso-"}, suffix: "c2s.ic.gov", dualAPI: "api.aws.ic.gov"},
	{id: PartitionISOB, regions: []string{"us-isob-"}, suffix: "sc2s.sgov.gov", dualAPI: "api.aws.scloud"},
	{id: PartitionISOE, regions: []string{"eu-isoe-"}, suffix: "cloud.adc-e.uk", dualAPI: "api.cloud-aws.adc-e.uk"},
	{id: PartitionISOF, regions: []string{"us-isof-"}, suffix: "csp.hci.ic.gov", dualAPI: "api.aws.hci.ic.gov"},
	{id: PartitionEUSC, regions: []string{"eusc-de-"}, suffix: "amazonaws.eu", dualAPI: "api.amazonwebservices.eu"},
	{id: PartitionChina, regions: []string{"cn-"}, suffix: "amazonaws.com.cn", dualHost: "on.amazonwebservices.com.cn", dualAPI: "api.amazonwebservices.com.cn"},
	{id: PartitionAWS, regions: []string{"us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-"}, suffix: "amazonaws.com", dualHost: "on.aws", dualAPI: "api.aws", shortFIPS: true},
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

// PartitionOf returns the partition of a region, and whether the text can be a
// region at all.
func PartitionOf(region string) (Partition, bool) {
	p, ok := partitionOfRegion(region)
	return p.id, ok
}

// validRegionEnd reads what follows the prefix: "west-1", "northeast-12".
func validRegionEnd(s string) bool {
	word, number, ok := strings.Cut(s, "-")
	if !ok || word == "" || len(word) > 16 || len(number) < 1 || len(number) > 2 || number[0] == '0' {
		return false
	}
	return strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == "" && digitsOnly(number)
}

// ValidAccount reports whether s is an AWS account id.
func ValidAccount(s string) bool { return len(s) == 12 && digitsOnly(s) }

func digitsOnly(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
