package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
)

// challengeFile is what has to be at the top of a repository's default branch:
// only whoever may write there can put it there.
const challengeFile = ".pullpass-challenge"

// proofFor is how long a proof is believed without looking again: repositories are
// given away, and names are taken by others.
const proofFor = 24 * time.Hour

// proofEnds is how long a proof outlives a Git host that does not answer.
const proofEnds = 30 * 24 * time.Hour

func (s *Server) proofRoutes() {
	add(s, route{method: http.MethodGet, path: api.PathProjectProof, id: "get-proof", tag: "projects", permission: access.ProjectProve,
		summary: "Get a project's challenge", description: "The line that the file .pullpass-challenge at the top of the repository's default branch has to hold."}, s.getProof)
	add(s, route{method: http.MethodPost, path: api.PathProjectProof, id: "prove-project", within: upstreamWithin, tag: "projects", permission: access.ProjectProve,
		summary: "Prove whose a project's repository is", description: "The server asks the repository's Git host itself, over https: may the project's Git login push, or does the file hold the challenge?"}, s.prove)
	add(s, route{method: http.MethodPut, path: api.PathProjectGitLogin, id: "set-git-login", within: upstreamWithin, tag: "projects", permission: access.ProjectProve,
		summary: "Give a login for a project's repository", description: "With it the server reads a private repository. It cannot be read back, and goes to the repository's own host only."}, s.setGitLogin)
	add(s, route{method: http.MethodDelete, path: api.PathProjectGitLogin, id: "delete-git-login", tag: "projects", permission: access.ProjectProve,
		summary: "Forget the login for a project's repository"}, s.deleteGitLogin)
}

func (s *Server) getProof(ctx context.Context, c pullpass.Caller, in *projectPath) (*body[api.Proof], error) {
	p, err := s.project(ctx, c, access.ProjectProve, in.Project)
	if err != nil {
		return nil, err
	}
	return s.proofOf(ctx, p)
}

func (s *Server) proofOf(ctx context.Context, p pullpass.Project) (*body[api.Proof], error) {
	proof, err := s.store.ProjectProof(ctx, p.Organization, p.ID, newChallenge())
	if err != nil {
		return nil, err
	}
	return answer(api.Proof{Repository: p.Repository, File: challengeFile, Content: proof.Challenge, Proved: !proof.ProvedAt.IsZero(), ProvedAt: proof.ProvedAt}), nil
}

func newChallenge() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails since Go 1.24
	return "pullpass-challenge-" + base64.RawURLEncoding.EncodeToString(b[:])
}

func (s *Server) prove(ctx context.Context, c pullpass.Caller, in *projectPath) (*body[api.Proof], error) {
	p, err := s.project(ctx, c, access.ProjectProve, in.Project)
	if err != nil {
		return nil, err
	}
	proof, err := s.store.ProjectProof(ctx, p.Organization, p.ID, newChallenge())
	if err != nil {
		return nil, err
	}
	if err := s.look(ctx, p, proof.Challenge); err != nil {
		return nil, err
	}
	e := pullpass.Event{Action: string(access.ProjectProve), Project: p.ID, Target: p.Name, Detail: map[string]string{"repository": p.Repository}}
	err = s.deed(ctx, c, e, func(ctx context.Context) error {
		return s.store.SetProved(ctx, p.Organization, p.ID, s.now())
	})
	if err != nil {
		return nil, err
	}
	return s.proofOf(ctx, p)
}

