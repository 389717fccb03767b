package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/doctor"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
)

// doctorRegistries lends the OCI client to the doctor.
type doctorRegistries struct{ *oci.Client }

func (r doctorRegistries) Open(ctx context.Context, image reference.Image, c pullpass.Credential) (doctor.Session, error) {
	s, err := r.Client.Open(ctx, image, c)
	return doctorSession{s}, err
}

type doctorSession struct{ session *oci.Session }

func (s doctorSession) Login() (asked, taken bool) { return s.session.Login() }

func (s doctorSession) Check(ctx context.Context) error { return s.session.Check(ctx) }

func (s doctorSession) Blob(ctx context.Context, digest string, size int64) (io.ReadCloser, error) {
	return s.session.Blob(ctx, digest, size)
}

func (s doctorSession) Parts(ctx context.Context) (doctor.Parts, error) {
	p, err := s.session.Parts(ctx)
	out := doctor.Parts{Digest: p.Digest, Platform: p.Platform, Config: doctor.Part(p.Config)}
	for _, l := range p.Layers {
		out.Layers = append(out.Layers, doctor.Part(l))
	}
	return out, err
}

// awsOpener climbs an identity ladder, told rung by rung.
type awsOpener struct {
	minter  *aws.Minter
	request broker.MintRequest
	who     string                                         // "your AWS identity"
	about   func(error) error                              // says it of an identity that is no integration's; nil: it is one
	scope   func(reference.Host, string) []string          // nil: not narrowed
	secret  func(context.Context) (pullpass.Secret, error) // of the integration; nil: none
}

// Open implements doctor.Opener.
func (o awsOpener) Open(ctx context.Context, host reference.Host, repository string, tell func(doctor.Rung)) (pullpass.Credential, error) {
	minted, err := o.mint(ctx, host, repository, tell)
	return minted.Credential, err
}

func (o awsOpener) mint(ctx context.Context, host reference.Host, repository string, tell func(doctor.Rung)) (broker.Minted, error) {
	r := o.request
	r.Host, r.Action = host, pullpass.ActionPull
	if o.scope != nil {
		r.Repositories = o.scope(host, repository)
	}
	if o.secret != nil {
		var err error
		if r.Secret, err = o.secret(ctx); err != nil {
			return broker.Minted{}, err
		}
	}
	return o.minter.Trace(ctx, r, func(rung aws.Rung) {
		if o.about != nil {
			rung.Err = o.about(rung.Err)
		}
		tell(doctorRung(rung, o.who))
	})
}

// policies reads policies as this identity, as far as it may.
func (o awsOpener) policies(ctx context.Context, host reference.Host) (iam.Reader, error) {
	r := o.request
	r.Host = host
	if o.secret != nil {
		var err error
		if r.Secret, err = o.secret(ctx); err != nil {
			return nil, err
		}
	}
	return o.minter.PoliciesOf(ctx, r)
}

// aboutOwn leaves the fix to the doctor's table where the error speaks of an
// integration: a person's own identity is not an integration.
func aboutOwn(err error) error {
	var e *pullpass.Error
	if !errors.As(err, &e) || !slices.Contains([]string{"aws_no_identity", "aws_key_unknown", "aws_signature", "aws_invalid"}, e.Code) {
		return err
	}
	plain := *e
	plain.Hint, plain.Err = "", nil // what is wrapped has the hint, too
	return &plain
}

// doctorRung says in words what a rung is.
func doctorRung(r aws.Rung, who string) doctor.Rung {
	out := doctor.Rung{Principal: r.Principal, Took: r.Took, Err: r.Err}
	switch r.Kind {
	case aws.RungCaller:
		out.Step, out.Detail = doctor.StepIdentity, who
		if r.Err == nil {
			out.Detail += ": " + r.Principal
		}
	case aws.RungRole:
		out.Step, out.Role, out.Detail = doctor.StepRole, r.Name, r.Name
		if r.Narrowed {
			out.Detail += ", narrowed by a session policy"
		}
	case aws.RungScope:
		out.Step, out.Detail = doctor.StepScope, "narrowed by a session policy"
		if r.Err == nil && !r.Narrowed {
			out.Warning, out.Symptom = true, "unscoped"
			out.Detail = "this identity cannot be narrowed: its token opens all that " + r.Principal + " may reach"
		}
	case aws.RungToken:
		out.Step, out.Detail = doctor.StepToken, "from ECR in "+r.Name
	}
	return out
}
