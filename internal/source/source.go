package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"

	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/pullpass/pullpass"
)

const within = 20 * time.Second

// Source reads repositories. It is safe for concurrent use.
type Source struct {
	git   transport.Transport
	slots chan struct{}
}

const atOnce = 4

// New returns a source that reaches hosts through roundTripper: the egress client,
// because a tenant names the hosts.
func New(roundTripper http.RoundTripper) *Source {
	c := &http.Client{Transport: roundTripper, CheckRedirect: stay}
	return &Source{
		git:   githttp.NewClientWithOptions(c, &githttp.ClientOptions{RedirectPolicy: githttp.FollowInitialRedirects}),
		slots: make(chan struct{}, atOnce),
	}
}

// Resolve returns the commit of a branch or tag, and the name without refs/heads/
// or refs/tags/; of the default branch if ref is empty. A name that both a branch
// and a tag have is the branch.
func (s *Source) Resolve(
	ctx context.Context,
	repository string,
	login pullpass.GitLogin,
	ref string,
) (name, commit string, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, refs, err := s.open(ctx, repository, login)
	if err != nil {
		return "", "", err
	}
	if ref == "" {
		return defaultBranch(refs)
	}
	if hash, ok := refs.References["refs/heads/"+ref]; ok {
		return ref, hash.String(), nil
	}
	if hash, ok := refs.Peeled["refs/tags/"+ref]; ok { // of an annotated tag: its commit
		return ref, hash.String(), nil
	}
	if hash, ok := refs.References["refs/tags/"+ref]; ok {
		return ref, hash.String(), nil
	}
	return "", "", &pullpass.Error{
		Kind: pullpass.Invalid, Code: "ref_unknown", What: "cannot find the ref in the project's repository",
		Cause: "it has neither a branch nor a tag of that name", Hint: "name a branch or tag that has been pushed: --ref main",
	}
}

// defaultBranch is what HEAD names. A detached HEAD is no branch.
func defaultBranch(refs *packp.AdvRefs) (name, commit string, err error) {
	none := &pullpass.Error{
		Kind:  pullpass.Invalid,
		Code:  "default_branch",
		What:  "cannot find the default branch of the project's repository",
		Cause: "its host names none",
	}
	all, err := refs.AllReferences()
	if err != nil {
		return "", "", none
	}
	head, ok := all[plumbing.HEAD]
	if !ok || head.Type() != plumbing.SymbolicReference || !head.Target().IsBranch() {
		return "", "", none
	}
	hash, ok := refs.References[head.Target().String()]
	if !ok {
		return "", "", none
	}
	return strings.TrimPrefix(head.Target().String(), "refs/heads/"), hash.String(), nil
}

// open asks a repository for its refs.
func (s *Source) open(
	ctx context.Context,
	repository string,
	login pullpass.GitLogin,
) (transport.UploadPackSession, *packp.AdvRefs, error) {
	endpoint, err := endpointOf(repository)
	if err != nil {
		return nil, nil, err
	}
	session, err := s.git.NewUploadPackSession(endpoint, authOf(login))
	if err != nil {
		return nil, nil, explain(err)
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, nil, explain(err)
	}
	return session, refs, nil
}

// File returns a file at the top of the default branch.
func (s *Source) File(ctx context.Context, repository string, login pullpass.GitLogin, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	session, refs, err := s.open(ctx, repository, login)
	if err != nil {
		return "", err
	}
	_, head, err := defaultBranch(refs)
	if err != nil {
		return "", err
	}
	commit := plumbing.NewHash(head)
	request := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
	request.Wants = []plumbing.Hash{commit}
	if refs.Capabilities.Supports(capability.Shallow) {
		request.Depth = packp.DepthCommits(1)
		_ = request.Capabilities.Set(capability.Shallow)
	}
	if refs.Capabilities.Supports(capability.Filter) {
		request.Filter = packp.FilterBlobLimit(maxFile+1, packp.BlobLimitPrefixNone)
		_ = request.Capabilities.Set(capability.Filter)
	}
	answer, err := session.UploadPack(ctx, request)
	if err != nil {
		return "", explain(err)
	}
	defer func() { _ = answer.Close() }()
	select { // packs are held in memory, a few at a time
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return "", explain(ctx.Err())
	}
	store, err := unpack(packOf(answer, request.Capabilities))
	if err != nil {
		return "", explain(fmt.Errorf("reading the objects: %w", err))
	}
	return readFile(store, commit, name)
}

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
	case errors.Is(err, transport.ErrAuthenticationRequired),
		errors.Is(err, transport.ErrAuthorizationFailed),
		errors.Is(err, transport.ErrRepositoryNotFound):
		return false, nil
	}
	return false, explain(err)
}

func endpointOf(repository string) (*transport.Endpoint, error) {
	if err := Check(repository); err != nil {
		return nil, err
	}
	endpoint, err := transport.NewEndpoint(repository)
	if err != nil || endpoint.Protocol != "https" {
		return nil, errAddress()
	}
	return endpoint, nil
}

func authOf(login pullpass.GitLogin) transport.AuthMethod {
	if login.Password.Empty() {
		return nil
	}
	return &githttp.BasicAuth{Username: login.Username, Password: login.Password.Reveal()}
}

// explain tells a repository that is not there, or not open, from a host that does
// not answer. What the host says is not repeated.
func explain(err error) error {
	const what = "cannot read the project's repository"
	var known *pullpass.Error
	switch {
	case errors.As(err, &known):
		return &pullpass.Error{Kind: known.Kind, Code: known.Code, What: what, Err: known, Hint: pullpass.HintOf(known)}
	case errors.Is(err, transport.ErrRepositoryNotFound),
		errors.Is(err, transport.ErrAuthenticationRequired),
		errors.Is(err, transport.ErrAuthorizationFailed):
		return &pullpass.Error{Kind: pullpass.Invalid, Code: "repository_closed", What: what,
			Cause: "its host says that it is not there, or not open with this login", Hint: "for a private repository, give an access token of its host: pullpass project login PROJECT"}
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return &pullpass.Error{
			Kind:  pullpass.Invalid,
			Code:  "repository_empty",
			What:  what,
			Cause: "nothing has been pushed to it",
		}
	}
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "repository_unreachable", What: what,
		Cause: "its host does not answer as a Git host", Hint: "try again; the server must reach the host", Err: err}
}
