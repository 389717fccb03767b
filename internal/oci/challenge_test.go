package oci

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChooseChallenge(t *testing.T) {
	bearer := Challenge{"bearer", "https://auth.docker.io/token", "registry.docker.io"}
	for _, test := range []struct {
		headers []string
		want    Challenge
		ok      bool
	}{
		{[]string{`Bearer realm="https://auth.docker.io/token",service="registry.docker.io"`}, bearer, true},
		{[]string{`bearer Realm="https://auth.docker.io/token" , SERVICE=registry.docker.io`}, bearer, true},
		{[]string{`Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a:pull,push",error="x"`}, bearer, true},
		{[]string{`Basic realm="x", Bearer realm="https://auth.docker.io/token", service="registry.docker.io"`}, bearer, true},
		{[]string{`Basic realm="x"`, `Bearer realm="https://auth.docker.io/token",service="registry.docker.io"`}, bearer, true},
		{[]string{`Basic realm="https://222222222222.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com"`}, Challenge{"basic", "https://222222222222.dkr.ecr.eu-west-1.amazonaws.com/", "ecr.amazonaws.com"}, true},
		{[]string{`Basic`}, Challenge{Scheme: "basic"}, true},
		{[]string{`Bearer realm="a\"b",service="x,y"`}, Challenge{"bearer", `a"b`, "x,y"}, true},
		{[]string{`Bearer`}, Challenge{}, false}, // no realm
		{[]string{`Bearer realm="unclosed`}, Challenge{}, false},
		{[]string{`Negotiate`, `Digest realm="x"`}, Challenge{}, false},
		{[]string{`realm="x"`}, Challenge{}, false},
		{[]string{`="x"`}, Challenge{}, false},
		{[]string{``}, Challenge{}, false},
		{nil, Challenge{}, false},
	} {
		got, ok := chooseChallenge(test.headers)
		if ok != test.ok || !cmp.Equal(got, test.want) {
			t.Errorf("chooseChallenge(%q) = %+v, %v, want %+v, %v", test.headers, got, ok, test.want, test.ok)
		}
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer realm="https://auth.docker.io/token",service="registry.docker.io", Basic`)
	f.Add(`a=b, "c\`)
	f.Fuzz(func(t *testing.T, header string) {
		if c, ok := chooseChallenge([]string{header}); ok && c.Scheme != schemeBasic && c.Scheme != schemeBearer {
			t.Errorf("chooseChallenge(%q) = %+v", header, c)
		}
	})
}