// look returns nil if the project's login may push to its repository, or if the
// project's challenge stands there.
func (s *Server) look(ctx context.Context, p pullpass.Project, challenge string) error {
	const what = "cannot prove whose the project's repository is"
	switch {
	case p.Repository == "":
		return &pullpass.Error{Kind: pullpass.Invalid, Code: "no_repository", What: what, Cause: "the project has no repository", Hint: "create it with --repository"}
	case s.source == nil:
		return errNoIdentity()
	}
	login, err := s.store.GitLogin(ctx, p.Organization, p)
	if err != nil {
		return err
	}
	if may, err := s.source.MayPush(ctx, p.Repository, login); may || err != nil {
		return err
	}
	text, err := s.source.File(ctx, p.Repository, login, challengeFile)
	switch {
	case pullpass.IsKind(err, pullpass.NotFound):
	case err != nil:
		return err
	default:
		for line := range strings.Lines(text) {
			if strings.TrimSpace(line) == challenge {
				return nil
			}
		}
	}
	return &pullpass.Error{Kind: pullpass.Conflict, Code: "challenge_missing", What: what,
		Cause: "the file " + challengeFile + " at the top of its default branch does not hold this project's challenge, and no login is kept that may push to it",
		Hint:  "commit the line that pullpass project prove prints, push, and try again; or give a login: pullpass project login PROJECT"}
}

// sourceOf finds the ref and commit of a new environment. A ref that is asked for
// has to be there; the default branch is looked up where that is of use.
func (s *Server) sourceOf(ctx context.Context, c pullpass.Caller, p pullpass.Project, ref string) (name, commit string, err error) {
	switch {
	case p.Repository == "" && ref != "":
		return "", "", unfitEnvironment("no_repository", "it names a ref, and the project has no repository", "leave the ref out")
	case p.Repository == "" || s.source == nil, ref == "" && !p.OwnershipProved:
		return "", "", nil
	}
	s.lookAgain(ctx, c, p)
	login, err := s.store.GitLogin(ctx, p.Organization, p)
	if err != nil {
		return "", "", err
	}
	name, commit, err = s.source.Resolve(ctx, p.Repository, login, ref)
	if err != nil && ref == "" {
		s.log.LogAttrs(ctx, slog.LevelWarn, "default branch not resolved", slog.String("project", string(p.ID)), slog.Any("error", err))
		return "", "", nil
	}
	return name, commit, err
}

// RenewProofs looks again at every proof that is more than a day old: environments
// live longer than some people own a repository. It is for the server itself, every
// hour or so; several may do it at once.
func (s *Server) RenewProofs(ctx context.Context) error {
	for page := (pullpass.Page{Limit: pullpass.MaxPage}); ; {
		l, err := s.store.Organizations(ctx, page)
		if err != nil {
			return err
		}
		for _, o := range l.Items {
			if err := s.renewProofsOf(ctx, o.ID); err != nil {
				return err
			}
		}
		if l.Next == "" {
			return nil
		}
		page.After = l.Next
	}
}

func (s *Server) renewProofsOf(ctx context.Context, org pullpass.OrganizationID) error {
	self := pullpass.Caller{Kind: pullpass.CallerServer, Organization: org, ID: "proofs", Name: "proofs"}
	for page := (pullpass.Page{Limit: pullpass.MaxPage}); ; {
		l, err := s.store.Projects(ctx, org, page)
		if err != nil {
			return err
		}
		for _, p := range l.Items {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.lookAgain(ctx, self, p)
		}
		if l.Next == "" {
			return nil
		}
		page.After = l.Next
	}
}

// lookAgain ends a proof that no longer holds. A host that does not answer proves
// nothing, neither way, for a while.
func (s *Server) lookAgain(ctx context.Context, c pullpass.Caller, p pullpass.Project) {
	if !p.OwnershipProved {
		return
	}
	proof, err := s.store.ProjectProof(ctx, p.Organization, p.ID, "")
	if err != nil || s.now().Sub(proof.ProvedAt) < proofFor {
		return
	}
	at := s.now()
	e := pullpass.Event{Action: string(access.ProjectProve), Project: p.ID, Target: p.Name, Detail: map[string]string{"repository": p.Repository}}
	if err := s.look(ctx, p, proof.Challenge); err != nil {
		k := pullpass.KindOf(err)
		if k != pullpass.Conflict && k != pullpass.Invalid && at.Sub(proof.ProvedAt) < proofEnds {
			return
		}
		at, e.Action = time.Time{}, "project.unprove"
	}
	err = s.deed(ctx, c, e, func(ctx context.Context) error { return s.store.SetProved(ctx, p.Organization, p.ID, at) })
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "proof not renewed", slog.String("project", string(p.ID)), slog.Any("error", err))
	}
}
