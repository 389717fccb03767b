package docker

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass/internal/runner"
)

// keptRepository holds a tag for each image that this runner has pulled: the engine
// remembers which are its own, and when it last used them. No registry is asked for it.
func (e *Engine) keptRepository() string {
	return "pullpass.invalid/" + strings.ReplaceAll(strings.ToLower(string(e.runner)), "_", "-")
}

// keep tags an image that was pulled for this runner, or tags it again: that is its
// last use. Images that were there before are somebody else's.
func (e *Engine) keep(ctx context.Context, reference string) error {
	_, digest, _ := strings.Cut(reference, "@sha256:")
	if digest == "" {
		return nil // not by digest: nothing that a runner pulls
	}
	_, err := e.client.ImageTag(ctx, client.ImageTagOptions{Source: reference, Target: e.keptRepository() + ":" + digest})
	return err
}

// isKept reports whether this runner has pulled the image.
func (e *Engine) isKept(ctx context.Context, reference string) bool {
	_, digest, _ := strings.Cut(reference, "@sha256:")
	_, err := e.client.ImageInspect(ctx, e.keptRepository()+":"+digest)
	return digest != "" && err == nil
}

// pulled is an image that this runner has pulled.
type pulled struct {
	id, tag    string
	references []string // by digest
	used       time.Time
	bytes      int64
}

// Collect removes images that this runner has pulled and that no container uses: those
// that were not used for a while, and then the longest unused until the rest fits.
func (e *Engine) Collect(ctx context.Context, limits runner.ImageLimits) (removed int, err error) {
	const what = "cannot collect images"
	containers, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return 0, e.explain(ctx, what, err)
	}
	busy := map[string]bool{}
	for _, c := range containers.Items {
		busy[c.ImageID] = true
	}
	images, total, err := e.pulledImages(ctx)
	if err != nil {
		return 0, e.explain(ctx, what, err)
	}
	now := time.Now()
	for _, i := range images {
		idle := now.Sub(i.used)
		old := limits.MaxAge > 0 && idle > limits.MaxAge
		much := limits.MaxBytes > 0 && total > limits.MaxBytes
		if busy[i.id] || idle < limits.Fresh || (!old && !much) {
			continue
		}
		for _, reference := range append([]string{i.tag}, i.references...) {
			// What a person has tagged, or a container uses since we looked, stays.
			if _, err := e.client.ImageRemove(ctx, reference, client.ImageRemoveOptions{PruneChildren: true}); err != nil && !missing(err) {
				return removed, e.explain(ctx, what, err)
			}
		}
		total -= i.bytes
		removed++
	}
	return removed, nil
}

// pulledImages lists what this runner has pulled, the longest unused first.
func (e *Engine) pulledImages(ctx context.Context) (images []pulled, total int64, err error) {
	list, err := e.client.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("reference", e.keptRepository())})
	if err != nil {
		return nil, 0, err
	}
	for _, summary := range list.Items {
		i, err := e.client.ImageInspect(ctx, summary.ID)
		if missing(err) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		p := pulled{id: summary.ID, bytes: i.Size, used: i.Metadata.LastTagTime}
		foreign := false
		for _, tag := range i.RepoTags {
			if strings.HasPrefix(tag, e.keptRepository()+":") {
				p.tag = tag
			} else {
				foreign = true
			}
		}
		total += i.Size
		if foreign || p.tag == "" {
			continue // somebody has given it a name: it is that one's, too
		}
		for _, reference := range i.RepoDigests {
			if !strings.HasPrefix(reference, e.keptRepository()+"@") {
				p.references = append(p.references, reference)
			}
		}
		images = append(images, p)
	}
	slices.SortFunc(images, func(a, b pulled) int { return a.used.Compare(b.used) })
	return images, total, nil
}
