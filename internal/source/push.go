package source

import (
	"context"
	"errors"

	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/pullpass/pullpass"
)

// MayPush reports whether a login may write to a repository, without writing
// anything: its host offers git-receive-pack to those only. Where it offers that
// to nobody in particular, a login shows nothing.
func (s *Source) MayPush(ctx context.Context, repository string, login pullpass.GitLogin) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if login.Password.Empty() {
		return false, nil
	}
	if everybody, err := s.receives(ctx, repository, pullpass.GitLogin{}); err != nil || everybody {
		return false, err
	}
	return s.receives(ctx, repository, login)
}

func (s *Source) receives(ctx context.Context, repository string, login pullpass.GitLogin) (bool, error) {
	endpoint, err := endpointOf(repository)
	if err != nil {
		return false, err
	}
	session, err := s.git.NewReceivePackSession(endpoint, authOf(login))
	if err != nil {
		return false, explain(err)
	}
	_, err = session.AdvertisedReferencesContext(ctx)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed), errors.Is(err, transport.ErrRepositoryNotFound):
		return false, nil
	}
	return false, explain(err)
}
