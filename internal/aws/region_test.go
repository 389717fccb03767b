package aws_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// The region is what the process's environment says, else its profile's, else that
// of the instance, else that of the operator's mapping, else us-east-1.
func TestWhereTheRegionComesFrom(t *testing.T) {
	const instance, profile, mapped = "eu-central-1", "ap-south-1", "eu-north-1"
	c := rehearsal("")
	c.Regions = append(c.Regions, instance)
	c.InstanceMetadata = []sandbox.InstanceMetadata{{Listen: "127.0.0.1:0", Account: platform, Region: instance, InstanceProfile: "server", HopLimit: 1}}
	s := newStage(t, c, sandbox.Options{})
	there, nowhere := s.box.MetadataEndpoints()[0], "http://127.0.0.1:1/"
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("[default]\nregion = "+profile+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name               string
		metadata, fallback string
		set                map[string]string
		want               string
	}{
		{"all of them", there, mapped, map[string]string{"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": file}, "eu-west-1"},
		{"a profile, an instance and a mapping", there, mapped, map[string]string{"AWS_CONFIG_FILE": file}, profile},
		{"an instance and a mapping", there, mapped, nil, instance},
		{"an instance whose metadata is switched off", there, mapped, map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}, mapped},
		{"a mapping", nowhere, mapped, nil, mapped},
		{"nothing", nowhere, "", nil, "us-east-1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			onlyMetadata(t, test.metadata)
			t.Setenv("AWS_REGION", "")
			t.Setenv("AWS_DEFAULT_REGION", "")
			for name, value := range test.set {
				t.Setenv(name, value)
			}
			got, err := aws.AmbientIn(test.fallback)(t.Context())
			if err != nil || got.Region != test.want {
				t.Errorf("the region is %q, %v, want %q", got.Region, err, test.want)
			}
		})
	}
}
