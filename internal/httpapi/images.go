package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/reference"
)

// ImageFound is an image that a registry has shown.
type ImageFound struct {
	Digest string
	Bytes  int64 // of its layers
}

// checksAtOnce bounds the registries that one check asks at a time.
const checksAtOnce = 4

const cannotCheck = "cannot check the images"

func (s *Server) imageRoutes() {
	add(s, route{
		method: http.MethodPost, path: api.PathProjectImages, id: "check-images", within: upstreamWithin, tag: "projects",
		permission: access.EnvironmentCreate,
		summary:    "Check images before they are started",
		description: "For each image, the server finds the registry that an environment of the project would use, and asks that registry " +
			"for it with the credential of a start, which does not leave the server. What only a runner can open is unknown here.",
	}, s.checkProjectImages)
}

func (s *Server) checkProjectImages(ctx context.Context, c pullpass.Caller, in *struct {
	Project pullpass.ProjectID `path:"project" doc:"Its id."`
	Body    api.ImagesCheck
}) (*body[api.ImageVerdicts], error) {
	project, err := s.project(ctx, c, access.EnvironmentCreate, in.Project)
	if err != nil {
		return nil, err
	}
	registries, err := s.store.RegistriesInForce(ctx, c.Organization, project.ID)
	if err != nil {
		return nil, err
	}
	done, err := s.beginTest()
	if err != nil {
		return nil, err
	}
	defer done()
	out := api.ImageVerdicts{Images: make([]api.ImageVerdict, len(in.Body.Images))}
	e := pullpass.Event{Action: "image.check", Project: project.ID, Target: project.Name,
		Detail: map[string]string{"images": strconv.Itoa(len(out.Images))}}
	err = s.deed(ctx, c, e, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, testWithin)
		defer cancel()
		var asking sync.WaitGroup
		places := make(chan struct{}, checksAtOnce)
		for i, ask := range in.Body.Images {
			asking.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				out.Images[i] = s.checkImage(ctx, project, registries, ask)
			})
		}
		asking.Wait()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}

// checkImage gives the verdict on one image. What goes wrong is part of it.
func (s *Server) checkImage(ctx context.Context, p pullpass.Project, registries []pullpass.Registry, ask api.ImageAsk) api.ImageVerdict {
	v := api.ImageVerdict{Image: ask.Image, Platform: ask.Platform, Verdict: api.VerdictAllowed}
	if v.Platform == "" {
		v.Platform = "linux/amd64"
	}
	image, err := reference.ParseImage(ask.Image)
	if err == nil {
		_, err = s.hosts.Parse(image.Host)
	}
	if err != nil {
		return s.refusedImage(ctx, v, err)
	}
	v.Image = image.String()
	t := RegistryTrial{Registry: pullpass.Registry{Organization: p.Organization, Host: image.Host}, Repository: image.Repository}
	if r, ok := broker.Choose(registries, image.Host, image.Repository); ok {
		v.Registry = r.Name
		// The project asks, whatever the registry belongs to: what is kept for another
		// project is not shown.
		own := r
		own.Project = p.ID
		if err := s.checkOwner(ctx, RegistryTrial{Registry: own, Repository: image.Repository}); err != nil {
			return s.refusedImage(ctx, v, err)
		}
		o, err := s.openingOf(ctx, r)
		switch {
		case err != nil:
			return s.refusedImage(ctx, v, err)
		case o.native():
			return s.refusedImage(ctx, v, notHereYet(cannotCheck, "the registry is opened by"))
		case len(o.limits) > 0:
			return s.refusedImage(ctx, v, &pullpass.Error{Kind: pullpass.Unavailable, Code: "runner_only", What: cannotCheck,
				Cause: "the " + o.limits[0].what + " is limited to selected runners", Hint: "let one try: pullpass registry test " + r.Name + " --runner NAME"})
		}
		t.Registry, t.Saved = r, true
	}
	found, err := s.tester.FindImage(ctx, t, image, v.Platform)
	if err != nil {
		return s.refusedImage(ctx, v, err)
	}
	v.Digest, v.Bytes = found.Digest, found.Bytes
	return v
}

// notHereYet is notHere as a verdict: nothing is wrong, it is not known here.
func notHereYet(what, is string) error {
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "runner_native", What: what,
		Cause: is + " the runner's own AWS identity, which the server does not have", Hint: "let a runner try: pullpass registry test NAME --runner RUNNER"}
}

// refusedImage is a verdict with its reason: refused where somebody said no, unknown
// where nobody could be asked.
func (s *Server) refusedImage(ctx context.Context, v api.ImageVerdict, err error) api.ImageVerdict {
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Kind == pullpass.Internal {
		s.log.LogAttrs(ctx, slog.LevelError, "image not checked", slog.String("image", v.Image), slog.Any("error", err))
		e = &pullpass.Error{Kind: pullpass.Unavailable, Code: "internal", What: cannotCheck,
			Cause: "something went wrong in the server", Hint: "its log says what"}
	}
	v.Code, v.What, v.Cause, v.Hint = e.Code, e.What, e.Cause, e.Hint
	if v.Cause == "" && e.Err != nil {
		v.Cause = e.Err.Error()
	}
	v.Verdict = api.VerdictRefused
	switch e.Kind {
	case pullpass.Unavailable, pullpass.Limited:
		v.Verdict = api.VerdictUnknown
	}
	return v
}
