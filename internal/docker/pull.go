package docker

import (
	"context"
	"errors"
	"io"

	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/runner"
)

// Pull brings an image to the engine. Docker 20.10 and later take a manifest that
// they have from their own store, whatever the credential: that a pull succeeds is no
// permission. An error can arrive in the middle of an answer that began well.
func (e *Engine) Pull(ctx context.Context, p runner.PullRequest) error {
	auth, err := encode(p.Auth)
	if err != nil {
		return err
	}
	_, before := e.client.ImageInspect(ctx, p.Reference)
	answer, err := e.client.ImagePull(ctx, p.Reference, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return e.explainPull(ctx, p.Reference, err)
	}
	layers := layers{}
	for m, err := range answer.JSONMessages(ctx) {
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return e.unreachable(ctx, err)
		case err != nil:
			return e.explainPull(ctx, p.Reference, err)
		case m.Error != nil:
			return e.explainPull(ctx, p.Reference, m.Error)
		}
		if layers.note(m) && p.Progress != nil {
			p.Progress(layers.sum(), layers.stage())
		}
	}
	// An engine that dies between two messages ends the stream without an error.
	if _, err = e.client.ImageInspect(ctx, p.Reference); err != nil {
		return e.explainPull(ctx, p.Reference, err)
	}
	if missing(before) || e.isKept(ctx, p.Reference) {
		if err := e.keep(ctx, p.Reference); err != nil {
			return e.explainPull(ctx, p.Reference, err)
		}
	}
	if p.Progress != nil && len(layers) > 0 {
		p.Progress(layers.finish(), runner.Unpacking)
	}
	return nil
}

// Present reports whether an image is in the engine's store.
func (e *Engine) Present(ctx context.Context, reference string) (bool, error) {
	_, err := e.client.ImageInspect(ctx, reference)
	if missing(err) {
		return false, nil
	}
	return err == nil, e.explain(ctx, "cannot look for image "+reference, err)
}

// encode writes the header that carries a credential to the engine. Nothing at all
// is sent for an anonymous pull.
func encode(a runner.RegistryAuth) (string, error) {
	if a.Username == "" && a.Password.Empty() && a.Token.Empty() {
		return "", nil
	}
	return authconfig.Encode(registry.AuthConfig{
		Username: a.Username, Password: a.Password.Reveal(),
		RegistryToken: a.Token.Reveal(), ServerAddress: a.Host,
	})
}

// layers is what the engine has told of each layer of one pull.
type layers map[string]layer

type layer struct {
	done        bool
	fetched     bool // downloaded, or there already
	waiting     bool // for the engine: it downloads a few layers at a time, of all pulls
	have, total int64
}

// note takes in a message and reports whether it was about a layer. With containerd's
// image store manifests and configurations are downloaded like layers; only layers
// are announced.
func (l layers) note(m jsonstream.Message) bool {
	at, announced := l[m.ID]
	switch m.Status {
	case "Pulling fs layer", "Already exists":
		announced = m.ID != ""
	}
	if !announced {
		return false
	}
	at.waiting = m.Status == "Waiting"
	switch m.Status {
	case "Downloading":
		if m.Progress != nil {
			at.have, at.total = m.Progress.Current, max(at.total, m.Progress.Total)
		}
	case "Verifying Checksum", "Download complete", "Extracting":
		at.have, at.fetched = at.total, true
	case "Pull complete", "Already exists":
		at.have, at.done, at.fetched = at.total, true, true
	}
	l[m.ID] = at
	return true
}

// stage is what the engine does for the layers that it has told of.
func (l layers) stage() runner.PullStage {
	stage := runner.Unpacking
	for _, at := range l {
		switch {
		case at.fetched:
		case !at.waiting:
			return runner.Downloading
		default:
			stage = runner.Queued
		}
	}
	return stage
}

// finish is the sum when the engine has the image, whatever it last said of each layer.
func (l layers) finish() pullpass.Progress {
	for id, at := range l {
		at.have, at.done = at.total, true
		l[id] = at
	}
	return l.sum()
}

func (l layers) sum() pullpass.Progress {
	p := pullpass.Progress{LayersTotal: len(l)}
	for _, at := range l {
		p.BytesDone += at.have
		p.BytesTotal += at.total
		if at.done {
			p.LayersDone++
		}
	}
	return p
}
