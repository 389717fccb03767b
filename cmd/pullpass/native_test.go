package main

import "testing"

// A mapping says where STS is asked only if it is the one region that has an STS of
// the operator's.
func TestTheRegionOfTheMappings(t *testing.T) {
	west := "host=127.0.0.1:5001,account=222222222222,region=eu-west-1,api=http://127.0.0.1:1,sts=http://127.0.0.1:2"
	again := "host=127.0.0.1:5002,account=333333333333,region=eu-west-1,api=http://127.0.0.1:1,sts=http://127.0.0.1:2"
	north := "host=127.0.0.1:5003,account=222222222222,region=eu-north-1,api=http://127.0.0.1:1,sts=http://127.0.0.1:3"
	bare := "host=127.0.0.1:5004,account=222222222222,region=ap-south-1"
	for _, test := range []struct {
		name     string
		mappings []string
		want     string
	}{
		{"no mapping", nil, ""},
		{"one without STS", []string{bare}, ""},
		{"one with STS", []string{west}, "eu-west-1"},
		{"two of one region", []string{west, again}, "eu-west-1"},
		{"one with STS beside one without", []string{bare, north}, "eu-north-1"},
		{"two regions", []string{west, north}, ""},
		{"two regions, and the first again", []string{west, north, again}, ""},
	} {
		hosts, err := newHosts(test.mappings)
		if err != nil {
			t.Fatal(err)
		}
		if got := stsRegion(hosts); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
