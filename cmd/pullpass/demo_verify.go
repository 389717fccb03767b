package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/oci"
)

// pullVerified asks for a credential and pulls the whole image with it into an
// OCI layout, each byte checked: what the demo does where no engine answers.
func (s *stage) pullVerified(ctx context.Context) (oci.Pulled, error) {
	lines, allow := s.mappings()
	hosts, err := newHosts(lines)
	if err != nil {
		return oci.Pulled{}, err
	}
	registries, closeRegistries, err := newRegistries(hosts, allow)
	if err != nil {
		return oci.Pulled{}, err
	}
	defer closeRegistries()
	image, err := registries.Parse(s.image)
	if err != nil {
		return oci.Pulled{}, err
	}
	issued, err := s.client.Credential(ctx, api.CredentialRequest{
		Project: s.project.ID, Host: image.Host, Repository: image.Repository, Action: pullpass.ActionPull,
	})
	if err != nil {
		return oci.Pulled{}, err
	}
	return registries.Pull(ctx, image, issued.Credential, filepath.Join(s.dir, "layout"), nil)
}

// closingWords say where everything is, and how to do the same for real.
func (s *stage) closingWords() {
	s.t.say("\nDone in %.1f s. What stands now:", time.Since(s.started).Seconds())
	s.say("Pullpass     %s   API documentation %s%s", s.serverURL, s.serverURL, api.PathDocs)
	s.say("AWS sandbox  %s", s.box.Endpoint())
	for _, r := range s.box.Registries() {
		s.say("registry     %s   stands for %s", r.Address, r.Host)
	}
	s.t.say("\nThe same with your own AWS account:")
	s.say(`pullpass server &                                   # prints a link and a one-time token
pullpass login --setup http://127.0.0.1:8420        # asks for that token
pullpass policy role --account ACCOUNT --region REGION --repository team/app -o aws
pullpass integration add aws --region REGION --access-key-id AKIA… --role arn:aws:iam::ACCOUNT:role/pull
pullpass project create payments
pullpass registry add ecr --project payments --integration aws --host ACCOUNT.dkr.ecr.REGION.amazonaws.com
pullpass runner add here | pullpass runner --server http://127.0.0.1:8420 --join-token-file - &
pullpass env create try --project payments --image ACCOUNT.dkr.ecr.REGION.amazonaws.com/team/app:1.4`)
}
