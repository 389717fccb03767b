package main

import (
	"context"
	"log/slog"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/awsname"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/doctor"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
)

// serverDoctor tries registries and integrations on the server, with the
// server's egress rules.
type serverDoctor struct {
	store  doctorStore
	hosts  *reference.Hosts
	allow  []string
	minter *aws.Minter
	log    *slog.Logger
}

// doctorStore is what has to be read to try what is saved.
type doctorStore interface {
	RegistrySecret(context.Context, pullpass.OrganizationID, pullpass.Registry) (pullpass.Secret, error)
	Integration(context.Context, pullpass.OrganizationID, pullpass.IntegrationID) (pullpass.Integration, error)
	IntegrationSecret(ctx context.Context, org pullpass.OrganizationID, id pullpass.IntegrationID, generation int64) (pullpass.Secret, error)
}

// TestRegistry implements httpapi.Tester.
func (s *serverDoctor) TestRegistry(ctx context.Context, t httpapi.RegistryTrial) (api.Diagnosis, error) {
	// A client of its own: over a kept connection there is no DNS, TCP and TLS to check.
	out, err := newEgress(egress.Options{Allow: s.allow, HideNames: hideNames(s.log)})
	if err != nil {
		return api.Diagnosis{}, err
	}
	defer out.Close()
	registries, err := oci.New(oci.Options{Egress: out, Hosts: s.hosts})
	if err != nil {
		return api.Diagnosis{}, err
	}
	opener, err := s.opener(ctx, t)
	if err != nil {
		return api.Diagnosis{}, err
	}
	d := doctor.New(doctor.Options{HTTP: out, Registries: doctorRegistries{registries}, Hosts: s.hosts, Where: doctor.Server, HideAddresses: true})
	p := doctor.Pull{Image: t.Registry.Host, LoginOnly: t.Repository == "", Opener: opener, Why: "with settings that are not saved"}
	if t.Saved {
		p.Why = "by the registry " + t.Registry.Name
	}
	if t.Repository != "" {
		p.Image = t.Image()
	}
	if a, ok := opener.(awsOpener); ok {
		p.Policies = a.policies
	}
	return d.Examine(ctx, p), nil
}

// FindImage implements httpapi.Tester.
func (s *serverDoctor) FindImage(
	ctx context.Context, t httpapi.RegistryTrial, image reference.Image, platform string,
) (httpapi.ImageFound, error) {
	out, err := newEgress(egress.Options{Allow: s.allow, HideNames: hideNames(s.log)})
	if err != nil {
		return httpapi.ImageFound{}, err
	}
	defer out.Close()
	registries, err := oci.New(oci.Options{Egress: out, Hosts: s.hosts, Platform: platform})
	if err != nil {
		return httpapi.ImageFound{}, err
	}
	var credential pullpass.Credential
	if t.Saved {
		host, err := s.hosts.Parse(image.Host)
		if err != nil {
			return httpapi.ImageFound{}, err
		}
		opener, err := s.opener(ctx, t)
		if err != nil {
			return httpapi.ImageFound{}, err
		}
		if credential, err = opener.Open(ctx, host, image.Repository, func(doctor.Rung) {}); err != nil {
			return httpapi.ImageFound{}, err
		}
	}
	found, err := registries.Resolve(ctx, image, credential)
	return httpapi.ImageFound{Digest: found.Digest, Bytes: found.Bytes}, err
}

// OpenRegistry implements httpapi.Tester.
func (s *serverDoctor) OpenRegistry(ctx context.Context, t httpapi.RegistryTrial) (out httpapi.Opened) {
	host, err := s.hosts.Parse(t.Registry.Host)
	if err != nil {
		out.Err = err
		return out
	}
	opener, err := s.opener(ctx, t)
	if err != nil {
		out.Err = err
		return out
	}
	tell := func(r doctor.Rung) {
		out.Rungs = append(out.Rungs, wireRung(r))
		if r.Err == nil && r.Principal != "" {
			out.Principal = r.Principal
		}
	}
	a, ok := opener.(awsOpener)
	if !ok {
		out.Credential, out.Err = opener.Open(ctx, host, t.Repository, tell)
		return out
	}
	minted, err := a.mint(ctx, host, t.Repository, tell)
	out.Credential, out.Repositories, out.Policy, out.Err = minted.Credential, minted.Repositories, minted.Policy, err
	return out
}

func (s *serverDoctor) opener(ctx context.Context, t httpapi.RegistryTrial) (doctor.Opener, error) {
	r := t.Registry
	if r.Auth == pullpass.AuthBasic {
		password := t.Password
		if t.Saved {
			var err error
			if password, err = s.store.RegistrySecret(ctx, r.Organization, r); err != nil {
				return nil, err
			}
		}
		return doctor.Basic{Username: r.Username, Password: password, Source: "with the registry's password"}, nil
	}
	i, err := s.store.Integration(ctx, r.Organization, r.Integration)
	if err != nil {
		return nil, err
	}
	opener := s.climb(i)
	opener.request.Project = r.Project
	opener.scope = func(reference.Host, string) []string { return t.Scope() }
	return opener, nil
}

func (s *serverDoctor) climb(i pullpass.Integration) awsOpener {
	o := awsOpener{minter: s.minter, who: "integration " + i.Name, request: broker.MintRequest{Organization: i.Organization, Integration: i}}
	if i.Mode == pullpass.ModeAccessKey {
		o.secret = func(ctx context.Context) (pullpass.Secret, error) {
			return s.store.IntegrationSecret(ctx, i.Organization, i.ID, i.Generation)
		}
	}
	return o
}

// TestIntegration implements httpapi.Tester.
func (s *serverDoctor) TestIntegration(ctx context.Context, i pullpass.Integration) (api.IntegrationTest, error) {
	return climbed(ctx, s.climb(i), i.Region, doctor.Server), nil
}

// climbed is who an integration is on its last rung.
func climbed(ctx context.Context, opener doctor.Opener, region, where string) api.IntegrationTest {
	out := api.IntegrationTest{Region: region, Where: where}
	out.Steps = doctor.Climb(ctx, opener, func(rung doctor.Rung) {
		if rung.Err == nil && rung.Principal != "" {
			out.Principal = rung.Principal
		}
	})
	out.Healthy = doctor.Healthy(out.Steps)
	if !out.Healthy {
		out.Principal = "" // whoever it is on a lower rung is not who owners are to name
		return out
	}
	if arn, ok := awsname.ParseARN(out.Principal); ok {
		out.Account = arn.Account
	}
	return out
}

// stsOfMappings finds where STS is asked in a region: where the operator's host
// mappings say, else AWS's own endpoint.
func stsOfMappings(hosts *reference.Hosts) func(region string) string {
	return func(region string) string {
		for _, m := range hosts.Mappings() {
			if m.Region == region && m.STSEndpoint != "" {
				return m.STSEndpoint
			}
		}
		return reference.STSEndpoint(region)
	}
}
