package client

import (
	"context"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// CheckImages asks which images environments of a project could pull; at most 200. The
// verdicts are in the order of the images.
func (c *Client) CheckImages(ctx context.Context, project pullpass.ProjectID, images []api.ImageAsk) ([]api.ImageVerdict, error) {
	k := post(path(api.PathProjectImages, project), api.ImagesCheck{Images: images})
	k.wait = testWait
	out, err := do[api.ImageVerdicts](ctx, c, k)
	return out.Images, err
}
