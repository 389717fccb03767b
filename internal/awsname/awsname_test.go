package awsname_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pullpass/pullpass/internal/awsname"
)

const account = "222222222222"

// TestPartitions is the one table of names, a line for each partition.
func TestPartitions(t *testing.T) {
	for _, test := range []struct {
		partition, region, suffix, dualHost, sts, iam, ec2 string
	}{
		{"aws", "eu-west-1", "amazonaws.com", "on.aws", "sts.eu-west-1.amazonaws.com", "iam.amazonaws.com", "ec2.amazonaws.com"},
		{"aws", "mx-central-1", "amazonaws.com", "on.aws", "sts.mx-central-1.amazonaws.com", "iam.amazonaws.com", "ec2.amazonaws.com"},
		{"aws-cn", "cn-northwest-1", "amazonaws.com.cn", "on.amazonwebservices.com.cn",
			"sts.cn-northwest-1.amazonaws.com.cn", "iam.cn-north-1.amazonaws.com.cn", "ec2.amazonaws.com.cn"},
		{"aws-us-gov", "us-gov-east-1", "amazonaws.com", "on.aws", "sts.us-gov-east-1.amazonaws.com",
			"iam.us-gov.amazonaws.com", "ec2.amazonaws.com"},
		{"aws-iso", "us-iso-west-1", "c2s.ic.gov", "", "sts.us-iso-west-1.c2s.ic.gov", "iam.us-iso-east-1.c2s.ic.gov", "ec2.c2s.ic.gov"},
		{"aws-iso-b", "us-isob-east-1", "sc2s.sgov.gov", "", "sts.us-isob-east-1.sc2s.sgov.gov",
			"iam.us-isob-east-1.sc2s.sgov.gov", "ec2.sc2s.sgov.gov"},
		{"aws-iso-e", "eu-isoe-west-1", "cloud.adc-e.uk", "", "sts.eu-isoe-west-1.cloud.adc-e.uk",
			"iam.eu-isoe-west-1.cloud.adc-e.uk", "ec2.cloud.adc-e.uk"},
		{"aws-iso-f", "us-isof-south-1", "csp.hci.ic.gov", "", "sts.us-isof-south-1.csp.hci.ic.gov",
			"iam.us-isof-south-1.csp.hci.ic.gov", "ec2.csp.hci.ic.gov"},
		{"aws-eusc", "eusc-de-east-1", "amazonaws.eu", "", "sts.eusc-de-east-1.amazonaws.eu",
			"iam.eusc-de-east-1.amazonaws.eu", "ec2.amazonaws.eu"},
	} {
		p, ok := awsname.PartitionOf(test.region)
		if !ok || string(p) != test.partition || !awsname.ValidPartition(test.partition) {
			t.Errorf("PartitionOf(%q) = %q, %v, want %q", test.region, p, ok, test.partition)
		}
		if home, ok := awsname.PartitionOf(p.HomeRegion()); !ok || home != p {
			t.Errorf("%s has its home in %q, which is of %q", p, p.HomeRegion(), home)
		}
		checkRegistry(t, awsname.Registry{Account: account, Region: test.region}, account+".dkr.ecr."+test.region+"."+test.suffix)
		dual := awsname.Registry{Account: account, Region: test.region, DualStack: true}
		if test.dualHost != "" {
			checkRegistry(t, dual, account+".dkr-ecr."+test.region+"."+test.dualHost)
		} else if host, ok := dual.Host(); ok {
			t.Errorf("%s has the dual-stack host %q, want none", p, host)
		}
		want := "arn:" + test.partition + ":ecr:" + test.region + ":" + account + ":repository/team/app"
		if got := dual.RepositoryARN("team/app"); got != want {
			t.Errorf("RepositoryARN = %q, want %q", got, want)
		}
		if got, want := p.IAM(account, "role/pull"), "arn:"+test.partition+":iam::"+account+":role/pull"; got != want {
			t.Errorf("IAM = %q, want %q", got, want)
		}
		if got := p.Service("ec2"); got != test.ec2 || !awsname.IsServicePrincipal(got) {
			t.Errorf("Service(ec2) of %s = %q, want %q and a service principal", p, got, test.ec2)
		}
		if got := p.Service("ecs-tasks"); got != "ecs-tasks.amazonaws.com" {
			t.Errorf("Service(ecs-tasks) of %s = %q", p, got)
		}
		checkEndpoint(t, test.sts, awsname.Endpoint{Service: "sts", Region: test.region, Partition: p})
		checkEndpoint(t, test.iam, awsname.Endpoint{Service: "iam", Partition: p})
		checkEndpoint(t, "api.ecr."+test.region+"."+test.suffix, awsname.Endpoint{Service: "ecr", Region: test.region, Partition: p})
		layers := awsname.LayerHost(test.region)
		if region, ok := awsname.LayerRegion(layers); !ok || region != test.region || !strings.HasSuffix(layers, "."+test.suffix) {
			t.Errorf("LayerRegion(%q) = %q, %v", layers, region, ok)
		}
		if !slices.Contains(awsname.Domains(), test.suffix) {
			t.Errorf("Domains() lacks %q", test.suffix)
		}
	}
}

