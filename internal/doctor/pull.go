package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// wholeLayer is how large a layer may be to be fetched to its end; of a larger
// one the beginning shows that it can be had.
const wholeLayer = 64 << 20

// pull does what an engine does: log in, manifest, configuration, layers.
func (d *Doctor) pull(ctx context.Context, r *report, host reference.Host, image reference.Image, credential pullpass.Credential, p Pull) {
	rest := []string{StepManifest, StepConfig, StepLayer}
	began := time.Now()
	session, err := d.o.Registries.Open(ctx, image, credential)
	if err != nil {
		r.fail(StepToken, time.Since(began), "", d.specific(err, host, image, p))
		r.skip("there is no token", append([]string{StepV2}, rest...)...)
		return
	}
	if host.ECR == nil { // ECR's own token was told by the opener
		r.ok(StepToken, time.Since(began), loginDetail(session, credential))
	}
	if !d.frontDoor(ctx, r, session, host, image, p) {
		r.skip("the registry does not open", rest...)
		return
	}
	if p.LoginOnly {
		r.skip("only the login was tried: name a repository to pull from it", rest...)
	} else {
		d.content(ctx, r, session, host, image, p)
	}
	if asked, _ := session.Login(); !asked && host.ECR == nil && !credential.Secret.Empty() && r.failed() == nil {
		r.fail(StepToken, 0, "", &pullpass.Error{Kind: pullpass.Invalid, Code: "login_not_asked"})
	}
}

// loginDetail says what is known of the login before anything was fetched.
func loginDetail(session Session, credential pullpass.Credential) string {
	asked, taken := session.Login()
	switch {
	case taken && credential.Secret.Empty():
		return "the registry's token service gives a token to everybody"
	case taken:
		return "the registry's token service takes this login"
	case asked:
		return "the registry asks for user name and password with each request"
	}
	return "the registry asks for no login at its front door"
}

func (d *Doctor) frontDoor(ctx context.Context, r *report, session Session, host reference.Host, image reference.Image, p Pull) bool {
	began := time.Now()
	err := session.Check(ctx)
	switch {
	case err == nil:
		detail := "the registry lets this credential in"
		if asked, _ := session.Login(); !asked {
			detail = "the registry lets everybody in"
		}
		r.ok(StepV2, time.Since(began), detail)
	case pullpass.CodeOf(err) == "token_refused":
		// A token for one repository need not open the front door.
		r.skip("this registry's token is for the repository only", StepV2)
	default:
		r.fail(StepV2, time.Since(began), "", d.specific(err, host, image, p))
		return false
	}
	return true
}

func (d *Doctor) content(ctx context.Context, r *report, session Session, host reference.Host, image reference.Image, p Pull) {
	began := time.Now()
	parts, err := session.Parts(ctx)
	if err != nil {
		r.fail(StepManifest, time.Since(began), image.Repository+", "+tagOrDigest(image), d.specific(err, host, image, p))
		r.skip("there is no manifest", StepConfig, StepLayer)
		return
	}
	r.ok(StepManifest, time.Since(began), fmt.Sprintf("%s for %s, %d layers, %s", parts.Digest, parts.Platform, len(parts.Layers), size(total(parts.Layers))))
	if !d.part(ctx, r, session, StepConfig, "configuration", parts.Config, host, image, p) {
		r.skip("the configuration cannot be had", StepLayer)
		return
	}
	for _, l := range firstAndLargest(parts.Layers) {
		if !d.part(ctx, r, session, StepLayer, l.which, l.Part, host, image, p) {
			return
		}
	}
}

type chosenLayer struct {
	which string
	Part
}

func firstAndLargest(layers []Part) []chosenLayer {
	if len(layers) == 0 {
		return nil
	}
	largest := 0
	for i, l := range layers {
		if l.Size > layers[largest].Size {
			largest = i
		}
	}
	if largest == 0 {
		return []chosenLayer{{"first and largest layer", layers[0]}}
	}
	return []chosenLayer{{"first layer", layers[0]}, {"largest layer", layers[largest]}}
}

func (d *Doctor) part(ctx context.Context, r *report, session Session, step, which string, part Part, host reference.Host, image reference.Image, p Pull) bool {
	began := time.Now()
	body, err := session.Blob(ctx, part.Digest, part.Size)
	if err == nil {
		var from io.Reader = body
		if part.Size > wholeLayer {
			from = io.LimitReader(body, 1<<20)
		}
		_, err = io.Copy(io.Discard, from)
		_ = body.Close() // it was read as far as it is wanted
	}
	if err != nil {
		r.fail(step, time.Since(began), which+" "+part.Digest, d.specific(err, host, image, p))
		return false
	}
	detail := which + ", " + size(part.Size) + ", digest verified"
	if part.Size > wholeLayer {
		detail = which + ", the first MiB of " + size(part.Size)
	}
	r.ok(step, time.Since(began), detail)
	return true
}

func total(layers []Part) (sum int64) {
	for _, l := range layers {
		sum += l.Size
	}
	return sum
}

func size(n int64) string {
	const kib, mib = 1 << 10, 1 << 20
	switch {
	case n < kib:
		return fmt.Sprintf("%d B", n)
	case n < mib:
		return fmt.Sprintf("%.1f KiB", float64(n)/kib)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/mib)
}

// specific adds to a refusal what only the doctor knows: the command that lists
// the tags, the login that Docker has for another region.
func (d *Doctor) specific(err error, host reference.Host, image reference.Image, p Pull) error {
	var e *pullpass.Error
	if !errors.As(explainTimeout(host, err), &e) {
		return err
	}
	out := *e
	switch {
	case e.Code == pullpass.CodeManifestUnknown && host.ECR != nil:
		out.Hint = fmt.Sprintf("list the tags: aws ecr list-images --registry-id %s --region %s --repository-name %s; %s",
			host.ECR.Account, host.ECR.Region, image.Repository, e.Hint)
	case e.Code == pullpass.CodeLoginRefused:
		out.Hint = e.Hint + "; a registry that Pullpass keeps gets it by: pullpass registry update NAME --username USER --password-file -"
	case e.Code == pullpass.CodeLoginRequired:
		if other, ok := neighbour(host, p.Logins); ok {
			out.Cause = "nothing is stored for " + host.Name + "; there is a login for " + other + ", and a login counts for one host only"
		}
		if host.ECR != nil {
			out.Hint = "aws ecr get-login-password --region " + host.ECR.Region + " | docker login --username AWS --password-stdin " + host.Name +
				"; or let Pullpass keep it: pullpass registry add NAME --host " + host.Name
		}
	}
	return &out
}
