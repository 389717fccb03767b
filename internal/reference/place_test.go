package reference_test

import (
	"testing"

	"github.com/pullpass/pullpass/internal/reference"
)

func TestECRAt(t *testing.T) {
	mapped, err := reference.NewHosts(reference.Mapping{Host: "127.0.0.1:4512", Account: "222222222222", Region: "eu-west-1"}, reference.Mapping{Host: "registry.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hosts                 *reference.Hosts
		account, region, want string
	}{
		{nil, "222222222222", "eu-west-1", "222222222222.dkr.ecr.eu-west-1.amazonaws.com"},
		{nil, "222222222222", "cn-north-1", "222222222222.dkr.ecr.cn-north-1.amazonaws.com.cn"},
		{mapped, "222222222222", "eu-west-1", "127.0.0.1:4512"},
		{mapped, "222222222222", "us-east-1", "222222222222.dkr.ecr.us-east-1.amazonaws.com"},
		{mapped, "111111111111", "eu-west-1", "111111111111.dkr.ecr.eu-west-1.amazonaws.com"},
		{nil, "2", "eu-west-1", ""}, {nil, "222222222222", "nowhere", ""}, {nil, "", "", ""},
	} {
		got, err := c.hosts.ECRAt(c.account, c.region)
		if got.Name != c.want || (err != nil) != (c.want == "") || (err == nil && got.ECR == nil) {
			t.Errorf("ECRAt(%q, %q) = %q, %v, want %q", c.account, c.region, got.Name, err, c.want)
		}
	}
}
