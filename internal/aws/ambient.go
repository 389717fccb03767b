package aws

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/pullpass/pullpass/internal/awsname"
)

// metadataTime is how long instance metadata has to answer: on an instance it
// takes milliseconds, elsewhere nobody should wait for it.
const metadataTime = time.Second

// loadAmbient finds the server's own identity.
func loadAmbient(ctx context.Context) (aws.Config, error) {
	return LoadAmbient(ctx, config.WithDefaultRegion("us-east-1")) // never ask metadata for it: the host decides
}

// AmbientIn finds a machine's own identity, and the region that it is in: what its
// environment or profile says, else instance metadata, else fallback. Where STS of
// one region cannot be reached, another one's is the wrong one to ask.
func AmbientIn(fallback string) func(context.Context) (aws.Config, error) {
	return func(ctx context.Context) (aws.Config, error) {
		c, err := LoadAmbient(ctx)
		if err != nil || c.Region != "" {
			return c, err
		}
		if c.Region = metadataRegion(ctx); c.Region == "" {
			c.Region = cmp.Or(fallback, "us-east-1")
		}
		return c, nil
	}
}

// metadataRegion asks the instance for its region; nothing where there is none.
func metadataRegion(ctx context.Context) string {
	if os.Getenv("AWS_EC2_METADATA_DISABLED") == "true" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, metadataTime)
	defer cancel()
	out, err := metadataClient().GetRegion(ctx, &imds.GetRegionInput{})
	if err != nil || !awsname.ValidRegion(out.Region) {
		return ""
	}
	return out.Region
}

// LoadAmbient finds the identity of whoever runs this process: environment,
// profile and SSO, web identity (IRSA), container (ECS, EKS Pod Identity),
// instance metadata, which has a second to answer.
func LoadAmbient(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	client := metadataClient()
	return config.LoadDefaultConfig(ctx, append(options,
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = prompt{client} }))...)
}

func metadataClient() *imds.Client {
	return imds.New(imds.Options{
		HTTPClient: &http.Client{
			Timeout: metadataTime,
			Transport: &http.Transport{ // metadata is link-local: never through a proxy
				DialContext: (&net.Dialer{Timeout: metadataTime}).DialContext, DisableKeepAlives: true,
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
	ctx, cancel := context.WithTimeout(ctx, metadataTime)
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

// ambientConfig loads it once: the provider inside refreshes itself.
func (m *Minter) ambientConfig(ctx context.Context) (aws.Config, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ambient == nil {
		c, err := m.o.Ambient(ctx)
		if err != nil {
			return aws.Config{}, err
		}
		m.ambient = &c
	}
	return *m.ambient, nil
}
