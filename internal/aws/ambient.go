package aws

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// metadataTime is how long instance metadata has to answer: on an instance it
// takes milliseconds, elsewhere nobody should wait for it.
const metadataTime = time.Second

// loadAmbient finds the server's own identity: environment, profile and SSO,
// web identity (IRSA), container (ECS, EKS Pod Identity), instance metadata.
func loadAmbient(ctx context.Context) (aws.Config, error) {
	client := imds.New(imds.Options{
		HTTPClient: &http.Client{
			Timeout: metadataTime,
			Transport: &http.Transport{ // metadata is link-local: never through a proxy
				DialContext: (&net.Dialer{Timeout: metadataTime}).DialContext, DisableKeepAlives: true,
			},
		},
		Retryer: aws.NopRetryer{},
	})
	return config.LoadDefaultConfig(ctx,
		config.WithDefaultRegion("us-east-1"), // never ask metadata for it: the host decides
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = client }),
	)
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
