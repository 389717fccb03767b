package awscall

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// MetadataTime is how long instance metadata has to answer: on an instance it
// takes milliseconds, elsewhere nobody should wait for it.
const MetadataTime = time.Second

// LoadAmbient finds the identity of whoever runs this process: environment,
// profile and SSO, web identity (IRSA), container (ECS, EKS Pod Identity),
// instance metadata, which has a second to answer.
func LoadAmbient(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	client := Metadata()
	return config.LoadDefaultConfig(ctx, append(options,
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = prompt{client} }))...)
}

// Metadata is a client of instance metadata that gives up soon, and goes through no proxy.
func Metadata() *imds.Client {
	return imds.New(imds.Options{
		HTTPClient: &http.Client{
			Timeout: MetadataTime,
			Transport: &http.Transport{ // metadata is link-local: never through a proxy
				DialContext: (&net.Dialer{Timeout: MetadataTime}).DialContext, DisableKeepAlives: true,
			},
		},
		Retryer: aws.NopRetryer{},
	})
}

// prompt bounds a question to metadata as a whole: the client inside asks for a
// session token first, and then falls back, each with its own timeout.
type prompt struct {
	ec2rolecreds.GetMetadataAPIClient
}

func (p prompt) GetMetadata(ctx context.Context, in *imds.GetMetadataInput, opts ...func(*imds.Options)) (*imds.GetMetadataOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, MetadataTime)
	defer cancel()
	out, err := p.GetMetadataAPIClient.GetMetadata(ctx, in, opts...)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(out.Content, 64<<10))
	_ = out.Content.Close() // read as far as it is wanted
	out.Content = io.NopCloser(bytes.NewReader(content))
	return out, err
}
