package helper

import (
	"cmp"
	"context"
	"errors"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// Mint is what `pullpass-aws` is asked for: a token for a registry of ECR, as whom.
type Mint struct {
	Region   string `json:"region"`
	Public   bool   `json:"public,omitempty"`
	Endpoint string `json:"endpoint,omitempty"` // of the ECR API, where it is not the region's
	STS      string `json:"sts,omitempty"`

	Profile     string       `json:"profile,omitempty"`
	WebIdentity *WebIdentity `json:"web_identity,omitempty"`
	AccessKey   *AccessKey   `json:"access_key,omitempty"`
	Roles       []Role       `json:"roles,omitempty"`
}

// ecrPublicAlias is another name of ECR Public.
const ecrPublicAlias = "ecr-public.aws.com"

func isPublic(host string) bool {
	host = bare(host)
	return host == awsname.PublicRegistry || host == ecrPublicAlias
}

// mintFor says how AWS is asked for a host, and false if it is not one of ECR.
func mintFor(host string, r *Rule) (Mint, bool) {
	var m Mint
	if isPublic(host) {
		m = Mint{Public: true, Region: awsname.PublicRegion}
	} else if named, ok := awsname.ParseRegistry(bare(host)); ok {
		m.Region = named.Region
		if named.FIPS || named.DualStack { // the ordinary API is not in the network that the name chose
			m.Endpoint = "https://" + named.APIHost()
			m.STS = "https://" + awsname.STSHost(named.Region, named.FIPS, named.DualStack)
		}
	}
	if r != nil {
		m.Profile, m.WebIdentity, m.AccessKey, m.Roles = r.Profile, r.WebIdentity, r.AccessKey, r.Roles
		if e := r.ECR; e != nil {
			m.Region, m.Endpoint, m.STS = cmp.Or(e.Region, m.Region), cmp.Or(e.Endpoint, m.Endpoint), cmp.Or(e.STS, m.STS)
		}
	}
	return m, m.Region != ""
}

// AWS is the Issuer that asks AWS itself, through the program `pullpass-aws`, or
// `pullpass` where that is what is installed.
type AWS struct {
	Mint Mint
	who  principal
}

// newAWS returns the issuer for a host, and nil if the host is not one of ECR.
func newAWS(host string, r *Rule) (*AWS, error) {
	m, ok := mintFor(host, r)
	if !ok {
		return nil, nil //nolint:nilnil // not here
	}
	return &AWS{Mint: m, who: principalOf(m)}, nil
}

// Identity is the principal's stable name, known before AWS is asked.
func (a *AWS) Identity() string { return a.who.name }

// Terms implements termed: a token of ECR opens the host, as far as its principal may.
func (a *AWS) Terms() Terms {
	return Terms{WholeHost: true, HalfLife: a.who.fixed, Failures: true}
}

// Credential asks for a token.
func (a *AWS) Credential(ctx context.Context, ask Ask) (pullpass.Credential, error) {
	path := findProgram(programAWS, programServer)
	if path == "" {
		return pullpass.Credential{}, &pullpass.Error{
			Kind: pullpass.Invalid, Code: "no_command", What: "cannot ask AWS for a token for " + ask.Host,
			Cause: "neither pullpass-aws nor pullpass is beside docker-credential-pullpass or on the PATH",
			Hint:  "put pullpass-aws of the same version into the directory of docker-credential-pullpass",
		}
	}
	r, err := runProgram(ctx, path, Question{Verb: verbCredential, Host: ask.Host, Refused: ask.Refused, AWS: &a.Mint})
	if err != nil {
		return pullpass.Credential{}, err
	}
	if r.Credential == nil {
		return pullpass.Credential{}, errors.New(path + " answered without a credential")
	}
	return credentialOf(r.Credential), nil
}

// Hosts is empty: which registries an identity reaches is not known without asking,
// and those of the configuration are listed without it.
func (a *AWS) Hosts(context.Context) ([]string, error) { return nil, nil }