func checkRegistry(t *testing.T, r awsname.Registry, host string) {
	t.Helper()
	if got, ok := r.Host(); !ok || got != host {
		t.Errorf("%+v.Host() = %q, %v, want %q", r, got, ok, host)
	}
	if got, ok := awsname.ParseRegistry(host); !ok || got != r {
		t.Errorf("ParseRegistry(%q) = %+v, %v, want %+v", host, got, ok, r)
	}
	checkEndpoint(t, r.APIHost(), awsname.Endpoint{
		Service: "ecr", Region: r.Region, Partition: r.Partition(), FIPS: r.FIPS, DualStack: r.DualStack})
}

func checkEndpoint(t *testing.T, host string, want awsname.Endpoint) {
	t.Helper()
	if got, ok := awsname.ParseEndpoint(host); !ok || got != want {
		t.Errorf("ParseEndpoint(%q) = %+v, %v, want %+v", host, got, ok, want)
	}
}

// TestEveryPartitionIsTested fails when a line is added to the table without
// one in TestPartitions.
func TestEveryPartitionIsTested(t *testing.T) {
	want := []awsname.Partition{"aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "aws-cn", "aws"}
	if got := awsname.Partitions(); !slices.Equal(got, want) {
		t.Errorf("Partitions() = %v, want %v: add a line to TestPartitions, too", got, want)
	}
}

func TestLookAlikes(t *testing.T) {
	for _, host := range []string{
		account + ".dkr.ecr.eu-west-1.amazonaws.com.cn", account + ".dkr.ecr.cn-north-1.amazonaws.com",
		account + ".dkr.ecr.eu-west-1.amazonaws.com.evil.example", account + ".dkr.ecr.eu-west.amazonaws.com",
		"22222222222.dkr.ecr.eu-west-1.amazonaws.com", account + ".dkr-ecr.eusc-de-east-1.", account + ".dkr.ecr.eu-west-1.amazonaws.com.",
		account + ".DKR.ecr.eu-west-1.amazonaws.com", account + ".dkr.ecr.eu-isoe-west-1.amazonaws.com",
	} {
		if r, ok := awsname.ParseRegistry(host); ok {
			t.Errorf("ParseRegistry(%q) = %+v, want refusal", host, r)
		}
	}
	for _, host := range []string{
		"sts.us-iso-east-1.amazonaws.com", "iam.cn-north-1.amazonaws.com", "api.ecr.eu-west-1.amazonaws.com.cn", "sts.", "",
		"ecr.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com.evil.example", "iam.",
	} {
		if e, ok := awsname.ParseEndpoint(host); ok {
			t.Errorf("ParseEndpoint(%q) = %+v, want refusal", host, e)
		}
	}
	for _, region := range []string{"", "eu", "eu-west", "eu-west-0", "eu-west-01", "eu-west-123", "xx-west-1", "EU-west-1", "eu-west-1a", "eu-wst-1", "us-eats-1"} {
		if awsname.ValidRegion(region) {
			t.Errorf("ValidRegion(%q) = true", region)
		}
	}
	for _, service := range []string{
		"ec2.amazonaws.org", ".amazonaws.com", "amazonaws.com", "cognito-identity.amazonaws.com", "www.amazon.com", "a b.amazonaws.com",
		"ec2..amazonaws.com", "ec2.amazonaws.com.evil.example",
	} {
		if awsname.IsServicePrincipal(service) {
			t.Errorf("IsServicePrincipal(%q) = true", service)
		}
	}
	for _, host := range []string{"prod-eu-west-1-starport-layer-bucket.s3.eu-west-2.amazonaws.com", "prod-eu-west-1-starport-layer-bucket"} {
		if region, ok := awsname.LayerRegion(host); ok {
			t.Errorf("LayerRegion(%q) = %q, want refusal", host, region)
		}
	}
}

func TestRepository(t *testing.T) {
	for name, want := range map[string]bool{
		"ab": true, "team/app": true, "a.b-c_d/e0": true, strings.Repeat("a", 256): true,
		"a": false, "": false, strings.Repeat("a", 257): false, "Team/app": false, "/ab": false, "ab/": false,
		"a--b": false, "a..b": false, ".ab": false, "ab-": false, "a//b": false, "a b": false,
	} {
		if got := awsname.ValidRepository(name); got != want {
			t.Errorf("ValidRepository(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestRoleOfSession(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:sts::111111111111:assumed-role/pull/session":    "arn:aws:iam::111111111111:role/pull",
		"arn:aws-cn:sts::111111111111:assumed-role/pull/session": "arn:aws-cn:iam::111111111111:role/pull",
		"arn:aws:iam::111111111111:user/pullpass":                "arn:aws:iam::111111111111:user/pullpass",
		"arn:aws:sts::111111111111:federated-user/pullpass":      "arn:aws:sts::111111111111:federated-user/pullpass",
		"nonsense": "nonsense",
	} {
		got, changed := awsname.RoleOfSession(arn)
		if got != want || changed != (arn != want) {
			t.Errorf("RoleOfSession(%q) = %q, %v, want %q", arn, got, changed, want)
		}
	}
}
